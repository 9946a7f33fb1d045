import type { Prf } from './measures.js';
import { seeded, shuffled } from './random.js';
import { calibrationError, reliability } from './reliability.js';
import { columnOf, givenClass, rowsOf, type ScoredSample, type TruthColumn } from './sample.js';
import { COLDEST, fitTemperature, HOTTEST, rescaled, rescaledProbability } from './temperature.js';
import { at, chooseThreshold, type FoundThreshold, type ThresholdGoal, type ThresholdGoals } from './threshold.js';

export interface CalibrationOptions {
  /** The temperature that the scores were made with. */
  readonly temperature: number;
  /** True to keep the temperature: the target cannot hold one, or only one label is judged. */
  readonly keepTemperature: boolean;
  /** The thresholds in use, by label. */
  readonly thresholds: Readonly<Record<string, number>>;
  readonly goals: ThresholdGoals;
  /** The share of the rows that is held out of the choice; the numbers are reported on it. */
  readonly holdout: number;
}

/** The threshold of a label, and its precision, recall and F1 on the reported rows. */
export interface LabelCalibration extends Prf {
  readonly label: string;
  readonly goal: ThresholdGoal;
  readonly threshold: number;
  /** The threshold in use, and its numbers on the same rows; null for a single-label task, which has none. */
  readonly before: (Prf & { readonly threshold: number }) | null;
  /** True if the threshold in use had to stay. */
  readonly kept: boolean;
  /** The number of reported rows in which the label holds. */
  readonly support: number;
}

export interface Calibration {
  readonly fitRows: number;
  readonly reportRows: number;
  /** True if the reported rows had no part in the choice. */
  readonly heldOut: boolean;
  readonly temperature: { readonly before: number; readonly after: number };
  /** The calibration error on the reported rows. */
  readonly ece: { readonly before: number; readonly after: number };
  readonly labels: readonly LabelCalibration[];
  readonly warnings: readonly string[];
}

const FEW = 50;
const FEW_GIVEN = 20;
/** A calibration error that grows by less than this is noise. */
const WORSE = 0.005;

/** Fits the temperature and then, at that temperature, a threshold for every label that the goals ask for. */
export function calibrate(sample: ScoredSample, options: CalibrationOptions): Calibration {
  const { temperature: before, keepTemperature, holdout } = options;
  const { fit, report } = holdOut(sample, holdout);
  const after = keepTemperature ? before : fitTemperature(fit, before);
  const factor = before / after;
  const parts = { fit: rescaled(fit, factor), report: rescaled(report, factor), old: report, factor };
  const found = chosenLabels(sample, options.goals).map(at => calibrateLabel(parts, at, options));
  const ece = { before: errorOf(report), after: errorOf(parts.report) };
  return {
    fitRows: fit.rows,
    reportRows: report.rows,
    heldOut: report !== fit,
    temperature: { before, after },
    ece,
    labels: found.map(({ result }) => result),
    warnings: [...temperatureWarnings({ before, after, ece }), ...found.flatMap(({ warnings }) => warnings)],
  };
}

interface CalibrationParts {
  readonly fit: ScoredSample;
  readonly report: ScoredSample;
  /** The reported rows at the temperature in use. */
  readonly old: ScoredSample;
  readonly factor: number;
}

/**
 * Returns the labels to choose a score for. A single-label task has no thresholds; a score is chosen only for a wanted
 * precision or recall.
 */
function chosenLabels({ question }: ScoredSample, goals: ThresholdGoals): number[] {
  const all = [...question.labels.keys()];
  if (question.kind === 'yes-no') return [1];
  return question.kind === 'set' ? all : all.filter(label => goals.of(question.labels[label] ?? '').kind !== 'f1');
}

