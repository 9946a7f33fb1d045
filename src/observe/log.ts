/*
 * The log, and its limit. States of an event in a LogLimit:
 *
 * - *unseen*: has had no line. Ends with its first line: *open*.
 * - *open*: lines are written. Ends when `linesPerMinute` are written within a minute of the first: *full*. Ends when
 *   the minute is over, and the next line begins another: *open*.
 * - *full*: lines are counted and not written. Ends when the minute is over: the next line is written with the count,
 *   *open*.
 */

import { destination, type Logger, type LoggerOptions, pino } from 'pino';
import type { LoadedConfig } from '../config/load.js';

/** Configures a log. */
export interface LogOptions {
  /** Most lines of one event per minute; further lines are counted and not written. 0 writes all lines. */
  readonly linesPerMinute?: number | undefined;
  /** Destination of the lines; stderr by default. */
  readonly to?: { write(line: string): void } | undefined;
}

/**
 * Returns a log that writes JSON lines to stderr, one event each; stdout stays free for results. Lines are written
 * synchronously, so that the last lines of a process that ends badly are not lost.
 */
export function createLog(level: string, { linesPerMinute = 0, to }: LogOptions = {}): Logger {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: label => ({ level: label }) },
  };
  const hooks = linesPerMinute > 0 ? { hooks: limiting(linesPerMinute) } : {};
  return pino({ ...options, ...hooks }, to ?? destination({ dest: 2, sync: true }));
}

/** Returns a log that writes nothing, for a command whose output says everything. */
export function silentLog(): Logger {
  return createLog('silent');
}

/** Returns a log for a command on a terminal: it writes warnings and errors, unless a level is configured. */
export function quietLog({ config, sources }: LoadedConfig): Logger {
  return createLog(sources['log.level'] === 'default' ? 'warn' : config.log.level);
}

/**
 * Returns hooks that limit each event's lines: an event that a broker, a registry or an input can repeat without end
 * must not fill a disk.
 */
function limiting(linesPerMinute: number): NonNullable<LoggerOptions['hooks']> {
  const limit = new LogLimit(linesPerMinute);
  return {
    logMethod([fields, ...rest], method) {
      const event = eventOf(fields);
      const allowed = event === undefined ? { suppressed: 0 } : limit.admit(event, performance.now());
      if (!allowed) return;
      const { suppressed } = allowed;
      method.apply(this, [suppressed > 0 ? { ...(fields as object), suppressed } : fields, ...rest] as never);
    },
  };
}

function eventOf(fields: unknown): string | undefined {
  const event = (fields as { event?: unknown } | undefined)?.event;
  return typeof event === 'string' ? event : undefined;
}

interface Minute {
  readonly started: number;
  lines: number;
  suppressed: number;
}

const MINUTE_MS = 60_000;

/**
 * Lets a number of lines of each event through per minute. The next line that passes carries the number of lines held
 * back.
 */
export class LogLimit {
  readonly #most: number;
  readonly #minutes = new Map<string, Minute>();

  constructor(linesPerMinute: number) {
    this.#most = linesPerMinute;
  }

  /**
   * Returns undefined when the line is not to be written, else the number of lines held back before it. `now` is in
   * milliseconds. Event names are the program's own, so the map of them stays small.
   */
  admit(event: string, now: number): { readonly suppressed: number } | undefined {
    const minute = this.#minutes.get(event);
    if (!minute || now - minute.started >= MINUTE_MS) {
      this.#minutes.set(event, { started: now, lines: 1, suppressed: 0 });
      return { suppressed: minute?.suppressed ?? 0 };
    }
    if (minute.lines < this.#most) {
      minute.lines += 1;
      return { suppressed: 0 };
    }
    minute.suppressed += 1;
    return undefined;
  }
}
