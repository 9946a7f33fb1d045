import { existsSync } from 'node:fs';
import { SiftlineError } from '../errors.js';
import { packageFile } from '../package.js';
import type { PaceOptions } from './feeder.js';

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

/** The part of it all that one stream gets. */
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

/** A stream that could not start, and why: `message` names the way out. */
export interface StartFailure {
  readonly name: string;
  readonly error: SiftlineError;
}

/**
 * The failure of a stream's siftline to start, with a way out that there is: a model that ships cannot be exchanged for
 * another file or exported again, as is said of one's own. Other failures are left as they are.
 */
export function startFailure(model: string, error: SiftlineError): SiftlineError {
  const { code, exitCode } = error;
  if (!code.startsWith('MODEL_') || !isShipped(model)) return error;
  const message =
    `the model "${model}", which ships with siftline, ${reasonOf(code)}; \`siftline models verify ${model}\` says more, ` +
    `\`git checkout models/${model}\` in a clone or a new install of siftline brings its files back`;
  return new SiftlineError({ code, message, exitCode, cause: error });
}

/** The line about a stream that is not shown, while the others go on. */
export function cannotStart({ name, error }: StartFailure, others: readonly string[] = []): string {
  const goesOn = others.length === 0 ? '' : `; ${others.join(', ')} goes on, and alone with --stream ${others[0]}`;
  return `${name} cannot start: ${error.code}: ${error.message}${goesOn}`;
}

function reasonOf(code: string): string {
  if (code === 'MODEL_MISSING') return 'is not in the folder models';
  if (code === 'MODEL_GOLDEN') return 'gives other scores here than it was shipped with';
  return 'has a file that is damaged, changed or missing';
}

/** The name of a model in the package; a folder of that name where the demo was started would be taken instead. */
function isShipped(model: string): boolean {
  const ships = [ENGLISH.model, CHINESE.model].includes(model) || existsSync(packageFile(`models/${model}`));
  return /^[\w-]+$/.test(model) && ships && !existsSync(model);
}