function calibrateLabel(parts: CalibrationParts, label: number, options: CalibrationOptions) {
  const { question } = parts.fit;
  const name = question.labels[label] ?? '';
  const goal = options.goals.of(name);
  const [fit, report] = [claims(parts.fit, label), claims(parts.report, label)];
  const found = chooseThreshold(fit, goal);
  const current = question.kind === 'choice' ? undefined : (options.thresholds[name] ?? 0.5);
  const threshold = found.kind === 'threshold' ? found.threshold : moved(current ?? 0, parts.factor);
  const result: LabelCalibration = {
    label: name,
    goal,
    threshold,
    kept: found.kind === 'none',
    ...at(report, threshold),
    support: positives(report),
    before: current === undefined ? null : { threshold: current, ...at(claims(parts.old, label), current) },
  };
  return { result, warnings: labelWarnings(result, found, positives(fit)) };
}

/** Returns a threshold that stays, at the new temperature: it gives the same labels as before. */
function moved(threshold: number, factor: number): number {
  return factor === 1 ? threshold : Math.round(rescaledProbability(threshold, factor) * 10_000) / 10_000;
}

/**
 * Returns truth and score of one label. In a single-label task a label counts only where it is on top, since elsewhere
 * no threshold gives it.
 */
function claims(sample: ScoredSample, label: number): TruthColumn {
  const column = columnOf(sample, label);
  if (sample.question.kind !== 'choice') return column;
  return { ...column, scores: column.scores.map((score, row) => (givenClass(sample, row) === label ? score : -1)) };
}

function positives({ truth }: TruthColumn): number {
  return truth.reduce((sum, one) => sum + one, 0);
}

function errorOf(sample: ScoredSample): number {
  return calibrationError(reliability(sample));
}

function temperatureWarnings({
  before,
  after,
  ece,
}: {
  before: number;
  after: number;
  ece: Calibration['ece'];
}): string[] {
  const warnings: string[] = [];
  if (after <= COLDEST || after >= HOTTEST)
    warnings.push(
      `the temperature ${after} is the end of the range that is tried; check that labels and texts belong to this task`,
    );
  if (after !== before && ece.after > ece.before + WORSE)
    warnings.push(
      `on the reported rows the calibration error grew from ${ece.before.toFixed(3)} to ${ece.after.toFixed(3)}; give more rows, or keep the temperature`,
    );
  return warnings;
}

function labelWarnings({ label, goal, ...result }: LabelCalibration, found: FoundThreshold, support: number): string[] {
  if (found.kind === 'none' && support === 0) return [`${label}: no row to choose on has it; its threshold stays`];
  if (found.kind === 'none')
    return [
      `${label}: ${goal.kind} ${'value' in goal ? goal.value : ''} cannot be reached${found.best === null ? '' : `, the most is ${found.best.toFixed(3)}`}; its threshold stays`,
    ];
  const warnings: string[] = [];
  if (support < FEW)
    warnings.push(`${label}: only ${support} rows to choose on have it (fewer than ${FEW}); its threshold is a guess`);
  if (found.kind === 'threshold' && found.given < FEW_GIVEN)
    warnings.push(
      `${label}: only ${found.given} rows to choose on score that high; the result may not hold for other texts`,
    );
  if (goal.kind !== 'f1' && result[goal.kind] < goal.value)
    warnings.push(
      `${label}: ${goal.kind} ${goal.value} was asked for, and the reported rows have ${result[goal.kind].toFixed(3)}`,
    );
  return warnings;
}

export interface Halves {
  /** The rows on which numbers are chosen. */
  readonly fit: ScoredSample;
  /** The rows on which numbers are reported; the same rows if none are held out. */
  readonly report: ScoredSample;
}

const SEED = 1_958_06;

/** Holds out a share of the rows, at random but always the same rows. Each part stays in the order of the file. */
export function holdOut(sample: ScoredSample, share: number): Halves {
  const kept = Math.round(sample.rows * share);
  if (kept === 0) return { fit: sample, report: sample };
  const order = shuffled(sample.rows, seeded(SEED));
  const part = (rows: number[]) =>
    rowsOf(
      sample,
      rows.sort((a, b) => a - b),
    );
  return { report: part(order.slice(0, kept)), fit: part(order.slice(kept)) };
}
