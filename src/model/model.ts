import { readFileSync } from 'node:fs';
import { ExitCode, invariant, messageOf, SiftlineError } from '../errors.js';
import type { ModelFolder } from './folder.js';
import { allFinite, sigmoid, softmax } from './heads.js';
import type { TaskSpec } from './manifest.js';
import { planRuns, type Run } from './plan.js';
import { Session } from './session.js';
import { Tensors } from './tensors.js';
import { type Encoded, Tokenizer } from './tokenizer.js';

/** Why a single text has no scores, while its batch-mates do. */
export type TextFailure = 'TOKENISE_FAILED' | 'INFERENCE_FAILED';

export interface ModelAnswers {
  /** Probabilities, one row per text: the tasks' labels one after the other. */
  readonly scores: Float64Array;
  readonly tokens: Int32Array;
  readonly truncated: Uint8Array;
  readonly failures: ReadonlyMap<number, TextFailure>;
  readonly tokeniseMs: number;
  readonly inferMs: number;
  /** Tokens that went through the engine, padding included. */
  readonly paddedTokens: number;
}

/** How far a golden score may be off: int8 kernels differ in the last bits between kinds of CPU. */
const GOLDEN_TOLERANCE = 0.02;

/** Text to scores: tokenise, sort, cut into runs, infer, activate. Knows nothing of Kafka or threads. */
export class Model {
  readonly #folder: ModelFolder;
  readonly #tokenizer: Tokenizer;
  readonly #session: Session;
  readonly #tensors: Tensors;
  readonly #tasks: ReadonlyArray<TaskSpec & { readonly output: string }>;
  readonly #width: number;

  private constructor(folder: ModelFolder, tokenizer: Tokenizer, session: Session) {
    this.#folder = folder;
    this.#tokenizer = tokenizer;
    this.#session = session;
    this.#tensors = new Tensors(folder.padId);
    this.#tasks = folder.tasks.map(task => ({ ...task, output: outputOf(folder, session, task) }));
    this.#width = folder.tasks.reduce((sum, task) => sum + task.labels.length, 0);
  }

  static async open(folder: ModelFolder): Promise<Model> {
    const tokenizer = openTokenizer(folder);
    const session = await Session.open(folder);
    checkInputs(folder, session);
    return new Model(folder, tokenizer, session);
  }

  /** Answers every text, in order. Throws only when the engine fails on a run; a text of its own fault is a failure. */
  async classify(texts: readonly string[], runTokens: number): Promise<ModelAnswers> {
    const failures = new Map<number, TextFailure>();
    const started = performance.now();
    const encoded = texts.map((text, row) => this.#encode(text, row, failures));
    const tokenised = performance.now();
    const runs = planRuns(
      encoded.map(({ ids }) => ids.length),
      runTokens,
    );
    const scores = new Float64Array(texts.length * this.#width);
    for (const run of runs) await this.#infer(run, encoded, { scores, failures });
    return {
      scores,
      tokens: Int32Array.from(encoded, ({ ids }) => ids.length),
      truncated: Uint8Array.from(encoded, ({ truncated }) => Number(truncated)),
      failures,
      tokeniseMs: tokenised - started,
      inferMs: performance.now() - tokenised,
      paddedTokens: runs.reduce((sum, run) => sum + run.rows.length * run.width, 0),
    };
  }

  /** Warms the engine up and compares it with the golden samples; throws MODEL_GOLDEN when it computes something else. */
  async prove(runTokens: number): Promise<void> {
    const { golden, tasks } = this.#folder;
    const texts = golden.length > 0 ? golden.map(({ text }) => text) : ['warm up'];
    const { scores } = await this.classify(texts, runTokens);
    golden.forEach((sample, row) => {
      let at = row * this.#width;
      for (const task of tasks) {
        for (const label of task.labels)
          compare(this.#folder, { task: task.name, label, row }, [sample.scores[task.name]?.[label], scores[at++]]);
      }
    });
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  #encode(text: string, row: number, failures: Map<number, TextFailure>): Encoded {
    try {
      return this.#tokenizer.encode(text);
    } catch {
      failures.set(row, 'TOKENISE_FAILED');
      return { ids: [], truncated: false };
    }
  }

  async #infer(
    run: Run,
    encoded: readonly Encoded[],
    into: { scores: Float64Array; failures: Map<number, TextFailure> },
  ) {
    if (run.width === 0) return;
    const outputs = await this.#session.run(this.#tensors.fill(run, encoded));
    let column = 0;
    for (const task of this.#tasks) {
      const labels = task.labels.length;
      const activate = task.activation === 'softmax' ? softmax : sigmoid;
      const logits = outputs[task.output];
      invariant(logits, `the graph has no output ${task.output}`);
      run.rows.forEach((row, at) => {
        const own = logits.subarray(at * labels, (at + 1) * labels);
        if (!allFinite(own)) into.failures.set(row, 'INFERENCE_FAILED');
        const start = row * this.#width + column;
        activate(own, task.temperature, into.scores.subarray(start, start + labels));
      });
      column += labels;
    }
  }
}

function openTokenizer(folder: ModelFolder): Tokenizer {
  try {
    return new Tokenizer(JSON.parse(readFileSync(folder.tokenizerFile, 'utf8')), folder.info.maxTokens);
  } catch (error) {
    throw modelError(
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
  throw modelError(
    'MODEL_UNSUPPORTED',
    `${folder.onnxFile}: inputs are ${session.inputNames.join(', ')}; siftline feeds ${known.join(', ')}`,
  );
}

function outputOf(folder: ModelFolder, session: Session, task: TaskSpec): string {
  const output = task.output ?? session.outputNames.find(name => name === 'logits') ?? session.outputNames[0] ?? '';
  if (!session.outputNames.includes(output)) {
    throw modelError(
      'MODEL_UNSUPPORTED',
      `${folder.onnxFile}: no output "${output}" for task ${task.name}; it has ${session.outputNames.join(', ')}`,
    );
  }
  const width = session.width(output);
  if (width !== undefined && width !== task.labels.length) {
    throw modelError(
      'MODEL_LABELS',
      `${folder.path}: output "${output}" has ${width} values, task ${task.name} names ${task.labels.length} labels`,
    );
  }
  return output;
}

function compare(
  folder: ModelFolder,
  where: { task: string; label: string; row: number },
  [expected, actual]: [number | undefined, number | undefined],
) {
  if (expected === undefined || Math.abs(expected - (actual ?? Number.NaN)) <= GOLDEN_TOLERANCE) return;
  throw modelError(
    'MODEL_GOLDEN',
    `${folder.path}: golden sample ${where.row}, ${where.task}/${where.label} scored ${actual?.toFixed(4)}, the manifest says ${expected.toFixed(4)}; ` +
      'the model does not compute here what it did where it was made: use another file, or set model.verify to false',
  );
}

function modelError(code: string, message: string): SiftlineError {
  return new SiftlineError({ code, message, exitCode: ExitCode.model });
}
