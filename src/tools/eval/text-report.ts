import type { Paint } from '../../observe/paint.js';
import { table } from '../../observe/table.js';
import type { Interval } from './bootstrap.js';
import type { SampleComparison } from './comparison.js';
import type { Evaluation } from './evaluation.js';
import {
  cascadeWords,
  confusions,
  type EvalReport,
  fixed,
  modelName,
  type RivalEvaluation,
  skippedWords,
} from './report.js';

/** Returns the report for a terminal. */
export function asText(report: EvalReport, paint: Paint): string {
  const { evaluation, against } = report;
  const parts = [
    heading(report, paint),
    summary(evaluation, against?.evaluation),
    perLabel(evaluation, paint),
    absent(evaluation, paint),
    confused(evaluation, paint),
    against ? comparison(against, paint) : [],
  ];
  return `${parts
    .filter(lines => lines.length > 0)
    .map(lines => lines.join('\n'))
    .join('\n\n')}\n`;
}

function heading({ model, cascade, question, data, skipped, evaluation, against }: EvalReport, paint: Paint): string[] {
  const other = against ? ` against ${modelName(against.model)}` : '';
  const rows = [`${evaluation.rows} rows`, skippedWords(skipped)].filter(Boolean).join(', ');
  return [
    paint.strong(`${question.task.name} of ${modelName(model)}${other}`),
    `${data}: ${rows}`,
    ...(cascade ? [cascadeWords(cascade, model)] : []),
  ];
}

function summary(evaluation: Evaluation, other: Evaluation | undefined): string[] {
  const { intervals } = evaluation;
  const head = intervals ? ['', 'score', '95 % interval'] : ['', 'score'];
  const row = (name: string, pick: (one: Evaluation) => number, interval?: Interval) => [
    name,
    fixed(pick(evaluation)),
    ...(intervals ? [interval ? interval.map(end => fixed(end)).join(' to ') : ''] : []),
    ...(other ? [fixed(pick(other))] : []),
  ];
  return table(
    [
      other ? [...head, 'against'] : head,
      row('accuracy', one => one.accuracy, intervals?.accuracy),
      row('macro F1', one => one.macro.f1, intervals?.macroF1),
      row('micro F1', one => one.micro.f1, intervals?.microF1),
      row('calibration error', one => one.ece),
      row('Brier score', one => one.brier),
    ],
    { right: 'all but the first' },
  );
}

function perLabel({ labels, macro, micro }: Evaluation, paint: Paint): string[] {
  const [head = '', ...lines] = table(
    [
      ['label', 'precision', 'recall', 'F1', 'support', 'AP', 'AUROC'],
      ...labels.map(one => [
        one.label,
        ...[one.precision, one.recall, one.f1].map(value => fixed(value)),
        String(one.support),
        fixed(one.averagePrecision),
        fixed(one.auroc),
      ]),
      ['macro', fixed(macro.precision), fixed(macro.recall), fixed(macro.f1), '', '', ''],
      ['micro', fixed(micro.precision), fixed(micro.recall), fixed(micro.f1), '', '', ''],
    ],
    { right: 'all but the first' },
  );
  return [paint.strong(head), ...lines.slice(0, -2), ...lines.slice(-2).map(paint.faint)];
}

/** Returns a note about labels that no row has. They pull the macro scores down, which may not be intended. */
function absent({ labels }: Evaluation, paint: Paint): string[] {
  const names = labels.filter(({ support }) => support === 0).map(({ label }) => label);
  if (names.length === 0) return [];
  const those = names.length === 1 ? 'it counts' : 'each counts';
  return [
    paint.warn(
      `note: no row has the label ${names.join(' or ')}; ${those} 0 in the macro scores; give the other labels with --labels to leave ${names.length === 1 ? 'it' : 'them'} out`,
    ),
  ];
}

function confused(evaluation: Evaluation, paint: Paint): string[] {
  const most = confusions(evaluation, 5);
  if (most.length === 0) return [];
  return [
    paint.strong('most frequent errors'),
    ...table(
      most.map(({ is, said, rows }) => [`${is}, labelled ${said}`, String(rows)]),
      { right: 'all but the first' },
    ),
  ];
}

function comparison({ comparison: found }: RivalEvaluation, paint: Paint): string[] {
  return [
    paint.strong('comparison, on the rows that both models answered'),
    ...table(
      [
        ['same decision', fixed(found.agreement)],
        ["Cohen's kappa", fixed(found.kappa)],
        ['mean difference of scores', fixed(found.meanAbsoluteDifference, 4)],
        ['difference of accuracy', signed(found.difference.accuracy, found.intervals?.accuracy)],
        ['difference of macro F1', signed(found.difference.macroF1, found.intervals?.macroF1)],
      ],
      { right: 'all but the first' },
    ),
    mcnemarWords(found),
  ];
}

function signed(value: number, interval: Interval | undefined): string {
  const sign = (number: number) => (number < 0 ? '' : '+') + fixed(number);
  return sign(value) + (interval ? ` (${interval.map(sign).join(' to ')})` : '');
}

/** Returns the result of the test in a sentence. */
export function mcnemarWords({ mcnemar }: SampleComparison): string {
  const { onlyFirst, onlySecond, p, method } = mcnemar;
  const verdict = p < 0.05 ? 'the models differ by more than chance' : 'the difference may be chance';
  return `only the first right in ${onlyFirst} rows, only the second in ${onlySecond}: ${verdict} (McNemar, ${method}, p = ${p < 0.001 ? p.toExponential(1) : p.toFixed(3)})`;
}
