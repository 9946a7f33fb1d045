import { KafkaContainer } from '@testcontainers/kafka';
import {
  GenericContainer,
  getContainerRuntimeClient,
  ImageName,
  type StartedNetwork,
  type StartedTestContainer,
  Wait,
} from 'testcontainers';
import { containerEnvironment, FOR_TESTS, serverProperties } from '../../src/local-broker/broker-properties.js';
import { untilReady } from '../../src/local-broker/broker-ready.js';
import { whenWeAreGone } from '../../src/local-broker/commands.js';
import { freePorts } from '../../src/local-broker/free-ports.js';

/** The two images of Kafka that the suite is run on. Each is started in a different way. */
export const KAFKA_IMAGES = ['confluentinc/cp-kafka:8.1.1', 'apache/kafka:4.1.1'] as const;

const START_LIMIT_MS = 180_000;

export interface ContainerBroker {
  readonly bootstrap: string;
  stop(): Promise<void>;
}

/**
 * Returns undefined if testcontainers can start the image, which it may have to pull; else the name of what is missing.
 */
export async function whyNoContainer(image: string, mayPull: boolean): Promise<string | undefined> {
  try {
    const client = await getContainerRuntimeClient();
    if (mayPull || (await client.image.exists(ImageName.fromString(image)))) return undefined;
    return `image ${image} is not here, and PULL_IMAGES=0 forbids to pull it`;
  } catch (error) {
    return `no container engine answers (${(error as Error).message})`;
  }
}

/**
 * Starts a broker in a separate container, with the settings that the tests depend on. It is ready when this returns.
 * `stop` removes it. It is also removed when this process ends without `stop`, although the reaper of testcontainers
 * may be missing, since that is an image too.
 */
export async function startContainerBroker(image: string): Promise<ContainerBroker> {
  return started(image.startsWith('confluentinc/') ? await confluent(image) : await apache(image));
}

async function started({ container, bootstrap }: Started): Promise<ContainerBroker> {
  const callOff = whenWeAreGone('docker rm -f -v "$0"', [container.getId()]);
  const stop = async () => {
    await container.stop({ timeout: 10_000 });
    callOff();
  };
  if (await untilReady(bootstrap, START_LIMIT_MS)) return { bootstrap, stop };
  await stop();
  throw new Error(`no broker answers on ${bootstrap} ${START_LIMIT_MS / 1000} s after its container started`);
}

/** Starts a broker that is also `kafka:9092` to the containers of a network; needs an image of Confluent. */
export async function startBrokerIn(network: StartedNetwork): Promise<ContainerBroker> {
  return started(await confluent(KAFKA_IMAGES[0], network));
}

interface Started {
  readonly container: StartedTestContainer;
  readonly bootstrap: string;
}

/**
 * Starts the Confluent image. Its module of testcontainers tells the broker its address once the engine has given it a
 * port.
 */
async function confluent(image: string, network?: StartedNetwork): Promise<Started> {
  const kafka = new KafkaContainer(image);
  if (network) kafka.withNetwork(network).withNetworkAliases('kafka');
  const container = await kafka
    .withEnvironment(containerEnvironment(FOR_TESTS))
    // withStartupTimeout does not apply to the wait for the port, which gives up after a minute.
    .withWaitStrategy(Wait.forListeningPorts().withStartupTimeout(START_LIMIT_MS))
    .start();
  return { container, bootstrap: `${container.getHost()}:${container.getMappedPort(9093)}` };
}

/** Starts the Apache image. It reads its address before it starts, so the port is chosen here. */
async function apache(image: string): Promise<Started> {
  const { host } = (await getContainerRuntimeClient()).info.containerRuntime;
  const [port = 0, controllerPort = 0] = await freePorts(2);
  const bootstrap = `${host}:${port}`;
  const properties = {
    ...serverProperties({ bindHost: '', port, controllerPort, dataDir: '/tmp/siftline-kafka', extra: [] }),
    'advertised.listeners': `PLAINTEXT://${bootstrap}`,
  };
  const container = await new GenericContainer(image)
    .withExposedPorts({ container: port, host: port })
    .withEnvironment(containerEnvironment(properties))
    .withWaitStrategy(Wait.forListeningPorts().withStartupTimeout(START_LIMIT_MS))
    .start();
  return { container, bootstrap };
}
