import type { Occupancy } from '../ports.js';
import type { BatchBudget } from './batch-room.js';

/** Work that is not divided: two requests and two smaller runs would cost more than a thread saves. */
const LEAST_MS = 25;
/** Work that pads little: what is more is only better while there is a backlog. */
const SHORT_MS = 250;

/** One thread, with nothing to do. */
export const ONE_THREAD: Occupancy = { threads: 1, free: 1 };

/**
 * What the next batch may be when values of these sizes wait. Free threads get equal parts of it, so that a burst is answered as
 * soon as all of them together can. And no batch beyond SHORT_MS is more than its thread's share of all that waits: a
 * backlog travels in the largest batches, its end in smaller ones, and the threads end together.
 */
export function shareOf(budget: BatchBudget, valueBytes: Iterable<number>, { threads, free }: Occupancy): BatchBudget {
  if (threads === 1) return budget;
  const waitingMs = workOf(valueBytes, budget, budget.ms * threads);
  const apart = free > 1 ? Math.max(LEAST_MS, waitingMs / free) : Number.POSITIVE_INFINITY;
  return atMost(budget, Math.min(apart, Math.max(SHORT_MS, waitingMs / threads)));
}

/** A batch that is worth taking though it must wait for a thread. */
export function worthWaiting(budget: BatchBudget): BatchBudget {
  return atMost(budget, SHORT_MS);
}

/** Estimated work of values of these sizes; nobody asks by how much it is more than enough. */
function workOf(valueBytes: Iterable<number>, budget: BatchBudget, enough: number): number {
  let ms = 0;
  for (const bytes of valueBytes) {
    ms += budget.msOf(bytes);
    if (ms >= enough) break;
  }
  return ms;
}

function atMost(budget: BatchBudget, ms: number): BatchBudget {
  return { records: budget.records, ms: Math.min(budget.ms, ms), msOf: bytes => budget.msOf(bytes) };
}
