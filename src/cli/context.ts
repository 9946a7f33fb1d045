import type { Logger } from 'pino';

/** What a command gets from outside: nothing in it reads the process by itself. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

export interface Deadline {
  /** Resolves when the time to drain is over; never without a signal. */
  readonly passed: Promise<void>;
  missed(): boolean;
}

/**
 * The first SIGTERM or SIGINT drains, for as long as it may take; the second ends the process at once. It ends by
 * SIGKILL: `process.exit` while a thread infers aborts inside the engine.
 */
export function drainOnSignals(options: { drainMs: number; stop: () => void; log: Logger }): Deadline {
  const { drainMs, stop, log } = options;
  let signalled = false;
  let missed = false;
  let pass = () => {};
  const passed = new Promise<void>(resolve => {
    pass = resolve;
  });
  const onSignal = (signal: NodeJS.Signals) => {
    if (signalled) process.kill(process.pid, 'SIGKILL');
    signalled = true;
    log.info({ event: 'draining', signal, drainMs }, 'draining; a second signal ends at once');
    setTimeout(() => {
      missed = true;
      pass();
    }, drainMs).unref();
    stop();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return { passed, missed: () => missed };
}
