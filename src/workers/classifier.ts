import { SiftlineError } from '../errors.js';
import type {
  Answer,
  BatchTimings,
  ClassifiedBatch,
  Classifier,
  Explanation,
  LabelPlace,
  ModelInfo,
  Rejection,
  RejectReason,
} from '../ports.js';
import type { ExplainLimits } from './explain/occlusion.js';
import type { Reply, WorkerPool } from './pool.js';
import type { Answers } from './protocol.js';

/** Configures a WorkerClassifier. */
export interface ClassifierOptions {
  readonly pool: WorkerPool;
  readonly model: ModelInfo;
  /** Tries of a whole batch before it is split, and of a single text before it is rejected. */
  readonly attempts: number;
  /** Called for every thread that died. */
  readonly onCrash: (message: string) => void;
}

/**
 * Classifies on worker threads. A batch that fails is tried again, then halved, and each half is tried, until the one
 * text that fails alone is found: it is rejected, and all other texts are answered. One failing text in a batch of B
 * takes at most `attempts` x 2 + 2 log2(B) requests.
 */
export class WorkerClassifier implements Classifier {
  readonly model: ModelInfo;
  readonly threads: number;
  /** Two batches per thread: one is inferred and one waits. */
  readonly concurrency: number;
  readonly #options: ClassifierOptions;
  /** Columns of each task's labels in a text's row of scores. */
  readonly #columns: ReadonlyArray<readonly [from: number, to: number]>;
  readonly #width: number;

  constructor(options: ClassifierOptions) {
    this.#options = options;
    this.model = options.model;
    this.threads = options.pool.threads;
    this.concurrency = this.threads * 2;
    this.#columns = columnsOf(options.model);
    this.#width = this.#columns.at(-1)?.[1] ?? 0;
  }

  open(): Promise<void> {
    return this.#options.pool.open();
  }

  async classify(texts: readonly string[]): Promise<ClassifiedBatch> {
    const started = performance.now();
    const cost = new Cost();
    const answers = await this.#answer(texts, { whole: texts.length, cost });
    return { answers, timings: cost.timings(performance.now() - started) };
  }

  /**
   * Explains labels of one text. Resolves to a Rejection when the model or its thread fails at the text. Throws a
   * MODEL_ error when the model cannot be loaded.
   */
  async explain(
    text: string,
    targets: readonly LabelPlace[],
    limits: ExplainLimits,
  ): Promise<readonly Explanation[] | Rejection> {
    const reply = await this.#options.pool.run({ kind: 'explain', text, targets, limits });
    if (reply.kind === 'explained') return reply.explanations;
    this.#judge(reply);
    return rejection(reply, 1);
  }

  close(): Promise<void> {
    return this.#options.pool.close();
  }

  async #answer(texts: readonly string[], context: { whole: number; cost: Cost }): Promise<Answer[]> {
    if (texts.length === 0) return [];
    const tries = texts.length === context.whole || texts.length === 1 ? this.#options.attempts : 1;
    let reply: Reply | undefined;
    for (let attempt = 0; attempt < tries; attempt++) {
      // Only the first try explains: a failure while explaining must not cost a record its answer.
      const unexplained = attempt > 0 || texts.length < context.whole;
      reply = await this.#options.pool.run({ kind: 'classify', texts, unexplained });
      if (reply.kind === 'answers') return this.#scored(reply, context.cost);
      this.#judge(reply);
    }
    if (texts.length === 1) return [rejection(reply, tries)];
    const middle = Math.ceil(texts.length / 2);
    const halves = [texts.slice(0, middle), texts.slice(middle)].map(half => this.#answer(half, context));
    return (await Promise.all(halves)).flat();
  }

  /**
   * Reports a dead thread, and throws when the model cannot be loaded again: that is no record's fault, so it ends the
   * process and rejects no record.
   */
  #judge(reply: Reply): void {
    if (reply.kind === 'crashed') this.#options.onCrash(reply.message);
    if (reply.kind === 'failure' && reply.code.startsWith('MODEL_')) {
      throw SiftlineError.model(reply.code, reply.message);
    }
  }

  #scored(answers: Answers, cost: Cost): Answer[] {
    cost.add(answers);
    return Array.from(answers.tokens, (tokens, row) => {
      const failure = answers.failures.get(row);
      if (failure) return rejected(failure, 1);
      const start = row * this.#width;
      const scores = this.#columns.map(([from, to]) => numbersIn(answers.scores, start + from, start + to));
      const windows = answers.windows.get(row);
      const truncated = answers.truncated[row] === 1;
      const explanations = answers.explanations?.get(row);
      const { byStudent } = answers;
      return {
        kind: 'scored',
        scores,
        tokens,
        truncated,
        ...(windows && { windows }),
        ...(explanations !== undefined && { explanations }),
        ...(answers.provisional?.has(row) && { provisional: true }),
        ...(byStudent && { answeredBy: byStudent[row] === 1 ? 'student' : 'full' }),
      };
    });
  }
}

/**
 * Copies a stretch of the scores into a plain array. That is as quick as a view, and a kept answer does not keep the
 * whole batch in memory.
 */
function numbersIn(all: Float64Array, from: number, to: number): number[] {
  const numbers: number[] = [];
  for (let i = from; i < to; i++) numbers.push(all[i] as number);
  return numbers;
}

function columnsOf(model: ModelInfo): Array<readonly [number, number]> {
  let at = 0;
  return model.tasks.map(({ labels }) => {
    const from = at;
    at += labels.length;
    return [from, at] as const;
  });
}

/** Adds up the cost of the parts of a batch. */
class Cost {
  #tokeniseMs = 0;
  #inferMs = 0;
  #tokens = 0;
  #paddedTokens = 0;
  #explainMs = 0;

  add(answers: Answers): void {
    this.#tokeniseMs += answers.tokeniseMs;
    this.#inferMs += answers.inferMs;
    this.#tokens += answers.engineTokens;
    this.#paddedTokens += answers.paddedTokens;
    this.#explainMs += answers.explainMs ?? 0;
  }

  timings(elapsedMs: number): BatchTimings {
    return {
      queueMs: Math.max(0, elapsedMs - this.#tokeniseMs - this.#inferMs - this.#explainMs),
      tokeniseMs: this.#tokeniseMs,
      inferMs: this.#inferMs,
      tokens: this.#tokens,
      paddedTokens: this.#paddedTokens,
    };
  }
}

function rejection(reply: Reply | undefined, attempts: number): Rejection {
  return rejected(reply?.kind === 'crashed' ? 'WORKER_CRASHED' : 'INFERENCE_FAILED', attempts);
}

const DETAILS: Partial<Record<RejectReason, string>> = {
  TOKENISE_FAILED: 'the tokenizer failed on this text',
  INFERENCE_FAILED: 'the model gave no finite score for this text',
  WORKER_CRASHED: 'the inference thread died on this text',
};

function rejected(reason: RejectReason, attempts: number): Rejection {
  return { kind: 'rejected', reason, stage: 'infer', attempts, detail: DETAILS[reason] ?? reason };
}
