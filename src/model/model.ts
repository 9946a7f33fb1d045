import { invariant, messageOf, SiftlineError } from '../errors.js';
import type { TextWindows } from '../ports.js';
import type { Combine } from './aggregate.js';
import { type Arithmetic, cpuSaturates } from './arithmetic.js';
import type { ModelFolder } from './folder.js';
import { doubtOf, type GoldenDoubt, type GoldenScore, type GoldenVerdict, judgeGolden } from './golden.js';
import { allFinite, sigmoid, softmax } from './heads.js';
import { readKnown } from './known-files.js';
import type { LongTexts } from './long-texts.js';
import type { TaskSpec } from './manifest.js';
import { planRuns, type Run, Tensors } from './plan.js';
import { type DeclaredOutput, LOGIT_TYPES, Session } from './session.js';
import { type Encoded, Tokenizer } from './tokenizer.js';
import { type Layout, type LongRow, layOut, rowsOf } from './windows.js';

/** Names the reason why a single text has no scores, while the other texts of its batch have. */
export type TextFailure = 'TOKENISE_FAILED' | 'INFERENCE_FAILED';

/** Holds the answers to the texts of one call. Rows are in the order of the texts. */
export interface ModelAnswers {
  /** Probabilities, one row per text: the labels of all tasks, one after the other. */
  readonly scores: Float64Array;
  /** Tokens of each text that the model saw, special tokens included. A token in several windows counts once. */
  readonly tokens: Int32Array;
  /** 1 for a text that was cut off, else 0. */
  readonly truncated: Uint8Array;
  /** Windows by row, for the texts that were read as several. */
  readonly windows: ReadonlyMap<number, TextWindows>;
  /** Failures by row. The scores of these rows mean nothing. */
  readonly failures: ReadonlyMap<number, TextFailure>;
  readonly tokeniseMs: number;
  readonly inferMs: number;
  /** Tokens that went through the engine, in all windows, without padding. */
  readonly engineTokens: number;
  /** Tokens that went through the engine, padding included. */
  readonly paddedTokens: number;
}

/** Holds the result of the golden samples of a model on this machine. */
export interface Proof {
  readonly verdict: GoldenVerdict;
  /** The warning about scores that differ from the manifest's; undefined when they do not. */
  readonly doubt: GoldenDoubt | undefined;
}

interface ModelOptions {
  readonly folder: ModelFolder;
  readonly longTexts: LongTexts | undefined;
  readonly combiner: Combine | undefined;
}

interface AnswerOptions {
  readonly runTokens: number;
  readonly longTexts: LongTexts | undefined;
  readonly asked: Asked;
}

/** Holds the tasks that a run answers, and the number of scores that they take in a row. */
interface Asked {
  readonly tasks: ReadonlyArray<TaskSpec & { readonly output: string }>;
  readonly width: number;
}

/** Collects the answers of a batch by row: probabilities, and failures. */
interface Answered {
  readonly asked: Asked;
  readonly scores: Float64Array;
  readonly failures: Map<number, TextFailure>;
}

const NOTHING: Encoded = { ids: [], truncated: false };

/**
 * Turns texts into scores: tokenises, sorts, cuts into runs, infers, activates, combines windows. It knows nothing of
 * Kafka or threads. A model is open from `open` to `close`; it answers one call at a time.
 */
export class Model {
  readonly #folder: ModelFolder;
  readonly #longTexts: LongTexts | undefined;
  readonly #tokenizer: Tokenizer;
  readonly #session: Session;
  readonly #tensors: Tensors;
  readonly #asked: Asked;
  /** Combines the windows of long texts; undefined when long texts are cut off. */
  readonly #combiner: Combine | undefined;

  private constructor({ folder, longTexts, combiner }: ModelOptions, tokenizer: Tokenizer, session: Session) {
    this.#folder = folder;
    this.#longTexts = longTexts;
    this.#tokenizer = tokenizer;
    this.#session = session;
    this.#tensors = new Tensors(folder.padId);
    this.#asked = this.#asking(folder.tasks);
    this.#combiner = combiner;
  }

  /**
   * Loads the tokenizer and the graph. A text that does not fit is cut off, unless `longTexts` is given. Throws
   * MODEL_CHANGED, MODEL_TOKENIZER, MODEL_UNREADABLE, MODEL_UNSUPPORTED or MODEL_LABELS.
   */
  static async open(folder: ModelFolder, longTexts?: LongTexts): Promise<Model> {
    const tokenizer = openTokenizer(folder);
    const session = await Session.open(folder);
    checkInputs(folder, session);
    const combiner = longTexts && (await combinerOf(folder, longTexts));
    return new Model({ folder, longTexts, combiner }, tokenizer, session);
  }

  /** The arithmetic of the model's int8 products on this CPU. */
  get arithmetic(): Arithmetic {
    return this.#session.arithmetic;
  }

