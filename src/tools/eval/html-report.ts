import type { Evaluation } from './evaluation.js';
import { confusionPlot, curvePlot, intervalPlot, labelPlot, reliabilityPlot } from './plots.js';
import { cascadeWords, type EvalReport, fixed, modelName, type RivalEvaluation, skippedWords } from './report.js';
import { escaped } from './svg.js';
import { mcnemarWords } from './text-report.js';

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2430; --faint: #667085; --page: #fff; --line: #d9dee7; --blue: #2463eb; --green: #12805c; --red: #c2410c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --faint: #98a2b3; --page: #14181f; --line: #333b48; --blue: #6ea0ff; --green: #3ecf9b; --red: #ff8a5c; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; } p, figcaption { color: var(--faint); } figure { margin: 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } th, td { padding: .2rem .8rem; border-bottom: 1px solid var(--line); text-align: right; } th:first-child, td:first-child { text-align: left; } caption { text-align: left; color: var(--faint); }
svg { max-width: 100%; height: auto; } svg text { fill: var(--ink); font: 11px system-ui, sans-serif; } svg .small { font-size: 10px; } svg .on-dark { fill: var(--page); font-size: 10px; }
.grid { stroke: var(--line); } .line { fill: none; stroke: var(--blue); stroke-width: 1.6; } .dashed { stroke: var(--faint); stroke-dasharray: 4 4; } .bar { fill: var(--blue); } .bar-1 { fill: var(--green); } .bar-2 { fill: var(--faint); } .right { fill: var(--green); } .wrong { fill: var(--red); } .interval { stroke: var(--blue); stroke-width: 12; stroke-opacity: .45; } .point { stroke: var(--ink); stroke-width: 2; }
.wide { overflow-x: auto; } .small-multiples { display: flex; flex-wrap: wrap; gap: .5rem; }`;

/** Returns the report as one self-contained page: no script, no font, no network. */
export function asHtml(report: EvalReport): string {
  const { model, cascade, question, data, skipped, evaluation, against } = report;
  const title = `${question.task.name} of ${modelName(model)}`;
  const rows = [`${evaluation.rows} rows`, skippedWords(skipped)].filter(Boolean).join(', ');
  const sections = [
    section('Scores', scoreTable(evaluation, against) + figure(intervalPlot(evaluation), '')),
    section(
      'By label',
      labelTable(evaluation) +
        figure(
          labelPlot(evaluation),
          'Precision (first bar), recall (second) and F1 (third); in brackets the rows in which the label holds.',
        ),
    ),
    evaluation.confusion
      ? section(
          'Confusion',
          figure(
            confusionPlot(evaluation),
            'Rows of the file by true label (down) and label of the model (across); the colour is the share of the true label.',
          ),
        )
      : '',
    section(
      'Precision and recall',
      `<div class="small-multiples">${evaluation.labels.map(one => figure(curvePlot(one), '')).join('')}</div>`,
    ),
    section(
      'Calibration',
      figure(
        reliabilityPlot(evaluation),
        'Below the dashed line the model is surer than it should be. Pale bars hold few predictions.',
      ),
    ),
    against ? section(`Against ${modelName(against.model)}`, comparisonTable(against)) : '',
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escaped(title)}</title><style>${STYLE}</style></head>
<body><main><h1>${escaped(title)}</h1><p>${escaped(data)}: ${escaped(rows)}. Model SHA-256 ${escaped(model.sha256)}.${cascade ? ` ${escaped(cascadeWords(cascade, model))}.` : ''}</p>
${sections.join('\n')}
</main></body></html>
`;
}

function section(title: string, body: string): string {
  return `<section><h2>${escaped(title)}</h2>${body}</section>`;
}

function figure(picture: string, caption: string): string {
  if (picture === '') return '';
  return `<figure><div class="wide">${picture}</div>${caption === '' ? '' : `<figcaption>${escaped(caption)}</figcaption>`}</figure>`;
}

function htmlTable(caption: string, [head = [], ...rows]: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? `<th scope="row">${escaped(cell)}</th>` : `<td>${escaped(cell)}</td>`)).join('');
  const heads = head.map(name => `<th scope="col">${escaped(name)}</th>`).join('');
  return `<div class="wide"><table><caption>${escaped(caption)}</caption><thead><tr>${heads}</tr></thead><tbody>${rows.map(row => `<tr>${cells(row)}</tr>`).join('')}</tbody></table></div>`;
}

function scoreTable(evaluation: Evaluation, against: RivalEvaluation | null): string {
  const { intervals } = evaluation;
  const row = (name: string, pick: (one: Evaluation) => number, interval?: readonly number[]) => [
    name,
    fixed(pick(evaluation)),
    interval ? interval.map(end => fixed(end)).join(' to ') : '',
    ...(against ? [fixed(pick(against.evaluation))] : []),
  ];
  return htmlTable('Of all rows', [
    ['', 'score', '95 % interval', ...(against ? [modelName(against.model)] : [])],
    row('accuracy', one => one.accuracy, intervals?.accuracy),
    row('macro F1', one => one.macro.f1, intervals?.macroF1),
    row('micro F1', one => one.micro.f1, intervals?.microF1),
    row('calibration error', one => one.ece),
    row('Brier score', one => one.brier),
  ]);
}

function labelTable({ labels }: Evaluation): string {
  return htmlTable('Of every label', [
    ['label', 'precision', 'recall', 'F1', 'support', 'average precision', 'AUROC'],
    ...labels.map(one => [
      one.label,
      ...[one.precision, one.recall, one.f1].map(value => fixed(value)),
      String(one.support),
      fixed(one.averagePrecision),
      fixed(one.auroc),
    ]),
  ]);
}

function comparisonTable({ comparison }: RivalEvaluation): string {
  const { difference, intervals } = comparison;
  const row = (name: string, value: string, interval?: readonly number[]) => [
    name,
    value,
    interval ? interval.map(end => fixed(end)).join(' to ') : '',
  ];
  const found = htmlTable('On the rows that both models answered; differences are the other model minus this one', [
    ['', 'value', '95 % interval'],
    row('same decision', fixed(comparison.agreement)),
    row("Cohen's kappa", fixed(comparison.kappa)),
    row('mean difference of scores', fixed(comparison.meanAbsoluteDifference, 4)),
    row('difference of accuracy', fixed(difference.accuracy), intervals?.accuracy),
    row('difference of macro F1', fixed(difference.macroF1), intervals?.macroF1),
  ]);
  return `${found}<p>${escaped(mcnemarWords(comparison))}</p>`;
}
