import { SiftlineError } from '../errors.js';

/** A broker that we could not start, with the end of its log; stack frames are left out, they only hide the reason. */
export function didNotStart(what: string, log: string): SiftlineError {
  const lines = log.split('\n').filter(line => line.trim() && !/^\s*(at |\.\.\. \d+ more)/.test(line));
  return SiftlineError.broker(
    'BROKER_DID_NOT_START',
    `the Kafka broker ${what}; its last lines:\n  ${lines.slice(-8).join('\n  ')}`,
  );
}
