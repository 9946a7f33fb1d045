import type { Paint } from '../../observe/paint.js';
import { table } from '../../observe/table.js';
import type { Calibration, LabelCalibration } from './calibration.js';
import { fixed } from './report.js';
import type { ThresholdGoal } from './threshold.js';

export interface CalibrationReport {
  readonly calibration: Calibration;
  readonly task: string;
  readonly data: string;
  readonly activation: 'softmax' | 'sigmoid';
  /** Paths of the files that were written. */
  readonly written: readonly string[];
}

/** Returns the result as one JSON object for programs; its keys are stable. */
export function calibrationJson({ calibration, task, data, written }: CalibrationReport): object {
  const { fitRows, reportRows, heldOut, temperature, ece, labels, warnings } = calibration;
  const perLabel = Object.fromEntries(labels.map(({ label, ...rest }) => [label, rest]));
  return { task, data, n: reportRows, fitted: fitRows, heldOut, temperature, ece, perLabel, warnings, written };
}

export function calibrationText(
  { calibration, task, data, activation, written }: CalibrationReport,
  paint: Paint,
): string {
  const { fitRows, reportRows, heldOut, temperature, ece, labels, warnings } = calibration;
  const rows = heldOut
    ? `chosen on ${fitRows} rows, reported on ${reportRows} other rows`
    : `chosen and reported on the same ${fitRows} rows, so the numbers are too good; hold rows out with --holdout`;
  const parts = [
    [paint.strong(`${task}, calibrated`), `${data}: ${rows}`],
    table(
      [
        ['', 'before', 'after'],
        ['temperature', temperature.before.toFixed(2), temperature.after.toFixed(2)],
        ['calibration error', fixed(ece.before), fixed(ece.after)],
      ],
      { right: 'all but the first' },
    ),
    labelLines(labels, paint),
    warnings.map(warning => paint.warn(`note: ${warning}`)),
    written.length > 0 ? written.map(what => `written: ${what}`) : unwritten(calibration, { task, activation }),
  ];
  return `${parts
    .filter(lines => lines.length > 0)
    .map(lines => lines.join('\n'))
    .join('\n\n')}\n`;
}

function labelLines(labels: readonly LabelCalibration[], paint: Paint): string[] {
  if (labels.length === 0) return [];
  const [head = '', ...lines] = table(
    [
      ['label', 'for', 'threshold', 'precision', 'recall', 'F1', 'support', 'before', 'F1 before'],
      ...labels.map(one => [
        one.label,
        one.kept ? 'stays' : goalWords(one.goal),
        shortest(one.threshold),
        fixed(one.precision),
        fixed(one.recall),
        fixed(one.f1),
        String(one.support),
        one.before ? shortest(one.before.threshold) : '-',
        fixed(one.before?.f1 ?? null),
      ]),
    ],
    { right: 'all but the first' },
  );
  return [paint.strong(head), ...lines];
}

function goalWords(goal: ThresholdGoal): string {
  return goal.kind === 'f1' ? 'best F1' : `${goal.kind} ${goal.value}`;
}

function shortest(threshold: number): string {
  return String(Number(threshold.toFixed(4)));
}

/** Returns lines that say that nothing is written, show the values, and name the flag that writes them. */
function unwritten(
  { labels, temperature }: Calibration,
  { task, activation }: { task: string; activation: string },
): string[] {
  const thresholds = Object.fromEntries(labels.map(({ label, threshold }) => [label, threshold]));
  if (activation === 'softmax') {
    const bands =
      labels.length > 0
        ? ['a single-label task has no thresholds; use these scores in policy.bands, or when you read the results']
        : [];
    return [`nothing written; --write-model sets "temperature": ${temperature.after} in siftline.json`, ...bands];
  }
  return [
    'nothing written; --write-model sets in siftline.json:',
    `  ${JSON.stringify({ name: task, temperature: temperature.after, thresholds })}`,
    '--write-policy FILE writes only thresholds, chosen at the temperature in use',
  ];
}
