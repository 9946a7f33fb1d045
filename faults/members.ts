import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { whenWeAreGone } from '../src/local-broker/commands.js';
import { until } from './client.js';

export interface MemberOptions {
  readonly name: string;
  /** The arguments of node: the script and its own arguments. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const KEPT_LINES = 2_000;
const START_LIMIT_MS = 90_000;

/** A process of the group: siftline, or the control. It ends with this process, however this one ends. */
export class Member {
  readonly name: string;
  /** The end of its stderr. */
  readonly log: string[] = [];
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #events = new Set<string>();
  /** True once SIGTERM was sent; from then on exit code 0 is right. */
  asked = false;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    const kill = () => child.kill('SIGKILL');
    process.prependOnceListener('exit', kill);
    const callOff = whenWeAreGone('kill -9 "$0"', [String(child.pid)]);
    this.exited = once(child, 'exit').then(([code, signal]) => {
      process.off('exit', kill);
      callOff();
      return { code, signal } as Exit;
    });
    if (child.stderr) createInterface({ input: child.stderr }).on('line', line => this.#read(line));
  }

  static start({ name, args, env = {} }: MemberOptions): Member {
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...env },
    });
    return new Member(name, child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get stopped(): boolean {
    return this.running && stateOf(this.pid) === 'T';
  }

  /** Returns the resident set, MB. */
  get rssMb(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024;
  }

  /** Waits for a log line with this event. Returns false if the process ends before it, or too much time has passed. */
  async event(name: string, limitMs = START_LIMIT_MS): Promise<boolean> {
    await until(() => this.#events.has(name) || !this.running, limitMs);
    return this.#events.has(name);
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }

  /** Ends the process with SIGTERM, and with SIGKILL if it has not ended after a long time. */
  async end(limitMs = 60_000): Promise<Exit> {
    this.asked = true;
    this.#child.kill('SIGCONT');
    this.#child.kill('SIGTERM');
    const limit = sleep(limitMs, undefined, { ref: false }).then(() => this.#child.kill('SIGKILL'));
    const exit = await this.exited;
    void limit;
    return exit;
  }

  #read(line: string): void {
    this.log.push(line);
    if (this.log.length > KEPT_LINES) this.log.shift();
    const event = /"event":"([a-z_]+)"/.exec(line)?.[1];
    if (event) this.#events.add(event);
  }
}

/**
 * Returns the letter of /proc for the state of a process; T is stopped. It needs Linux, as do the faults that use it.
 */
function stateOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat[stat.lastIndexOf(')') + 2];
  } catch {
    return undefined;
  }
}
