import { existsSync } from 'node:fs';
import { SiftlineError } from '../errors.js';
import { packageFile } from '../package.js';
import type { PaceOptions } from './feeder.js';

/** A stream that the demo can show: its texts, the model that ships for them, and its share of everything. */
export interface Stream {
  readonly name: string;
  /** The file of texts, in examples/demo. */
  readonly texts: string;
  /** A second file in examples/demo: texts that moderation gives a label, mixed in. */
  readonly flagged?: string;
  /** The name of a shipped model, or a model folder. */
  readonly model: string;
  /** The ending that tells its topics and group from those of the other stream. */
  readonly suffix: string;
  /** The weight by which totals are divided among the streams. */
  readonly share: number;
}

/** The part of the totals that one stream gets. */
export interface StreamPlan extends Stream {
  readonly pace: PaceOptions;
  /** Inference threads; without it, siftline decides. */
  readonly workers: number | undefined;
}

export interface Totals {
  readonly pace: PaceOptions;
  readonly workers: number | undefined;
}

/** Three of four records are English, since the English model has more tasks to show. */
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
 * Divides records, rate and threads among the streams by share. The records add up to the total. Threads are rounded
 * down, so that two stages do not take more than the total, but each stage has at least one.
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

/** Returns whole numbers that add up to `total`, by share: the running sum is rounded, not the parts. */
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

/** A stream that could not start, and the reason: `message` names the way out. */
export interface StartFailure {
  readonly name: string;
  readonly error: SiftlineError;
}

/**
 * Returns the failure of a stream's siftline to start, with advice that fits a shipped model. The usual advice, to name
 * another file or export the model again, is for a user's own model. Other failures are left as they are.
 */
export function startFailure(model: string, error: SiftlineError): SiftlineError {
  const { code, exitCode } = error;
  if (!code.startsWith('MODEL_') || !isShipped(model)) return error;
  const message =
    `the model "${model}", which ships with siftline, ${reasonOf(code)}; run \`siftline models verify ${model}\` to see more, ` +
    `and restore its files with \`git checkout models/${model}\` in a clone, or install siftline again`;
  return new SiftlineError({ code, message, exitCode, cause: error });
}

/** Returns the line about a stream that is not shown while the others go on. */
export function cannotStart({ name, error }: StartFailure, others: readonly string[] = []): string {
  const goesOn =
    others.length === 0 ? '' : `; ${others.join(', ')} goes on (give --stream ${others[0]} to show it alone)`;
  return `${name} cannot start: ${error.code}: ${error.message}${goesOn}`;
}

function reasonOf(code: string): string {
  if (code === 'MODEL_MISSING') return 'is not in the folder models';
  if (code === 'MODEL_GOLDEN') return 'gives other scores here than it was shipped with';
  return 'has a file that is damaged, changed or missing';
}

/**
 * Returns true for the name of a model in the package. A folder of that name in the working directory would be used
 * instead.
 */
function isShipped(model: string): boolean {
  const ships = [ENGLISH.model, CHINESE.model].includes(model) || existsSync(packageFile(`models/${model}`));
  return /^[\w-]+$/.test(model) && ships && !existsSync(model);
}
