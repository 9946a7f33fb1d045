import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, rmSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeWorkFolder } from '../files.js';
import { propertiesFile, serverProperties } from './broker-properties.js';
import { didNotStart, untilReady } from './broker-ready.js';
import type { Broker, BrokerOptions } from './broker-types.js';
import { run, whenWeAreGone } from './commands.js';
import { freePorts } from './free-ports.js';
import type { JavaSetup } from './java-setup.js';

const READY_LIMIT_MS = 120_000;
const STOP_LIMIT_MS = 10_000;
const PORT_TRIES = 3;
const JVM_FLAGS = [
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-Djava.awt.headless=true',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
];

/** Formats and starts a broker on free ports. Tries other ports if another process was faster to listen on one. */
export async function startJavaBroker(java: JavaSetup, options: BrokerOptions): Promise<Broker> {
  for (let tries = 1; ; tries++) {
    const broker = await JavaBroker.prepare(java, options);
    try {
      await broker.format(options.formatArgs ?? []);
      await broker.start();
      return broker;
    } catch (error) {
      const portTaken = (await broker.log()).includes('Address already in use');
      await broker.stop();
      if (!portTaken || tries === PORT_TRIES) throw error;
    }
  }
}

interface BrokerPlace {
  /** The folder with server.properties, data and broker.log. */
  readonly folder: string;
  readonly bootstrap: string;
  readonly listeners: Readonly<Record<string, string>>;
}

/** One JVM and its folder; no JVM while it is killed. */
class JavaBroker implements Broker {
  readonly how = 'java';
  readonly bootstrap: string;
  readonly listeners: Readonly<Record<string, string>>;
  readonly #java: JavaSetup;
  readonly #folder: string;
  readonly #tell: (line: string) => void;
  readonly #removeFolder: () => void;
  #jvm: ChildProcess | undefined;

  private constructor(java: JavaSetup, { folder, bootstrap, listeners }: BrokerPlace, tell: (line: string) => void) {
    this.#java = java;
    this.#folder = folder;
    this.bootstrap = bootstrap;
    this.listeners = listeners;
    this.#tell = tell;
    this.#removeFolder = () => rmSync(folder, { recursive: true, force: true });
    process.once('exit', this.#removeFolder);
  }

  static async prepare(java: JavaSetup, options: BrokerOptions): Promise<JavaBroker> {
    const folder = makeWorkFolder('siftline-kafka-', options.workDir);
    const [port = 0, controllerPort = 0, ...ports] = await freePorts(2 + (options.listeners?.length ?? 0));
    const extra = (options.listeners ?? []).map((listener, i) => ({ ...listener, port: ports[i] ?? 0 }));
    const layout = { bindHost: '127.0.0.1', port, controllerPort, dataDir: join(folder, 'data'), extra };
    const properties = { ...serverProperties(layout), ...options.properties };
    await writeFile(join(folder, 'server.properties'), propertiesFile(properties));
    const listeners = Object.fromEntries(
      extra.map(each => [each.name, `${each.reachedAs ?? '127.0.0.1'}:${each.port}`]),
    );
    return new JavaBroker(java, { folder, bootstrap: `127.0.0.1:${port}`, listeners }, options.log);
  }

  async format(extraArgs: readonly string[]): Promise<void> {
    const args = ['format', '-t', clusterId(), '-c', this.#file('server.properties'), ...extraArgs];
    const { ok, output } = await run(
      this.#java.command,
      ['-Xmx128m', ...this.#main('kafka.tools.StorageTool'), ...args],
      READY_LIMIT_MS,
    );
    if (!ok) throw didNotStart('could not format its storage', output);
  }

  async start(): Promise<void> {
    const started = performance.now();
    const gone = new AbortController();
    this.#spawn().once('exit', () => gone.abort());
    const ready = await untilReady(this.bootstrap, READY_LIMIT_MS, gone.signal);
    if (gone.signal.aborted) throw didNotStart('ended while starting', await this.log());
    if (!ready) throw didNotStart(`was not ready after ${READY_LIMIT_MS / 1000} s`, await this.log());
    this.#tell(`broker on ${this.bootstrap} (Java), ready in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  }

  #spawn(): ChildProcess {
    const log = openSync(this.#file('broker.log'), 'a');
    const args = ['-Xmx256m', ...this.#main('kafka.Kafka'), this.#file('server.properties')];
    // The JVM is detached: a Ctrl-C in the terminal is for this process, which may still be draining into this broker.
    const jvm = spawn(this.#java.command, args, { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    jvm.unref();
    const kill = () => jvm.kill('SIGKILL');
    process.prependOnceListener('exit', kill);
    const callOff = whenWeAreGone('kill -9 "$0"; sleep 1; rm -rf "$1"', [String(jvm.pid), this.#folder]);
    jvm.once('exit', () => {
      process.off('exit', kill);
      callOff();
    });
    this.#jvm = jvm;
    return jvm;
  }

  #main(mainClass: string): string[] {
    return [...JVM_FLAGS, '-cp', this.#java.classpath, mainClass];
  }

  kill(): void {
    this.#jvm?.kill('SIGKILL');
  }

  async restart(): Promise<void> {
    await this.#end();
    await this.start();
  }

  async stop(): Promise<void> {
    await this.#end();
    process.off('exit', this.#removeFolder);
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 });
  }

  async #end(): Promise<void> {
    const jvm = this.#jvm;
    if (!jvm || jvm.exitCode !== null || jvm.signalCode !== null) return;
    const exited = once(jvm, 'exit');
    jvm.ref();
    jvm.kill('SIGTERM');
    const limit = setTimeout(() => jvm.kill('SIGKILL'), STOP_LIMIT_MS);
    await exited;
    clearTimeout(limit);
  }

  /** Returns the lines that the JVM has written so far. */
  log(): Promise<string> {
    return readFile(this.#file('broker.log'), 'utf8').catch(() => '');
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }
}

/** Returns 16 random bytes in Kafka's spelling. A leading dash is avoided, since it would be taken for an option. */
function clusterId(): string {
  return randomBytes(16).toString('base64url').replace(/^-/, 'A');
}
