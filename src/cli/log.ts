import { destination, type Logger, pino } from 'pino';

/**
 * JSON lines on stderr, one event each; stdout stays free for results. Written synchronously, so that the last lines of
 * a process that ends badly are not lost.
 */
export function createLog(level: string): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: label => ({ level: label }) } },
    destination({ dest: 2, sync: true }),
  );
}