  /**
   * Answers every text, in order. `runTokens` is the token budget of one run. Throws only when the engine fails on a
   * run; a text that cannot be answered by its own fault is among the `failures`.
   */
  classify(texts: readonly string[], runTokens: number): Promise<ModelAnswers> {
    return this.#answer(texts, { runTokens, longTexts: this.#longTexts, asked: this.#asked });
  }

  /**
   * Warms the engine up and scores the golden samples; a sample that does not fit is cut off. Every task of the model
   * is scored, so the result does not depend on the tasks that are asked for. Throws MODEL_GOLDEN for a score that no
   * sound copy of the model gives, MODEL_UNSUPPORTED when the engine fails on the first texts.
   */
  async prove(runTokens: number): Promise<Proof> {
    const { path, golden, allTasks, saturates, info } = this.#folder;
    // Two lengths, so that padding is tried too.
    const texts = golden.length > 0 ? golden.map(({ text }) => text) : ['warm up', 'warm up a little longer'];
    const asked = this.#asking(allTasks);
    const { scores } = await this.#answer(texts, { runTokens, longTexts: undefined, asked }).catch(error => {
      throw doesNotRun(this.#folder, error);
    });
    const rows = golden.map((_, row) => scores.subarray(row * asked.width, (row + 1) * asked.width));
    const verdict = judgeGolden(allTasks, golden, rows);
    if (verdict.damage) throw damaged(this.#folder, verdict.damage);
    const clipped = saturates === false && info.precision.startsWith('int8') && (await cpuSaturates());
    return { verdict, doubt: doubtOf({ path, golden, clipped }, verdict) };
  }

  /**
   * Returns the text that stands in for a word that is hidden from the model; empty when the tokenizer has no mask
   * token.
   */
  blank(word: string): string {
    return this.#tokenizer.blank(word);
  }

  /** Returns true when the model sees all of the text. */
  fits(text: string): boolean {
    return this.#encode(text, this.#longTexts)?.truncated === false;
  }

  /** Frees the engine's memory. No call may follow. */
  async close(): Promise<void> {
    await this.#session.close();
  }

