import type { Evaluation, LabelEvaluation } from './evaluation.js';
import { fixed } from './report.js';
import { axes, shape, svg, words } from './svg.js';

const CELL = 34;

/**
 * Draws the confusion matrix: true classes down, given classes across. A darker cell is a larger share of the true
 * class.
 */
export function confusionPlot({ confusion, labels }: Evaluation): string {
  const names = labels.map(({ label }) => label);
  const left = 20 + 7 * Math.max(...names.map(name => name.length));
  const size = names.length * CELL;
  const cells = (confusion ?? []).flatMap((line, i) => {
    const total = line.reduce((sum, rows) => sum + rows, 0);
    return line.flatMap((rows, j) =>
      confusionCell({ rows, total, x: left + j * CELL, y: 24 + i * CELL }, [names[i] ?? '', names[j] ?? '']),
    );
  });
  const down = names.map((name, i) => words(name, { x: left - 6, y: 24 + i * CELL + 21, 'text-anchor': 'end' }));
  const across = names.map((name, j) => {
    const [x, y] = [left + j * CELL + 20, 24 + size + 8];
    return words(name, { x, y, transform: `rotate(-60 ${x} ${y})`, 'text-anchor': 'end' });
  });
  const heads = [words('label in the file (down), label of the model (across)', { x: left, y: 14 })];
  return svg({
    width: left + size + 20,
    height: size + left + 20,
    title: 'Confusion matrix',
    body: [...heads, ...cells, ...down, ...across],
  });
}

function confusionCell(
  at: { rows: number; total: number; x: number; y: number },
  [is, said]: readonly [string, string],
): string[] {
  const share = at.total === 0 ? 0 : at.rows / at.total;
  const box = {
    x: at.x,
    y: at.y,
    width: CELL - 1,
    height: CELL - 1,
    class: is === said ? 'right' : 'wrong',
    'fill-opacity': 0.06 + 0.94 * share,
  };
  const tooltip = `${is}, labelled ${said}: ${at.rows} rows, ${(100 * share).toFixed(1)} %`;
  const number = words(at.rows === 0 ? '' : String(at.rows), {
    x: at.x + CELL / 2,
    y: at.y + 21,
    'text-anchor': 'middle',
    class: share > 0.5 ? 'on-dark' : 'small',
  });
  return [shape('rect', box, tooltip), number];
}

/** Draws precision over recall of one label. */
export function curvePlot({ label, curve, averagePrecision }: LabelEvaluation): string {
  const box = { left: 44, top: 28, size: 150 };
  const at = (recall: number, precision: number) =>
    `${(box.left + recall * box.size).toFixed(1)},${(box.top + (1 - precision) * box.size).toFixed(1)}`;
  const line = shape('polyline', {
    points: curve.map(({ recall, precision }) => at(recall, precision)).join(' '),
    class: 'line',
  });
  const title = `${label}: average precision ${fixed(averagePrecision)}`;
  return svg({
    width: 210,
    height: 210,
    title: `Precision-recall curve of ${title}`,
    body: [words(title, { x: 8, y: 14, class: 'small' }), ...axes({ ...box, x: 'recall', y: 'precision' }), line],
  });
}

/** Draws the share of right answers over the confidence; the two are equal on the diagonal. */
export function reliabilityPlot({ bins, ece }: Evaluation): string {
  const box = { left: 50, top: 14, size: 260 };
  const most = Math.max(...bins.map(({ count }) => count));
  const bars = bins.map(({ from, to, count, confidence, accuracy }) =>
    shape(
      'rect',
      {
        x: box.left + from * box.size + 1,
        y: box.top + (1 - accuracy) * box.size,
        width: (to - from) * box.size - 2,
        height: accuracy * box.size,
        class: 'bar',
        'fill-opacity': 0.25 + 0.75 * Math.sqrt(count / most),
      },
      `${from.toFixed(2)} to ${to.toFixed(2)}: ${count} predictions, confidence ${fixed(confidence)}, right ${fixed(accuracy)}`,
    ),
  );
  const diagonal = shape('line', {
    x1: box.left,
    y1: box.top + box.size,
    x2: box.left + box.size,
    y2: box.top,
    class: 'dashed',
  });
  const title = `Reliability diagram, calibration error ${fixed(ece)}`;
  return svg({
    width: 330,
    height: 310,
    title,
    body: [...axes({ ...box, x: 'confidence', y: 'share that is right' }), ...bars, diagonal],
  });
}

const ROW = 46;

/** Draws precision, recall and F1 of every label as bars. */
export function labelPlot({ labels }: Evaluation): string {
  const left = 20 + 7 * Math.max(...labels.map(({ label }) => label.length));
  const width = 320;
  const body = labels.flatMap(({ label, precision, recall, f1, support }, i) => [
    words(`${label} (${support})`, { x: left - 6 + 40, y: i * ROW + 30, 'text-anchor': 'end' }),
    ...([precision, recall, f1] as const).flatMap((value, j) => [
      shape(
        'rect',
        { x: left + 44, y: i * ROW + 8 + j * 12, width: Math.max(1, value * width), height: 10, class: `bar bar-${j}` },
        `${label}: ${['precision', 'recall', 'F1'][j]} ${fixed(value)}`,
      ),
      words(fixed(value), { x: left + 50 + Math.max(1, value * width), y: i * ROW + 17 + j * 12, class: 'small' }),
    ]),
  ]);
  return svg({
    width: left + width + 100,
    height: labels.length * ROW + 16,
    title: 'Precision, recall and F1 by label',
    body,
  });
}

/** Draws scores with their intervals on a line from 0 to 1. */
export function intervalPlot({ accuracy, macro, micro, intervals }: Evaluation): string {
  if (!intervals) return '';
  const rows = [
    ['accuracy', accuracy, intervals.accuracy],
    ['macro F1', macro.f1, intervals.macroF1],
    ['micro F1', micro.f1, intervals.microF1],
  ] as const;
  const [left, width] = [90, 420];
  const body = rows.flatMap(([name, value, [from, to]], i) => {
    const y = 18 + i * 26;
    const tooltip = `${name} ${fixed(value)}, 95 % interval ${fixed(from)} to ${fixed(to)}`;
    return [
      words(name, { x: left - 8, y: y + 4, 'text-anchor': 'end' }),
      shape('line', { x1: left, x2: left + width, y1: y, y2: y, class: 'grid' }),
      shape('line', { x1: left + from * width, x2: left + to * width, y1: y, y2: y, class: 'interval' }, tooltip),
      shape(
        'line',
        { x1: left + value * width, x2: left + value * width, y1: y - 8, y2: y + 8, class: 'point' },
        tooltip,
      ),
    ];
  });
  const ends = [0, 0.5, 1].map(at => words(String(at), { x: left + at * width, y: 94, 'text-anchor': 'middle' }));
  return svg({ width: left + width + 20, height: 100, title: 'Scores with 95 % intervals', body: [...body, ...ends] });
}
