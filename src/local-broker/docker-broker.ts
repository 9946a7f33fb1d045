import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { containerEnvironment, serverProperties } from './broker-properties.js';
import { didNotStart, untilReady } from './broker-ready.js';
import type { Broker, BrokerOptions } from './broker-types.js';
import { run, whenWeAreGone } from './commands.js';
import { freePorts } from './free-ports.js';

export const KAFKA_IMAGE = 'apache/kafka:4.1.1';

const PULL_LIMIT_MS = 10 * 60_000;
const READY_LIMIT_MS = 120_000;
const RUNNING_POLL_MS = 1_000;

/**
 * Returns undefined if Docker can run the broker's image, which is pulled if needed; else the name of what is missing,
 * for a message.
 */
export async function whyNoDocker(log: (line: string) => void): Promise<string | undefined> {
  const engine = await run('docker', ['version', '--format', '{{.Server.Version}}']);
  if (!engine.ok) return 'Docker (`docker version` finds no engine)';
  if ((await run('docker', ['image', 'inspect', KAFKA_IMAGE])).ok) return undefined;
  log(`pulling ${KAFKA_IMAGE}`);
  const pull = await run('docker', ['pull', '-q', KAFKA_IMAGE], PULL_LIMIT_MS);
  return pull.ok ? undefined : `image ${KAFKA_IMAGE} in Docker (${pull.output.split('\n').at(-1)})`;
}

/** Starts the broker in a separate container, reachable on a free port of 127.0.0.1. */
export async function startDockerBroker(options: BrokerOptions): Promise<Broker> {
  const [port = 0, controllerPort = 0] = await freePorts(2);
  const name = `siftline-kafka-${randomBytes(4).toString('hex')}`;
  const layout = { bindHost: '', port, controllerPort, dataDir: '/tmp/siftline-kafka', extra: [] };
  // The image uses none of its own defaults once it is given any property.
  const environment = containerEnvironment({ ...serverProperties(layout), ...options.properties });
  const env = Object.entries(environment).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
  const broker = new DockerBroker(name, `127.0.0.1:${port}`, options.log);
  const created = await run(
    'docker',
    ['run', '-d', '--name', name, '-p', `${broker.bootstrap}:${port}`, ...env, KAFKA_IMAGE],
    READY_LIMIT_MS,
  );
  try {
    if (!created.ok) throw didNotStart('could not be created in Docker', created.output);
    await broker.ready();
    return broker;
  } catch (error) {
    await broker.stop();
    throw error;
  }
}

class DockerBroker implements Broker {
  readonly how = 'docker';
  readonly listeners = {};
  readonly bootstrap: string;
  readonly #name: string;
  readonly #tell: (line: string) => void;
  readonly #remove: () => void;
  readonly #callOff: () => void;

  constructor(name: string, bootstrap: string, tell: (line: string) => void) {
    this.#name = name;
    this.bootstrap = bootstrap;
    this.#tell = tell;
    this.#remove = () => execFileSync('docker', ['rm', '-f', '-v', name], { stdio: 'ignore' });
    process.once('exit', this.#remove);
    this.#callOff = whenWeAreGone('docker rm -f -v "$0"', [name]);
  }

  /** Waits until the broker answers; fails early if its container ends. */
  async ready(): Promise<void> {
    const gone = new AbortController();
    const watch = setInterval(() => {
      void run('docker', ['inspect', '-f', '{{.State.Running}}', this.#name]).then(({ output }) => {
        if (output === 'false') gone.abort();
      });
    }, RUNNING_POLL_MS);
    const ready = await untilReady(this.bootstrap, READY_LIMIT_MS, gone.signal);
    clearInterval(watch);
    if (!ready) throw didNotStart('did not become ready in Docker', (await run('docker', ['logs', this.#name])).output);
    this.#tell(`broker on ${this.bootstrap} (Docker, ${KAFKA_IMAGE})`);
  }

  kill(): void {
    execFileSync('docker', ['kill', this.#name], { stdio: 'ignore' });
  }

  async restart(): Promise<void> {
    await run('docker', ['restart', this.#name], READY_LIMIT_MS);
    await this.ready();
  }

  async stop(): Promise<void> {
    await run('docker', ['rm', '-f', '-v', this.#name], READY_LIMIT_MS);
    process.off('exit', this.#remove);
    this.#callOff();
  }
}
