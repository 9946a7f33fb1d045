import { givenClass, type Sample, trueClass } from './sample.js';

/** A wrong answer by its line; never with its text. `label` only where a row has several. */
export interface WrongAnswer {
  readonly line: number;
  readonly label?: string;
  readonly expected: string | number;
  readonly got: string | number;
  readonly score: number;
}

/** Every wrong row of a choice, every wrong label of a set, in the order of the file. */
export function* wrongAnswers(sample: Sample): Generator<WrongAnswer> {
  for (let row = 0; row < sample.rows; row++) {
    if (sample.question.kind === 'set') yield* wrongLabels(sample, row);
    else yield* wrongClass(sample, row);
  }
}

function* wrongClass(sample: Sample, row: number): Generator<WrongAnswer> {
  const { labels } = sample.question;
  const [is, said] = [trueClass(sample, row), givenClass(sample, row)];
  if (is === said) return;
  const score = sample.scores[row * labels.length + said] ?? 0;
  yield { line: sample.lines[row] ?? 0, expected: labels[is] ?? '', got: labels[said] ?? '', score };
}

function* wrongLabels({ question, lines, truth, given, scores }: Sample, row: number): Generator<WrongAnswer> {
  for (const [i, label] of question.labels.entries()) {
    const cell = row * question.labels.length + i;
    const [expected, got] = [truth[cell] ?? -1, given[cell] ?? 0];
    if (expected >= 0 && expected !== got)
      yield { line: lines[row] ?? 0, label, expected, got, score: scores[cell] ?? 0 };
  }
}
