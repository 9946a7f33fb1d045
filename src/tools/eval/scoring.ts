import { BatchRoom } from '../../consumer/buffer.js';
import { topOf } from '../../policy/decision-rule.js';
import type { Classifier, Scored, TaskResult } from '../../ports.js';
import type { BatchSize } from '../../stage/batch-size.js';
import type { LabelledRow, RowSkip } from './labelled-rows.js';
import type { EvalQuestion } from './question.js';
import { rowsOf, type ScoredSample } from './sample.js';

export interface ScoringOptions {
  readonly question: EvalQuestion;
  /** The number of usable rows, as surveyed. */
  readonly rows: number;
  readonly classifier: Classifier;
  /** Returns the results of serving's policy for the scores, for all tasks in the model's order. */
  readonly judge: (scored: Scored) => readonly TaskResult[];
  /** The bound of a batch; it learns from the time that each batch took. */
  readonly size: BatchSize;
  readonly batchBytes: number;
  /** Receives the number of rows that are done. */
  readonly onProgress: (rows: number) => void;
}

export interface Scoring {
  readonly sample: ScoredSample;
  /** The number of texts that the model has no answer for, by reason. */
  readonly rejected: Readonly<Partial<Record<RowSkip, number>>>;
  /** The number of rows that the full model of a cascade answered. */
  readonly passedOn: number;
}

type Usable = LabelledRow & { readonly kind: 'usable' };

/** Classifies every usable row, a few batches at a time. Keeps scores and decisions, not texts. */
export async function scoreRows(source: AsyncIterable<LabelledRow>, options: ScoringOptions): Promise<Scoring> {
  const { classifier, size } = options;
  const sheet = new Sheet(options);
  const open = new Set<Promise<void>>();
  let done = 0;
  const answer = async (batch: readonly Usable[], from: number) => {
    const { answers, timings } = await classifier.classify(batch.map(({ text }) => text));
    size.observe(
      batch.map(({ text }) => text.length),
      timings.tokeniseMs + timings.inferMs,
    );
    answers.forEach((found, i) => (found.kind === 'scored' ? sheet.fill(from + i, found) : sheet.reject(found.reason)));
    done += batch.length;
    options.onProgress(done);
  };
  for await (const { batch, from } of batches(source, options)) {
    batch.forEach((row, i) => sheet.put(from + i, row));
    // A batch that failed stays in `open`, so that the next wait throws its error. Until then the rejection must not
    // count as unhandled.
    const work: Promise<void> = answer(batch, from).then(() => void open.delete(work));
    work.catch(() => {});
    open.add(work);
    if (open.size >= classifier.concurrency) await Promise.race(open);
  }
  await Promise.all(open);
  return { sample: sheet.sample(), rejected: sheet.rejected, passedOn: sheet.passedOn };
}

async function* batches(
  source: AsyncIterable<LabelledRow>,
  { size, batchBytes }: Pick<ScoringOptions, 'size' | 'batchBytes'>,
): AsyncGenerator<{ batch: Usable[]; from: number }> {
  let [batch, from, room]: [Usable[], number, BatchRoom] = [[], 0, new BatchRoom(size, batchBytes)];
  for await (const row of source) {
    if (row.kind !== 'usable') continue;
    if (!room.fits(room.msOf(row.text.length))) {
      yield { batch, from };
      [batch, from, room] = [[], from + batch.length, new BatchRoom(size, batchBytes)];
    }
    batch.push(row);
    room.add(room.msOf(row.text.length), row.text.length);
  }
  if (batch.length > 0) yield { batch, from };
}

/** The sample while it is filled in, in any order. */
class Sheet {
  readonly #options: ScoringOptions;
  readonly #task: number;
  readonly #width: number;
  readonly #sample: ScoredSample;
  readonly #answered: Uint8Array;
  readonly rejected: Partial<Record<RowSkip, number>> = {};
  passedOn = 0;

  constructor(options: ScoringOptions) {
    const { question, rows, classifier } = options;
    this.#options = options;
    this.#task = classifier.model.tasks.findIndex(task => task.name === question.task.name);
    this.#width = question.labels.length;
    const cells = rows * this.#width;
    const [lines, truth] = [new Float64Array(rows), new Int8Array(cells)];
    this.#sample = { question, rows, lines, truth, scores: new Float64Array(cells), given: new Uint8Array(cells) };
    this.#answered = new Uint8Array(rows);
  }

  put(row: number, { line, cells }: Usable): void {
    this.#sample.lines[row] = line;
    this.#sample.truth.set(cells, row * this.#width);
  }

  fill(row: number, scored: Scored): void {
    const { question } = this.#options;
    const result = this.#options.judge(scored)[this.#task];
    const scores = classScores(question, scored.scores[this.#task] ?? []);
    this.#sample.scores.set(scores, row * this.#width);
    this.#sample.given.set(classesGiven(question, scores, result?.labels ?? []), row * this.#width);
    this.#answered[row] = 1;
    if (scored.answeredBy === 'full') this.passedOn += 1;
  }

  reject(reason: RowSkip): void {
    this.rejected[reason] = (this.rejected[reason] ?? 0) + 1;
  }

  sample(): ScoredSample {
    if (this.#answered.every(Boolean)) return this.#sample;
    return rowsOf(
      this.#sample,
      [...this.#answered.keys()].filter(row => this.#answered[row] === 1),
    );
  }
}

function classScores({ kind, columns }: EvalQuestion, scores: readonly number[]): number[] {
  const own = columns.map(column => scores[column] ?? 0);
  if (kind === 'yes-no') return [1 - (own[0] ?? 0), own[0] ?? 0];
  if (kind === 'set' || own.length === scores.length) return own;
  const sum = own.reduce((total, score) => total + score, 0);
  return sum > 0 ? own.map(score => score / sum) : own.map(() => 1 / own.length);
}

/**
 * Returns the labels that serving gives. For a choice among some labels it returns the highest of these, and the first
 * if several are equal.
 */
function classesGiven(
  { kind, labels, task, columns }: EvalQuestion,
  scores: readonly number[],
  given: readonly string[],
): number[] {
  if (kind === 'set') return labels.map(label => Number(given.includes(label)));
  if (kind === 'yes-no') {
    const holds = given.includes(task.labels[columns[0] ?? 0] ?? '');
    return [Number(!holds), Number(holds)];
  }
  const top = labels.length === task.labels.length ? labels.indexOf(given[0] ?? '') : topOf(scores);
  return labels.map((_, i) => Number(i === top));
}
