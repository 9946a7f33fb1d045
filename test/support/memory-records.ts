import { ScoresInOrder } from '../../src/policy/policy.js';
import type { BatchTimings, Outcome, SourceRecord } from '../../src/ports.js';

/** Returns a record that its value tells from every other record. */
export function recordAt(partition: number, offset: number, fields: Partial<SourceRecord> = {}): SourceRecord {
  const value = Buffer.from(`text ${partition}/${offset}`);
  const place = { topic: 'memory', partition, offset: BigInt(offset) };
  return { ...place, timestamp: 1_700_000_000_000n, key: null, value, headers: [], ...fields };
}

export const NO_TIMINGS: BatchTimings = { queueMs: 0, tokeniseMs: 0, inferMs: 0, tokens: 0, paddedTokens: 0 };

export function labelled(record: SourceRecord, label = 'fine'): Outcome {
  const scores = new ScoresInOrder([label, 'other'], [0.75, 0.25]);
  const results = [{ task: 'mood', label, score: 0.75, labels: [label], scores }];
  return {
    record,
    kind: 'labelled',
    id: null,
    results,
    decision: null,
    tokens: 3,
    truncated: false,
    timings: NO_TIMINGS,
  };
}

export function rejectedOutcome(record: SourceRecord): Outcome {
  return { record, kind: 'rejected', reason: 'TEXT_EMPTY', stage: 'decode', attempts: 1, detail: 'the text is empty' };
}

export function skippedOutcome(record: SourceRecord): Outcome {
  return { record, kind: 'skipped', reason: 'TOMBSTONE' };
}

/** Returns "partition/offset", for messages that people read. */
export function placeOf({ partition, offset }: Pick<SourceRecord, 'partition' | 'offset'>): string {
  return `${partition}/${offset}`;
}
