import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ExitCode, SiftlineError } from '../errors.js';
import { whenWeAreGone } from '../local-broker/commands.js';
import type { DemoTopics } from './topics.js';

export interface StageOptions {
  /** Arguments of `siftline run`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told of what siftline warns of, in single lines. */
  readonly warn: (line: string) => void;
}

interface LogLine {
  readonly level?: string;
  readonly event?: string;
  readonly port?: number;
  readonly msg?: string;
  readonly error?: string;
}

const READY_POLL_MS = 100;
const READY_LIMIT_MS = 180_000;
const PROBE_LIMIT_MS = 5_000;
const STOP_LIMIT_MS = 40_000;
const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));

/** `siftline run` as a process of its own, the way a user runs it. It never outlives this process. */
export class StageProcess {
  readonly #options: StageOptions;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #lastWords: string[] = [];
  #port: number | undefined;

  constructor(options: StageOptions) {
    this.#options = options;
    // Detached: a Ctrl-C in the terminal is meant for us, and we say when it is to drain.
    this.#child = spawn(process.execPath, [MAIN, 'run', ...options.args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: options.env,
      detached: true,
    });
    this.#exited = new Promise(resolve => this.#child.once('close', resolve));
    if (this.#child.stderr) createInterface({ input: this.#child.stderr }).on('line', line => this.#hear(line));
    this.#bindToUs();
  }

  /** Base URL of its probes and metrics; undefined until it listens. */
  get url(): string | undefined {
    return this.#port === undefined ? undefined : `http://127.0.0.1:${this.#port}`;
  }

  /** Resolves when it says that it is ready, or once `stop` is given; throws what it said when it ends before. */
  async ready(stop: AbortSignal): Promise<void> {
    const until = performance.now() + READY_LIMIT_MS;
    while (!stop.aborted && !(await this.#isReady())) {
      await this.mustRun();
      if (performance.now() > until) throw notReady(this.url);
      await sleep(READY_POLL_MS);
    }
  }

  /** Throws if it has ended, with what it said last. */
  async mustRun(): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) return;
    await this.#exited;
    throw ended(this.#child, this.#lastWords);
  }

  /** Drains it and waits for its end; throws if that was not a good one. */
  async stop(): Promise<void> {
    await this.mustRun();
    this.#child.kill('SIGTERM');
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.#exited;
    clearTimeout(limit);
    if (this.#child.exitCode !== 0) throw ended(this.#child, this.#lastWords);
  }

  /** Ends it, if it has not ended, without draining. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #bindToUs(): void {
    const kill = () => this.#child.kill('SIGKILL');
    process.once('exit', kill);
    const callOff = whenWeAreGone('kill -9 "$0"', [String(this.#child.pid)]);
    this.#child.once('exit', () => {
      process.off('exit', kill);
      callOff();
    });
  }

  async #isReady(): Promise<boolean> {
    if (this.url === undefined) return false;
    const signal = AbortSignal.timeout(PROBE_LIMIT_MS);
    const answer = await fetch(`${this.url}/readyz`, { signal }).catch(() => undefined);
    await answer?.body?.cancel();
    return answer?.ok ?? false;
  }

  #hear(line: string): void {
    const entry = parse(line);
    if (!entry) this.#lastWords.push(line);
    else if (entry.event === 'listening') this.#port = entry.port;
    else if (entry.level === 'warn' || entry.level === 'error') {
      this.#options.warn(`siftline: ${entry.msg ?? entry.event}${entry.error ? `: ${entry.error}` : ''}`);
    }
  }
}

function parse(line: string): LogLine | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return undefined;
  }
}

function notReady(url: string | undefined): SiftlineError {
  return new SiftlineError({
    code: 'DEMO_NOT_READY',
    message: `siftline run was not ready after ${READY_LIMIT_MS / 1000} s; ${url ? `see ${url}/readyz` : 'it does not listen yet'}`,
    exitCode: ExitCode.internal,
  });
}

/** Takes over the failure it ends with, `siftline: CODE: message`; any other end is told by its first words. */
function ended({ exitCode, signalCode }: ChildProcess, words: readonly string[]): SiftlineError {
  const [, code = 'DEMO_STAGE_ENDED', message = byItself(words, signalCode ?? `exit code ${exitCode}`)] =
    /^siftline: ([A-Z_]+): (.*)$/ms.exec(words.join('\n')) ?? [];
  return new SiftlineError({
    code,
    message,
    exitCode: Object.values(ExitCode).find(known => known === exitCode && known !== 0) ?? ExitCode.internal,
  });
}

const LIBRARY_MISSING = /Cannot find (module|package)|ERR_MODULE_NOT_FOUND|ERR_DLOPEN_FAILED/;

/** Of a stack only the line with the error is taken: all of it is a screenful. */
function byItself(words: readonly string[], how: string): string {
  const said = words.find(line => /^siftline: |Error\b/.test(line)) ?? words.at(-1);
  const why = said === undefined ? 'and did not say why' : `and said "${said.replace(/^siftline: /, '')}"`;
  const wayOut = words.some(line => LIBRARY_MISSING.test(line))
    ? '`npm ci` installs its libraries anew'
    : 'started by itself, the command that is said above tells more';
  return `siftline run ended by itself (${how}) ${why}; ${wayOut}`;
}

export interface StageSetting {
  readonly bootstrap: string;
  readonly topics: DemoTopics;
  readonly model: string;
  readonly workers: number | undefined;
}

/** The arguments of the demo's `siftline run`; what is siftline's default is left out, so that they can be read. */
export function stageArgs({ bootstrap, topics, model, workers }: StageSetting): string[] {
  const ofThisRun = topics.group !== 'siftline';
  const sets = {
    ...(ofThisRun ? { 'output.labelsTopic': topics.labels } : {}),
    ...(ofThisRun ? { 'output.rejectedTopic': topics.rejected } : {}),
    ...(ofThisRun ? { 'output.metricsTopic': topics.metrics } : {}),
    'metrics.host': '127.0.0.1',
    'metrics.port': '0',
    'metrics.windowSeconds': '1',
    // The demo's few texts come again and again: its figures are of texts that are computed.
    'cache.maxBytes': '0',
  };
  return [
    ...['--brokers', bootstrap, '--model', model],
    ...(workers === undefined ? [] : ['--workers', String(workers)]),
    ...(ofThisRun ? ['--topics', topics.texts, '--group', topics.group] : []),
    ...Object.entries(sets).flatMap(([field, value]) => ['--set', `${field}=${value}`]),
  ];
}

/** The environment without siftline's own variables: the demo is the same whatever is configured around it. */
export function stageEnv(env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('SIFTLINE_')));
}
