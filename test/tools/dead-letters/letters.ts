import type { Message } from 'kafkajs';
import type { Headers, Rejection, SourceRecord } from '../../../src/ports.js';
import { deadLetter } from '../../../src/producer/dead-letter.js';
import { type DeadLetter, readDeadLetter } from '../../../src/producer/dead-letter-reader.js';
import { originalOf } from '../../../src/tools/dead-letters/redrive.js';
import { recordAt } from '../../support/memory-records.js';

export const REJECTOR = { name: 'stage', clientId: 'test', version: '0', modelSha256: 'f'.repeat(64), group: 'stage' };

export function rejectionOf(reason: Rejection['reason'] = 'TEXT_EMPTY'): Rejection {
  return { kind: 'rejected', reason, stage: 'decode', attempts: 2, detail: 'the text is empty' };
}

/** A produced message as a reader gets it. */
export function stored(message: Message, partition = 0, offset = 0): SourceRecord {
  return {
    topic: 'rejected',
    partition,
    offset: BigInt(offset),
    timestamp: BigInt(message.timestamp ?? 0),
    key: message.key as Buffer | null,
    value: message.value as Buffer | null,
    headers: message.headers as unknown as Headers,
  };
}

/** The dead letter of an input, as it lies at this offset of the rejected topic. */
export function letterRecord(
  input: SourceRecord,
  { partition = 0, offset = 0, reason }: { partition?: number; offset?: number; reason?: Rejection['reason'] } = {},
): SourceRecord {
  return stored(deadLetter(REJECTOR, input, rejectionOf(reason)), partition, offset);
}

/** A record that is rejected, sent back and rejected again, so often. */
export function rejectedAgain(times: number, input: SourceRecord = recordAt(1, 7)): DeadLetter {
  let letter = readDeadLetter(letterRecord(input));
  for (let i = 0; i < times; i++) {
    const back = stored(originalOf(letter));
    const { topic, partition } = input;
    letter = readDeadLetter(letterRecord({ ...back, topic, partition, offset: 100n + BigInt(i) }));
  }
  return letter;
}
