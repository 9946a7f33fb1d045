import type { PaceOptions } from './pace.js';

/** A stream the demo can show: its texts, the model that ships for them, and how much of everything it gets. */
export interface Stream {
  readonly name: string;
  /** In examples/demo. */
  readonly texts: string;
  /** In examples/demo too: texts that moderation gives a label, mixed in. */
  readonly flagged?: string;
  /** A shipped model, or a model folder. */
  readonly model: string;
  /** Tells its topics and group from those of the other stream. */
  readonly suffix: string;
  /** Parts it gets of what is given for all streams together. */
  readonly share: number;
}

/** What one stream gets of it all. */
export interface StreamPlan extends Stream {
  readonly pace: PaceOptions;
  /** Inference threads; without it, siftline decides. */
  readonly workers: number | undefined;
}

export interface Totals {
  readonly pace: PaceOptions;
  readonly workers: number | undefined;
}

/** Three of four records are English: its model has more tasks to show. */
export const ENGLISH: Stream = {
  name: 'english',
  texts: 'texts.jsonl',
  flagged: 'moderation.jsonl',
  model: 'english',
  suffix: '',
  share: 3,
};
export const CHINESE: Stream = {
  name: 'chinese',
  texts: 'texts-zh.jsonl',
  model: 'multilingual',
  suffix: '-zh',
  share: 1,
};

/**
 * Deals out records, rate and threads by share. The parts of the records add up to all of them; threads are rounded
 * down, so that two stages are not more than the machine was said to bear, but each stage has one.
 */
export function planStreams(streams: readonly Stream[], { pace, workers }: Totals): StreamPlan[] {
  const shares = streams.map(({ share }) => share);
  const all = shares.reduce((sum, share) => sum + share, 0);
  const records = pace.records === undefined ? [] : dealOut(pace.records, shares);
  return streams.map((stream, i) => ({
    ...stream,
    pace: { rate: (pace.rate * stream.share) / all, records: records[i] },
    workers: workers === undefined ? undefined : Math.max(1, Math.floor((workers * stream.share) / all)),
  }));
}

/** Whole numbers that add up to `total`, by share: the running sum is rounded, not the parts. */
function dealOut(total: number, shares: readonly number[]): number[] {
  const all = shares.reduce((sum, share) => sum + share, 0);
  let [dealt, shared] = [0, 0];
  return shares.map(share => {
    shared += share;
    const part = Math.round((total * shared) / all) - dealt;
    dealt += part;
    return part;
  });
}
