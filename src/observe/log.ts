import { destination, type Logger, type LoggerOptions, pino } from 'pino';
import type { LoadedConfig } from '../config/load.js';

export interface LogOptions {
  /** Lines of one event in a minute; more are counted and not written. 0: all are written. */
  readonly linesPerMinute?: number | undefined;
  /** Where to; stderr by default. */
  readonly to?: { write(line: string): void } | undefined;
}

/**
 * JSON lines on stderr, one event each; stdout stays free for results. Written synchronously, so that the last lines of
 * a process that ends badly are not lost.
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

/** For a command whose own output says all there is to say. */
export function silentLog(): Logger {
  return createLog('silent');
}

/** For a command on a terminal: only trouble is worth a log line, unless a level is asked for. */
export function quietLog({ config, sources }: LoadedConfig): Logger {
  return createLog(sources['log.level'] === 'default' ? 'warn' : config.log.level);
}

/** What a broker, a registry or an input can make the program say again and again must not fill a disk. */
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

/** Lets so many lines of each event through in a minute, and tells with the next one how many it held back. */
export class LogLimit {
  readonly #most: number;
  readonly #minutes = new Map<string, Minute>();

  constructor(linesPerMinute: number) {
    this.#most = linesPerMinute;
  }

  /** Undefined when the line is not to be written. Event names are the program's own, so they are few. */
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
