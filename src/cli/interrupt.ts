import type { Logger } from 'pino';

/** Handles SIGINT (Ctrl-C) and SIGTERM. Every command ends in order at the first signal and at once at the second. */

/** The exit code of a command that a signal ended before its work was done. */
export const INTERRUPTED = 130;

/**
 * The time in which a second SIGINT counts as the first. The terminal sends SIGINT to every process of its group, and
 * npm passes the same one on to its child.
 */
const SAME_MS = 300;

export interface Deadline {
  /** Resolves when the time to drain is over; never resolves without a signal. */
  readonly passed: Promise<void>;
  missed(): boolean;
}

/** Drains at the first signal, for at most `drainMs`; ends the process at the second. */
export function drainOnSignals(options: { drainMs: number; stop: () => void; log: Logger }): Deadline {
  const { drainMs, stop, log } = options;
  let missed = false;
  let pass = () => {};
  const passed = new Promise<void>(resolve => {
    pass = resolve;
  });
  onSignals(signal => {
    log.info({ event: 'draining', signal, drainMs }, 'draining; a second signal ends at once');
    setTimeout(() => {
      missed = true;
      pass();
    }, drainMs).unref();
    stop();
  }, kill);
  return { passed, missed: () => missed };
}

/**
 * Does work that ends in order at the first signal, so that nothing half-done stays. `ended` describes the state of the
 * work in the message then, and the exit code is INTERRUPTED.
 */
export async function interruptible(
  { stderr, ended }: { readonly stderr: NodeJS.WritableStream; readonly ended: string },
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  const off = onSignals(() => controller.abort(), kill);
  try {
    await work(controller.signal);
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    stderr.write(`siftline: interrupted; ${ended}\n`);
    process.exitCode = INTERRUPTED;
  } finally {
    off();
  }
}

/**
 * Handles the signals of a command with child processes, which end with this one by their exit handlers. The first
 * signal aborts `signal`, the second exits.
 */
export class Interrupt {
  readonly #controller = new AbortController();
  readonly #off: () => void;
  #at = 0;

  constructor(say: (line: string) => void) {
    this.#off = onSignals(
      () => {
        this.#at = performance.now();
        say('ending in order: records that siftline has taken are finished; Ctrl-C again ends at once');
        this.#controller.abort();
      },
      () => {
        if (performance.now() - this.#at > SAME_MS) process.exit(INTERRUPTED);
      },
    );
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  close(): void {
    this.#off();
  }
}

/** Calls `first` for the first signal and `again` for each one after it. The returned function stops listening. */
function onSignals(first: (signal: NodeJS.Signals) => void, again: () => void): () => void {
  let signalled = false;
  const onSignal = (signal: NodeJS.Signals) => {
    if (signalled) return again();
    signalled = true;
    first(signal);
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
}

/** Kills this process with SIGKILL. `process.exit` while a thread infers aborts inside the engine. */
function kill(): void {
  process.kill(process.pid, 'SIGKILL');
}
