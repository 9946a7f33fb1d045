import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { TestScope } from './kafka.js';

export interface InstanceOptions {
  readonly brokers: string;
  readonly model: string;
  /** Fields of the configuration, as for --set. */
  readonly set: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}

type LogLine = Readonly<Record<string, unknown>>;

/**
 * A separate siftline process, as a user runs it. It is killed when the test ends. The test fails if the counts of its
 * outcomes do not add up.
 */
export class Instance {
  readonly lines: LogLine[] = [];
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;
  #stderr = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.exited = once(child, 'close').then(([code]) => code as number | null);
    if (child.stderr) createInterface({ input: child.stderr }).on('line', line => this.#read(line));
  }

  static start(t: TestScope, { brokers, model, set, env = {} }: InstanceOptions): Instance {
    const fields = Object.entries({ 'metrics.port': '0', ...set }).flatMap(([field, value]) => [
      '--set',
      `${field}=${value}`,
    ]);
    const args = ['dist/main.js', 'run', '--brokers', brokers, '--model', model, ...fields];
    const instance = new Instance(
      spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } }),
    );
    t.after(async () => {
      await instance.kill('SIGKILL');
      const breach = instance.lines.find(({ event }) => event === 'ledger_broken');
      assert.equal(breach, undefined, 'every record has one outcome, in every test');
    });
    return instance;
  }

  /** Returns everything on stderr, log lines and plain lines. */
  get stderr(): string {
    return this.#stderr;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Returns the first log line of an event. Fails if the process ends before it, or after a minute. */
  async event(name: string): Promise<LogLine> {
    const until = Date.now() + 60_000;
    for (;;) {
      const found = this.lines.find(({ event }) => event === name);
      if (found) return found;
      if (this.#child.exitCode !== null || Date.now() > until) throw new Error(`no event ${name}:\n${this.#stderr}`);
      await new Promise(resolve => setTimeout(resolve, 20));
    }
  }

  /** Returns the base URL of probes and metrics. */
  async url(): Promise<string> {
    const { port } = await this.event('listening');
    return `http://127.0.0.1:${port}`;
  }

  /** Returns the value of a counter or gauge of /metrics, summed over its labels. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${await this.url()}/metrics`)).text();
    const values = text.split('\n').filter(line => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  /** Returns the kernel's letter for the state of the process, T if it is stopped; Linux only. */
  get state(): string {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
    const at = stat.lastIndexOf(')') + 2;
    return stat.slice(at, at + 1);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Sends the signal and waits for the end. Returns the exit code; null if a signal ended the process. */
  async kill(signal: NodeJS.Signals): Promise<number | null> {
    this.signal(signal);
    return this.exited;
  }

  #read(line: string): void {
    this.#stderr += `${line}\n`;
    if (line.startsWith('{')) this.lines.push(JSON.parse(line) as LogLine);
  }
}
