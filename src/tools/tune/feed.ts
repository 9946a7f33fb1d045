import { type BatchBudget, BatchRoom } from '../../consumer/buffer.js';
import type { Classifier } from '../../ports.js';
import type { BatchSize } from '../../stage/batch-size.js';

/** A classifier that is open, and how batches for it are made. */
export interface Subject {
  readonly classifier: Pick<Classifier, 'classify' | 'threads' | 'concurrency'>;
  readonly size: BatchSize;
  readonly batchBytes: number;
}

export interface Text {
  readonly text: string;
  /** UTF-8. */
  readonly bytes: number;
}

/** What one batch of these would be, as a stage makes it: all there is, up to this much. */
export function batchOf<T extends Text>(waiting: Iterable<T>, { batchBytes }: Subject, most: BatchBudget): T[] {
  const room = new BatchRoom(most, batchBytes);
  const batch: T[] = [];
  for (const one of waiting) {
    const ms = room.msOf(one.bytes);
    if (!room.fits(ms)) break;
    room.add(ms, one.bytes);
    batch.push(one);
  }
  return batch;
}

/** Answers a batch, and has the size of the next ones learn from it. Milliseconds a thread worked for it. */
export async function answer(batch: readonly Text[], { classifier, size }: Subject): Promise<number> {
  const { timings } = await classifier.classify(batch.map(({ text }) => text));
  const workMs = timings.tokeniseMs + timings.inferMs;
  size.observe(
    batch.map(({ bytes }) => bytes),
    workMs,
  );
  return workMs;
}
