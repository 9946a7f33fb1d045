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
  /** Receives the warnings of siftline, in single lines. */
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

/** Runs `siftline run` as a separate process, as a user does. It never outlives this process. */
export class StageProcess {
  readonly #options: StageOptions;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #lastWords: string[] = [];
  #port: number | undefined;

  constructor(options: StageOptions) {
    this.#options = options;
    // The child is detached: a Ctrl-C in the terminal is for this process, which then tells the child to drain.
    this.#child = spawn(process.execPath, [MAIN, 'run', ...options.args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: options.env,
      detached: true,
    });
    this.#exited = new Promise(resolve => this.#child.once('close', resolve));
    if (this.#child.stderr) createInterface({ input: this.#child.stderr }).on('line', line => this.#hear(line));
    this.#bindToUs();
  }

  /** Returns the base URL of probes and metrics; undefined until siftline listens. */
  get url(): string | undefined {
    return this.#port === undefined ? undefined : `http://127.0.0.1:${this.#port}`;
  }

  /** Resolves when siftline is ready, or at `stop`. Throws its error message if it ends before. */
  async ready(stop: AbortSignal): Promise<void> {
    const until = performance.now() + READY_LIMIT_MS;
    while (!stop.aborted && !(await this.#isReady())) {
      await this.mustRun();
      if (performance.now() > until) throw notReady(this.url);
      await sleep(READY_POLL_MS);
    }
  }

  /** Throws if siftline has ended, with its last message. */
  async mustRun(): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode === null && signalCode === null) return;
    await this.#exited;
    throw ended(this.#child, this.#lastWords);
  }

  /** Drains siftline and waits for its end; throws if it failed. */
  async stop(): Promise<void> {
    await this.mustRun();
    this.#child.kill('SIGTERM');
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.#exited;
    clearTimeout(limit);
    if (this.#child.exitCode !== 0) throw ended(this.#child, this.#lastWords);
  }

  /** Kills siftline without draining it, if it still runs. */
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
    message: `siftline run was not ready after ${READY_LIMIT_MS / 1000} s; ${url ? `look at ${url}/readyz` : 'it does not listen on its port yet'}`,
    exitCode: ExitCode.internal,
  });
}

/**
 * Returns the failure of siftline as it stated it, `siftline: CODE: message`. Any other end is described by its first
 * words.
 */
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

/**
 * Describes an end without a code. Of a stack it takes only the line with the error, since the whole stack fills a
 * screen.
 */
function byItself(words: readonly string[], how: string): string {
  const said = words.find(line => /^siftline: |Error\b/.test(line)) ?? words.at(-1);
  const why = said === undefined ? 'and did not say why' : `and said "${said.replace(/^siftline: /, '')}"`;
  const wayOut = words.some(line => LIBRARY_MISSING.test(line))
    ? 'install its libraries again with `npm ci`'
    : 'run the command shown above by itself to see more';
  return `siftline run ended by itself (${how}) ${why}; ${wayOut}`;
}

export interface StageSetting {
  readonly bootstrap: string;
  readonly topics: DemoTopics;
  readonly model: string;
  readonly workers: number | undefined;
}

/** Returns the arguments of the demo's `siftline run`. Defaults are left out, which keeps the command readable. */
export function stageArgs({ bootstrap, topics, model, workers }: StageSetting): string[] {
  const ofThisRun = topics.group !== 'siftline';
  const sets = {
    ...(ofThisRun ? { 'output.labelsTopic': topics.labels } : {}),
    ...(ofThisRun ? { 'output.rejectedTopic': topics.rejected } : {}),
    ...(ofThisRun ? { 'output.metricsTopic': topics.metrics } : {}),
    'metrics.host': '127.0.0.1',
    'metrics.port': '0',
    'metrics.windowSeconds': '1',
    // The cache is off: the demo's few texts repeat, and its figures must be of texts that are computed.
    'cache.maxBytes': '0',
  };
  return [
    ...['--brokers', bootstrap, '--model', model],
    ...(workers === undefined ? [] : ['--workers', String(workers)]),
    ...(ofThisRun ? ['--topics', topics.texts, '--group', topics.group] : []),
    ...Object.entries(sets).flatMap(([field, value]) => ['--set', `${field}=${value}`]),
  ];
}

/**
 * Returns the environment without siftline's own variables, so that the demo is the same whatever is configured around
 * it.
 */
export function stageEnv(env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('SIFTLINE_')));
}
