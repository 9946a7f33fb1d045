import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { whenWeAreGone } from '../src/local-broker/commands.js';

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
}

/**
 * An event that a process of a contestant writes to stderr: a JSON object with the field `event`, on a separate line.
 */
export type Event = Readonly<Record<string, unknown>> & { readonly event: string };

const START_LIMIT_MS = 120_000;
const END_LIMIT_MS = 20_000;
const KEPT_LINES = 30;
/** USER_HZ, which Linux has kept at 100 on every platform that Node runs on. */
const TICKS_PER_SECOND = 100;

/** One process of a contestant. It ends with this process, however this one ends. */
export class Child {
  readonly pid: number;
  readonly startedAt = Date.now();
  readonly events: Event[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #log: string[] = [];
  #ended = false;

  constructor({ command, args }: Command) {
    const env = { ...process.env, ORT_DISABLE_TELEMETRY: '1', PYTHONUNBUFFERED: '1' };
    this.#child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], env });
    this.pid = this.#child.pid ?? 0;
    const callOff = whenWeAreGone('kill -9 "$0"', [String(this.pid)]);
    this.#exited = once(this.#child, 'exit').finally(() => {
      this.#ended = true;
      callOff();
    });
    this.#exited.catch(() => {});
    if (this.#child.stderr) createInterface({ input: this.#child.stderr }).on('line', line => this.#read(line));
  }

  /**
   * Returns the first event of this name. Throws with the end of the log if the process ends, or two minutes pass,
   * before it.
   */
  async event(name: string): Promise<Event> {
    const until = performance.now() + START_LIMIT_MS;
    for (;;) {
      const found = this.events.find(({ event }) => event === name);
      if (found) return found;
      this.check();
      if (performance.now() > until)
        throw new Error(`no event ${name} within ${START_LIMIT_MS / 1000} s${this.#end()}`);
      await new Promise(resolve => setTimeout(resolve, 5));
    }
  }

  /** Throws if the process has ended by itself. */
  check(): void {
    if (this.#ended) throw new Error(`a contestant's process ended${this.#end()}`);
  }

  /** Ends the process with SIGTERM, and with SIGKILL if that does not help. */
  async end(): Promise<void> {
    this.#child.kill('SIGTERM');
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), END_LIMIT_MS);
    await this.#exited.catch(() => {});
    clearTimeout(limit);
  }

  #end(): string {
    return `; its last lines:\n${this.#log.join('\n')}`;
  }

  #read(line: string): void {
    this.#log.push(line.slice(0, 500));
    if (this.#log.length > KEPT_LINES) this.#log.shift();
    const event = eventIn(line);
    if (event) this.events.push(event);
  }
}

function eventIn(line: string): Event | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const parsed = JSON.parse(line) as Event;
    return typeof parsed.event === 'string' ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the CPU seconds so far of a process with all its threads; 0 without /proc. */
export function cpuSeconds(pid: number | undefined): number {
  return ticks(`/proc/${pid}/stat`);
}

/** Returns the CPU seconds so far of a process's first thread: in Node, of the event loop. */
export function mainThreadSeconds(pid: number): number {
  return ticks(`/proc/${pid}/task/${pid}/stat`);
}

/** Returns the CPU seconds so far of each other thread of a process, by id. */
export function otherThreadSeconds(pid: number): Map<string, number> {
  const ids = readdirOrEmpty(`/proc/${pid}/task`).filter(id => id !== String(pid));
  return new Map(ids.map(id => [id, ticks(`/proc/${pid}/task/${id}/stat`)]));
}

/** Returns the high-water mark of the resident set, MB; 0 without /proc. */
export function peakRssMb(pid: number): number {
  const kb = /VmHWM:\s+(\d+)/.exec(readOrEmpty(`/proc/${pid}/status`))?.[1];
  return Number(kb ?? 0) / 1024;
}

/**
 * Returns the process id of the JVM of a broker that was started here; undefined for another broker, or without /proc.
 */
export function brokerPid(): number | undefined {
  const pids = readdirOrEmpty('/proc').filter(name => /^\d+$/.test(name));
  const found = pids.find(
    pid => parentOf(pid) === process.pid && readOrEmpty(`/proc/${pid}/cmdline`).includes('kafka.Kafka'),
  );
  return found === undefined ? undefined : Number(found);
}

/** Returns the fields of `stat` after the name, which may hold spaces and brackets itself. */
function fields(file: string): string[] {
  const stat = readOrEmpty(file);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function ticks(file: string): number {
  const [user = 0, system = 0] = fields(file).slice(11, 13).map(Number);
  return (user + system) / TICKS_PER_SECOND;
}

function parentOf(pid: string): number {
  return Number(fields(`/proc/${pid}/stat`)[1]);
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function readdirOrEmpty(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
