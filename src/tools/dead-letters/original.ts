import type { Message } from 'kafkajs';
import { kafkaHeaders } from '../../kafka/record-codec.js';
import { recordId } from '../../ports.js';
import { type DeadLetter, REDRIVE_COUNT, REDRIVE_OF } from '../../producer/dead-letter-reader.js';

/** Why a dead letter cannot be sent back. */
export type Hindrance =
  /** Its value was cut to fit the rejected topic; the whole may still be in the input topic. */
  | 'cut'
  /** Its headers do not say where it came from. */
  | 'noOrigin'
  /** It has been sent back as often as is allowed. */
  | 'tooOften';

export function hindranceOf(letter: DeadLetter, maxRedrives: number): Hindrance | undefined {
  if (letter.cut) return 'cut';
  if (!letter.origin) return 'noOrigin';
  return letter.redrives >= maxRedrives ? 'tooOften' : undefined;
}

/**
 * The input as it was: key, value, timestamp and headers byte for byte. What the rejecting stage added is off; how often
 * it has been sent back, and the place it first lay at, come behind, so that one that fails again can be followed.
 */
export function originalOf(letter: DeadLetter): Message {
  const { record, origin, ownHeaders, redrives, redriveOf } = letter;
  const first = redriveOf ?? (origin ? recordId(origin) : '');
  return {
    key: record.key,
    value: record.value,
    timestamp: String(record.timestamp),
    headers: kafkaHeaders([
      ...ownHeaders.filter(([name]) => name !== REDRIVE_COUNT && name !== REDRIVE_OF),
      [REDRIVE_COUNT, Buffer.from(String(redrives + 1))],
      [REDRIVE_OF, Buffer.from(first)],
    ]),
  };
}
