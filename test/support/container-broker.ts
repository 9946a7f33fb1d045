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

/** The two images of Kafka that the suite is run on; each is started its own way. */
export const KAFKA_IMAGES = ['confluentinc/cp-kafka:8.1.1', 'apache/kafka:4.1.1'] as const;

const START_LIMIT_MS = 180_000;

export interface ContainerBroker {
  readonly bootstrap: string;
  stop(): Promise<void>;
}

/** Undefined when testcontainers can start the image, pulling it if it may; else what is missing. */
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
 * A broker in a container of its own, with the settings the tests count on; ready when this returns. Removed by `stop`,
 * and when this process is gone without it: the reaper of testcontainers is an image too, which may not be there.
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

/** A broker that is also `kafka:9092` to the containers of a network; needs an image of Confluent. */
export async function startBrokerIn(network: StartedNetwork): Promise<ContainerBroker> {
  return started(await confluent(KAFKA_IMAGES[0], network));
}

interface Started {
  readonly container: StartedTestContainer;
  readonly bootstrap: string;
}

/** The module of testcontainers tells the broker its address once the engine has given it a port. */
async function confluent(image: string, network?: StartedNetwork): Promise<Started> {
  const kafka = new KafkaContainer(image);
  if (network) kafka.withNetwork(network).withNetworkAliases('kafka');
  const container = await kafka
    .withEnvironment(containerEnvironment(FOR_TESTS))
    // withStartupTimeout does not reach the wait for the port, which gives up after a minute.
    .withWaitStrategy(Wait.forListeningPorts().withStartupTimeout(START_LIMIT_MS))
    .start();
  return { container, bootstrap: `${container.getHost()}:${container.getMappedPort(9093)}` };
}

/** This image reads its address before it starts, so the port is chosen here. */
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
