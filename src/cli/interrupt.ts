import type { Logger } from 'pino';

/*
 * SIGINT (Ctrl-C) and SIGTERM. Every command ends in order at the first and at once at the second.
 */

/** The exit code of a command that a signal ended before its work was done. */
export const INTERRUPTED = 130;

/** npm passes on the SIGINT that the terminal has sent to everybody already: the same one comes again so soon. */
const SAME_MS = 300;

export interface Deadline {
  /** Resolves when the time to drain is over; never without a signal. */
  readonly passed: Promise<void>;
  missed(): boolean;
}

/** The first signal drains, for as long as it may take; the second ends the process. */
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
 * Does work that the first signal ends in order, so that nothing half-done stays. `ended` is what is said of the work
 * then, and the exit code is INTERRUPTED.
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
 * The signals of a command with processes of its own, which end with this one by their exit handlers: the first aborts
 * `signal`, the second exits.
 */
export class Interrupt {
  readonly #controller = new AbortController();
  readonly #off: () => void;
  #at = 0;

  constructor(say: (line: string) => void) {
    this.#off = onSignals(
      () => {
        this.#at = performance.now();
        say('ending in order: what siftline has taken is finished; Ctrl-C again ends at once');
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

/** Tells the first signal from those behind it; the returned function listens no more. */
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

/** `process.exit` while a thread infers aborts inside the engine. */
function kill(): void {
  process.kill(process.pid, 'SIGKILL');
}
