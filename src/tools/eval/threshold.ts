import { SiftlineError } from '../../errors.js';
import { reaches } from '../../policy/decision-rule.js';
import { type Prf, prf } from './measures.js';
import { type PrPoint, prCurve } from './ranking.js';
import type { TruthColumn } from './sample.js';

/** A threshold that meets a goal, or the reason why there is none. */
export type FoundThreshold =
  /** `given` is the number of rows that score at least the threshold. */
  | { readonly kind: 'threshold'; readonly threshold: number; readonly given: number }
  | { readonly kind: 'none'; readonly best: number | null };

const GRID = Array.from({ length: 91 }, (_, i) => (i + 5) / 100);
/** The number of grid points to each side that are averaged. */
const REACH = 4;

/**
 * Chooses the threshold for a goal. Returns `none` if no row is true, or if no score reaches the wanted precision;
 * `best` is the highest precision then.
 */
export function chooseThreshold(column: TruthColumn, goal: ThresholdGoal): FoundThreshold {
  // A score below 0 marks a row that no threshold gives.
  const curve = prCurve(column).filter(point => point.threshold >= 0);
  if (curve.length === 0) return { kind: 'none', best: null };
  if (goal.kind === 'f1') return chosen(column, peak(GRID.map(from => at(column, from).f1)));
  const meets = curve.map(point => point[goal.kind] >= goal.value);
  const place = goal.kind === 'precision' ? meets.lastIndexOf(true) : meets.indexOf(true);
  if (place < 0) return { kind: 'none', best: highest(curve, goal.kind) };
  return chosen(column, between(curve, place));
}

function chosen({ scores }: TruthColumn, threshold: number): FoundThreshold {
  return {
    kind: 'threshold',
    threshold,
    given: scores.reduce((sum, score) => sum + Number(reaches(score, threshold)), 0),
  };
}

/** Returns precision, recall and F1 if every score from the threshold on is given. */
export function at({ truth, scores }: TruthColumn, threshold: number): Prf {
  let [hits, wrong, missed] = [0, 0, 0];
  for (let row = 0; row < truth.length; row++) {
    const said = reaches(scores[row], threshold);
    if (truth[row] === 1 && said) hits += 1;
    else if (truth[row] === 1) missed += 1;
    else if (said) wrong += 1;
  }
  return prf(hits, wrong, missed);
}

/**
 * Returns the grid's threshold at the top of a curve over it, smoothed over +-0.04; the middle one if several are
 * equal. The top of the raw curve of a small set is noise (training/tune.py, `_peak`).
 */
export function peak(values: readonly number[]): number {
  const padded = (i: number) => values[Math.min(Math.max(i, 0), values.length - 1)] ?? 0;
  const smooth = values.map((_, i) => {
    let sum = 0;
    for (let step = -REACH; step <= REACH; step++) sum += padded(i + step);
    return sum / (2 * REACH + 1);
  });
  const top = Math.max(...smooth);
  const best = GRID.filter((_, i) => top - (smooth[i] ?? 0) <= 1e-8 + 1e-5 * top);
  const middle = ((best[Math.floor((best.length - 1) / 2)] ?? 0) + (best[Math.ceil((best.length - 1) / 2)] ?? 0)) / 2;
  return Math.round(middle * 100) / 100;
}

/**
 * Returns a threshold between the lowest score that is still given and the next one below, with few digits if they keep
 * the two apart.
 */
function between(curve: readonly PrPoint[], place: number): number {
  const given = curve[place]?.threshold ?? 1;
  const below = curve[place + 1]?.threshold ?? 0;
  const middle = Math.round(((given + below) / 2) * 10_000) / 10_000;
  return middle > below && middle <= given ? middle : given;
}

function highest(curve: readonly PrPoint[], kind: 'precision' | 'recall'): number {
  return curve.reduce((best, point) => Math.max(best, point[kind]), 0);
}

/** The goal that a label's threshold is chosen for. */
export type ThresholdGoal =
  | { readonly kind: 'f1' }
  /** Asks for the most recall with at least this precision. */
  | { readonly kind: 'precision'; readonly value: number }
  /** Asks for the most precision with at least this recall. */
  | { readonly kind: 'recall'; readonly value: number };

export interface ThresholdGoals {
  of(label: string): ThresholdGoal;
}

export interface GoalFlags {
  readonly precision?: string | undefined;
  readonly recall?: string | undefined;
  /** Goals by label: `toxic=precision:0.95,sexist=recall:0.9`. */
  readonly for?: string | undefined;
}

/**
 * Parses the goals. Throws EVAL_GOAL for a number that is not a share, for both goals at once, or for a label that the
 * task does not have.
 */
export function parseGoals({ precision, recall, for: each }: GoalFlags, labels: readonly string[]): ThresholdGoals {
  if (precision !== undefined && recall !== undefined)
    throw SiftlineError.usage(
      'EVAL_GOAL',
      '--precision and --recall: both are given; give one of them, or a goal for each label with --for toxic=precision:0.95,sexist=recall:0.9',
    );
  const general: ThresholdGoal =
    precision !== undefined
      ? { kind: 'precision', value: share(precision, '--precision') }
      : recall !== undefined
        ? { kind: 'recall', value: share(recall, '--recall') }
        : { kind: 'f1' };
  const own = new Map(
    (each ?? '')
      .split(',')
      .filter(Boolean)
      .map(part => goalOf(part, labels)),
  );
  return { of: label => own.get(label) ?? general };
}

function goalOf(part: string, labels: readonly string[]): [string, ThresholdGoal] {
  const [, label = '', kind, value] = /^\s*(.+)=(f1|(?:precision|recall)(?=:))(?::(.+))?$/.exec(part) ?? [];
  if (!labels.includes(label) && kind !== undefined)
    throw SiftlineError.usage('EVAL_GOAL', `--for: the task has no label "${label}"; give one of ${labels.join(', ')}`);
  if (kind === 'precision' || kind === 'recall') return [label, { kind, value: share(value ?? '', '--for') }];
  if (kind === 'f1' && value === undefined) return [label, { kind }];
  throw SiftlineError.usage(
    'EVAL_GOAL',
    `--for: "${part}" is not a goal; write label=precision:0.95, label=recall:0.9 or label=f1`,
  );
}

function share(text: string, option: string): number {
  const value = Number(text);
  if (/^[\d.]+$/.test(text) && value > 0 && value <= 1) return value;
  throw SiftlineError.usage(
    'EVAL_GOAL',
    `${option}: "${text}" is not a share; give a number above 0 and at most 1, such as 0.95`,
  );
}