  #asking(tasks: readonly TaskSpec[]): Asked {
    const width = tasks.reduce((sum, task) => sum + task.labels.length, 0);
    return { tasks: tasks.map(task => ({ ...task, output: outputOf(this.#folder, this.#session, task) })), width };
  }

  async #answer(texts: readonly string[], { runTokens, longTexts, asked }: AnswerOptions): Promise<ModelAnswers> {
    const failures = new Map<number, TextFailure>();
    const started = performance.now();
    const encoded = texts.map((text, row) => {
      const one = this.#encode(text, longTexts);
      if (!one) failures.set(row, 'TOKENISE_FAILED');
      return one ?? NOTHING;
    });
    const tokenised = performance.now();
    const { inputs, long } = layOut(encoded);
    const lengths = inputs.map(({ ids }) => ids.length);
    const runs = planRuns(lengths, runTokens, this.#folder.info.maxTokens);
    const scores = new Float64Array(inputs.length * asked.width);
    const answered = { asked, scores, failures };
    for (const run of runs) await this.#infer(run, inputs, answered);
    const windows = this.#combine(long, answered);
    return {
      scores: long.length === 0 ? scores : scores.slice(0, texts.length * asked.width),
      tokens: Int32Array.from(encoded, each => each.long?.tokens ?? each.ids.length),
      truncated: Uint8Array.from(encoded, ({ truncated }) => Number(truncated)),
      windows,
      failures,
      tokeniseMs: tokenised - started,
      inferMs: performance.now() - tokenised,
      engineTokens: lengths.reduce((sum, length) => sum + length, 0),
      paddedTokens: runs.reduce((sum, run) => sum + run.rows.length * run.width, 0),
    };
  }

  /** Returns the token ids of a text, or undefined when the tokenizer fails. */
  #encode(text: string, longTexts: LongTexts | undefined): Encoded | undefined {
    try {
      return longTexts ? this.#tokenizer.encodeWindows(text, longTexts) : this.#tokenizer.encode(text);
    } catch {
      return undefined;
    }
  }

  /** Combines rows of windows into rows of texts. A text fails when one of its windows has no finite scores. */
  #combine(long: readonly LongRow[], { asked, scores, failures }: Answered): Map<number, TextWindows> {
    const windows = new Map<number, TextWindows>();
    if (long.length === 0) return windows;
    invariant(this.#combiner, 'a text was cut into windows, and nothing combines them');
    const rowAt = (row: number) => scores.subarray(row * asked.width, (row + 1) * asked.width);
    for (const text of long) {
      const failed = rowsOf(text).filter(row => failures.delete(row));
      if (failed.length > 0) failures.set(text.row, 'INFERENCE_FAILED');
      else windows.set(text.row, this.#combiner(text, rowAt));
    }
    return windows;
  }

  async #infer(run: Run, inputs: Layout['inputs'], into: Answered): Promise<void> {
    if (run.width === 0) return;
    const outputs = await this.#session.run(this.#tensors.fill(run, inputs));
    let column = 0;
    for (const task of into.asked.tasks) {
      const labels = task.labels.length;
      const activate = task.activation === 'softmax' ? softmax : sigmoid;
      const logits = outputs[task.output];
      invariant(logits, `the graph has no output ${task.output}`);
      if (logits.length !== run.rows.length * labels) {
        const wide = logits.length / run.rows.length;
        throw new Error(
          `output "${task.output}" has ${wide} values for a text, task ${task.name} names ${labels} labels`,
        );
      }
      run.rows.forEach((row, at) => {
        const own = logits.subarray(at * labels, (at + 1) * labels);
        if (!allFinite(own)) into.failures.set(row, 'INFERENCE_FAILED');
        const start = row * into.asked.width + column;
        activate(own, task.temperature, into.scores.subarray(start, start + labels));
      });
      column += labels;
    }
  }
}

/** Loads the combiner's code; a model that cuts long texts off never needs it. */
async function combinerOf({ tasks }: ModelFolder, { aggregates }: LongTexts): Promise<Combine> {
  const { combinerFor } = await import('./aggregate.js');
  return combinerFor(tasks, aggregates);
}

function openTokenizer(folder: ModelFolder): Tokenizer {
  const json = readKnown(folder.tokenizerFile, folder.hashes).toString('utf8');
  try {
    return new Tokenizer(JSON.parse(json), folder.info.maxTokens);
  } catch (error) {
    throw SiftlineError.model(
      'MODEL_TOKENIZER',
      `${folder.tokenizerFile}: ${messageOf(error)}; write it again with the tokenizers library`,
    );
  }
}

function checkInputs(folder: ModelFolder, session: Session): void {
  const known = ['input_ids', 'attention_mask', 'token_type_ids'];
  const strange = session.inputNames.filter(name => !known.includes(name));
  const missing = known.slice(0, 2).filter(name => !session.inputNames.includes(name));
  if (strange.length === 0 && missing.length === 0) return;
  throw SiftlineError.model(
    'MODEL_UNSUPPORTED',
    `${folder.onnxFile}: inputs are ${session.inputNames.join(', ')}; siftline feeds ${known.join(', ')}`,
  );
}

function outputOf(folder: ModelFolder, session: Session, task: TaskSpec): string {
  const output = task.output ?? session.outputNames.find(name => name === 'logits') ?? session.outputNames[0] ?? '';
  if (!session.outputNames.includes(output)) {
    throw SiftlineError.model(
      'MODEL_UNSUPPORTED',
      `${folder.onnxFile}: no output "${output}" for task ${task.name}; it has ${session.outputNames.join(', ')}`,
    );
  }
  const declared = session.output(output);
  checkLogits(folder, output, declared);
  const width = declared?.width;
  if (width !== undefined && width !== task.labels.length) {
    throw SiftlineError.model(
      'MODEL_LABELS',
      `${folder.path}: output "${output}" has ${width} values, task ${task.name} names ${task.labels.length} labels`,
    );
  }
  return output;
}

/** Throws unless an output is numbers of a type that is read, in rows of labels. */
function checkLogits({ onnxFile }: ModelFolder, output: string, declared: DeclaredOutput | undefined): void {
  if (!declared) throw strangeOutput(onnxFile, output, 'is no tensor');
  const { type, shape } = declared;
  if (!LOGIT_TYPES.includes(type)) throw strangeOutput(onnxFile, output, `holds ${type}`);
  // A graph may declare no shape at all.
  if (shape.length !== 2 && shape.length > 0) {
    const what = shape.length === 3 ? ', a row for each token: is it a token classifier?' : '';
    throw strangeOutput(onnxFile, output, `has the shape [${shape.join(', ')}]${what}`);
  }
}

function strangeOutput(onnxFile: string, output: string, what: string): SiftlineError {
  return SiftlineError.model(
    'MODEL_UNSUPPORTED',
    `${onnxFile}: output "${output}" ${what}; siftline reads logits of ${LOGIT_TYPES.join(', ')} in the shape [texts, labels]: export the model as a text classifier`,
  );
}

function doesNotRun(folder: ModelFolder, error: unknown): SiftlineError {
  return SiftlineError.model(
    'MODEL_UNSUPPORTED',
    `${folder.path}: ONNX Runtime fails on a first text: ${messageOf(error)}; the graph, tokenizer.json and config.json may not belong together, or one is damaged`,
    error,
  );
}

function damaged(folder: ModelFolder, { sample, task, label, expected, actual, instead }: GoldenScore): SiftlineError {
  const chosen = instead === undefined ? '' : ` and "${instead}" is chosen in its place`;
  return SiftlineError.model(
    'MODEL_GOLDEN',
    `${folder.path}: golden sample ${sample}, ${task}/${label} scored ${actual.toFixed(4)}, the manifest says ${expected.toFixed(4)}${chosen}: ` +
      'its files are damaged or do not belong together, or an older siftline made it on a CPU that clips int8 products; ' +
      'restore the folder as it came, or import the original again with `siftline models import`',
  );
}
