import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, rmSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Properties, propertiesFile, serverProperties } from '../src/local-broker/broker-properties.js';
import { untilReady } from '../src/local-broker/broker-ready.js';
import { run, whenWeAreGone } from '../src/local-broker/commands.js';
import { freePorts } from '../src/local-broker/free-ports.js';
import { findJava, kafkaJars } from '../src/local-broker/java-setup.js';
import { BrokerProxy } from './proxy.js';

/** The java command and the jars it runs. */
export interface Java {
  readonly command: string;
  readonly classpath: string;
}

const START_LIMIT_MS = 180_000;
const STOP_LIMIT_MS = 20_000;
export const JVM_FLAGS = [
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-Djava.awt.headless=true',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
];

/**
 * The settings of a replicated cluster. Brokers are killed only where a second replica keeps the records of the first:
 * docs/guarantees.md.
 */
const REPLICATED: Properties = {
  'default.replication.factor': '3',
  'min.insync.replicas': '2',
  'offsets.topic.replication.factor': '3',
  'transaction.state.log.replication.factor': '3',
  'transaction.state.log.min.isr': '2',
  'share.coordinator.state.topic.replication.factor': '3',
  'share.coordinator.state.topic.min.isr': '2',
};

/** Returns the java command and the jars of a version of Kafka, by default the one that everything is tried with. */
export async function findKafka(log: (line: string) => void, version?: string): Promise<Java> {
  const java = await findJava(process.env.JAVA_HOME);
  if ('missing' in java) throw new Error(`the fault suite runs Kafka's own jars: there is no ${java.missing}`);
  const jars = await kafkaJars(log, { version });
  if ('missing' in jars) throw new Error(`the fault suite runs Kafka's own jars: there is no ${jars.missing}`);
  return { ...java, ...jars };
}

/**
 * One broker, or three that replicate everything (KRaft, each broker and controller). Every broker has two addresses:
 * its own, and the address of the proxy in front of it. Every process that is started here is ended by its process id,
 * and never outlives this process.
 */
export class Cluster {
  readonly nodes: readonly Node[];
  readonly proxies: readonly BrokerProxy[];
  readonly #folder: string;

  private constructor(folder: string, nodes: readonly Node[], proxies: readonly BrokerProxy[]) {
    this.#folder = folder;
    this.nodes = nodes;
    this.proxies = proxies;
  }

  static async start(java: Java, size: 1 | 3): Promise<Cluster> {
    const folder = await mkdtemp(join(tmpdir(), 'siftline-faults-kafka-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    const ports = await freePorts(size * 3);
    const at = (node: number, which: number) => ports[node * 3 + which] ?? 0;
    const ids = Array.from({ length: size }, (_, i) => i);
    const proxies = await Promise.all(ids.map(i => BrokerProxy.open(() => at(i, 2))));
    const voters = ids.map(i => `${i + 1}@127.0.0.1:${at(i, 1)}`).join();
    const clusterId = randomBytes(16).toString('base64url').replace(/^-/, 'A');
    const nodes = await Promise.all(
      ids.map(async i => {
        const home = join(folder, String(i + 1));
        const [port, controllerPort, proxied] = [at(i, 0), at(i, 1), at(i, 2)];
        const extra = [{ name: 'PROXIED', protocol: 'PLAINTEXT' as const, port: proxied }];
        const properties = {
          ...serverProperties({ bindHost: '127.0.0.1', port, controllerPort, dataDir: `${home}-data`, extra }),
          ...(size === 3 ? REPLICATED : {}),
          'node.id': String(i + 1),
          'controller.quorum.voters': voters,
          'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},PROXIED://127.0.0.1:${proxies[i]?.port}`,
          'transaction.abort.timed.out.transaction.cleanup.interval.ms': '1000',
          'controlled.shutdown.enable': 'true',
        };
        await writeFile(`${home}.properties`, propertiesFile(properties));
        return new Node(java, { id: i + 1, home, port });
      }),
    );
    const cluster = new Cluster(folder, nodes, proxies);
    try {
      for (const node of nodes) await node.format(clusterId);
      for (const node of nodes) node.spawn();
      await Promise.all(nodes.map(node => node.ready()));
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Returns the addresses of the brokers themselves. */
  get bootstrap(): string {
    return this.nodes.map(({ port }) => `127.0.0.1:${port}`).join();
  }

  /** Returns the addresses of the proxies in front of them. */
  get proxied(): string {
    return this.proxies.map(({ port }) => `127.0.0.1:${port}`).join();
  }

  get replication(): number {
    return this.nodes.length;
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map(node => node.end('SIGKILL')));
    await Promise.all(this.proxies.map(proxy => proxy.close()));
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

interface NodeOptions {
  readonly id: number;
  /** The beginning of the names of its files. */
  readonly home: string;
  readonly port: number;
}

/** One broker's JVM; no JVM while it is dead. */
export class Node {
  readonly id: number;
  readonly port: number;
  readonly #java: Java;
  readonly #home: string;
  #jvm: ChildProcess | undefined;

  constructor(java: Java, { id, home, port }: NodeOptions) {
    this.#java = java;
    this.#home = home;
    this.id = id;
    this.port = port;
  }

  async format(clusterId: string): Promise<void> {
    const main = ['-cp', this.#java.classpath, 'kafka.tools.StorageTool'];
    const args = ['format', '-t', clusterId, '-c', `${this.#home}.properties`];
    const { ok, output } = await run(this.#java.command, ['-Xmx128m', ...JVM_FLAGS, ...main, ...args], START_LIMIT_MS);
    if (!ok) throw new Error(`broker ${this.id} could not format its storage: ${output.slice(-500)}`);
  }

  spawn(): void {
    const log = openSync(`${this.#home}.log`, 'a');
    const args = ['-Xmx256m', ...JVM_FLAGS, '-cp', this.#java.classpath, 'kafka.Kafka', `${this.#home}.properties`];
    const jvm = spawn(this.#java.command, args, { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    jvm.unref();
    const kill = () => jvm.kill('SIGKILL');
    process.prependOnceListener('exit', kill);
    const callOff = whenWeAreGone('kill -9 "$0"', [String(jvm.pid)]);
    jvm.once('exit', () => {
      process.off('exit', kill);
      callOff();
    });
    this.#jvm = jvm;
  }

  async ready(): Promise<void> {
    const gone = new AbortController();
    this.#jvm?.once('exit', () => gone.abort());
    if (await untilReady(`127.0.0.1:${this.port}`, START_LIMIT_MS, gone.signal)) return;
    const log = await readFile(`${this.#home}.log`, 'utf8').catch(() => '');
    throw new Error(`broker ${this.id} did not get ready: ${log.slice(-1_000)}`);
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#jvm?.kill(signal);
  }

  /** Ends the JVM and waits for its end. SIGTERM is followed by SIGKILL if it takes too long. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const jvm = this.#jvm;
    if (!jvm || jvm.exitCode !== null || jvm.signalCode !== null) return;
    const exited = once(jvm, 'exit');
    jvm.ref();
    jvm.kill(signal);
    const limit = setTimeout(() => jvm.kill('SIGKILL'), STOP_LIMIT_MS);
    await exited;
    clearTimeout(limit);
  }
}
