/*
 * The log, and its limit. States of an event in a LogLimit:
 *
 * - *unseen*: has had no line. Ends with its first line: *open*.
 * - *open*: lines are written. Ends when `linesPerMinute` are written within a minute of the first: *full*. Ends when
 *   the minute is over, and the next line begins another: *open*.
 * - *full*: lines are counted and not written. Ends when the minute is over: the next line is written with the count,
 *   *open*.
 */

import { fstatSync, writeSync } from 'node:fs';
import { type Logger, type LoggerOptions, pino } from 'pino';
import type { LoadedConfig } from '../config/load.js';
import { escapedJson } from './printable.js';

/** Configures a log. */
export interface LogOptions {
  /** Most lines of one event per minute; further lines are counted and not written. 0 writes all lines. */
  readonly linesPerMinute?: number | undefined;
  /** Where to; stderr by default. */
  readonly to?: LineWriter | undefined;
}

interface LineWriter {
  write(line: string): void;
}

const outputs = new WeakMap<Logger, LogOutput>();

/**
 * Returns a log that writes JSON lines to stderr, one event each; stdout stays free for results. Each line is handed to
 * the system before the call returns, so that the last lines of a process that ends badly are not lost. Lines that
 * the system does not take are given up, and counted.
 */
export function createLog(level: string, { linesPerMinute = 0, to }: LogOptions = {}): Logger {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: label => ({ level: label }) },
  };
  const hooks = linesPerMinute > 0 ? { hooks: limiting(linesPerMinute) } : {};
  const output = to ?? new LogOutput();
  const log = pino({ ...options, ...hooks }, { write: line => output.write(escapedJson(line)) });
  if (output instanceof LogOutput) outputs.set(log, output);
  return log;
}

/** Lines of this log that were given up since its start, because the pipe is not read or the disk is full. */
export function droppedLines(log: Logger): number {
  return outputs.get(log)?.dropped ?? 0;
}

/** Lines that wait for the reader of a pipe, in characters. */
const MOST_WAITING = 1_048_576;
const STDERR = 2;

/**
 * Writes lines to stderr and never stands still: a pipe that nobody reads, or a disk that is full, costs lines and not
 * the stage. A pipe or socket keeps up to a megabyte waiting. The first line that can be written again is preceded by one that
 * counts what was given up.
 */
export class LogOutput implements LineWriter {
  readonly #write: (line: string) => boolean;
  #dropped = 0;
  #untold = 0;

  /** `write` returns false when it has not taken the line; for tests. */
  constructor(write: (line: string) => boolean = toStderr()) {
    this.#write = write;
  }

  get dropped(): number {
    return this.#dropped;
  }

  write(line: string): void {
    if (this.#untold > 0 && this.#write(told(this.#untold))) this.#untold = 0;
    if (this.#untold === 0 && this.#write(line)) return;
    this.#dropped += 1;
    this.#untold += 1;
  }
}

function told(lines: number): string {
  const fields = { level: 'warn', time: new Date().toISOString(), event: 'log_dropped', lines };
  return `${JSON.stringify({ ...fields, msg: 'these lines could not be written: the pipe was not read, or the disk was full' })}\n`;
}

/** Files and terminals take a line at once or refuse it; Node's own stream on them ends for good at the first refusal. */
function toStderr(): (line: string) => boolean {
  const kind = fstatSync(STDERR);
  if (!kind.isFIFO() && !kind.isSocket()) return toFile();
  const { stderr } = process;
  return line => {
    if (stderr.destroyed || stderr.writableLength + line.length > MOST_WAITING) return false;
    stderr.write(line);
    return true;
  };
}

function toFile(): (line: string) => boolean {
  let torn = false;
  return line => {
    const bytes = Buffer.from(torn ? `\n${line}` : line);
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(STDERR, bytes, written);
      torn = false;
      return true;
    } catch {
      torn ||= written > 0;
      return false;
    }
  };
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
