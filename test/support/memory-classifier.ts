import type { ClassifiedBatch, Classifier, ModelInfo, Rejection, Scored } from '../../src/ports.js';
import { NO_TIMINGS } from './memory-records.js';

export const MEMORY_MODEL: ModelInfo = {
  name: 'memory',
  version: '1',
  sha256: '0'.repeat(64),
  identity: 'e'.repeat(64),
  precision: 'float64',
  maxTokens: 8,
  tasks: [{ name: 'mood', labels: ['fine', 'other'], activation: 'softmax', thresholds: [0.5, 0.5] }],
};

/** The Classifier of tests: the score of a text follows from the text, and a text with "poison" in it is rejected. */
export class MemoryClassifier implements Classifier {
  readonly model = MEMORY_MODEL;
  readonly threads: number;
  readonly concurrency: number;
  /** Called before a batch is answered; a test may delay the answer, or throw. */
  beforeAnswering: (texts: readonly string[]) => Promise<void> | void = () => {};
  readonly calls: Array<readonly string[]> = [];
  /** The most calls that were open at once. */
  mostOpen = 0;
  readonly #open = new Set<Promise<ClassifiedBatch>>();

  constructor({ concurrency = 2, threads }: { concurrency?: number; threads?: number } = {}) {
    this.threads = threads ?? concurrency;
    this.concurrency = concurrency;
  }

  async open(): Promise<void> {}

  classify(texts: readonly string[]): Promise<ClassifiedBatch> {
    this.calls.push(texts);
    const answering = this.#answer(texts);
    this.#open.add(answering);
    this.mostOpen = Math.max(this.mostOpen, this.#open.size);
    void answering.finally(() => this.#open.delete(answering)).catch(() => {});
    return answering;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#open]);
  }

  async #answer(texts: readonly string[]): Promise<ClassifiedBatch> {
    await this.beforeAnswering(texts);
    return { answers: texts.map(answerOf), timings: NO_TIMINGS };
  }
}

function answerOf(text: string): Scored | Rejection {
  if (String(text).includes('poison')) {
    return { kind: 'rejected', reason: 'INFERENCE_FAILED', stage: 'infer', attempts: 1, detail: 'poison' };
  }
  const score = [...text].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 1009, 7) / 1009;
  return { kind: 'scored', scores: [[score, 1 - score]], tokens: 2, truncated: false };
}
