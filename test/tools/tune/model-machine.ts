import type { ClassifiedBatch } from '../../../src/ports.js';
import { BatchSize } from '../../../src/stage/batch-size.js';
import type { LoadSubject } from '../../../src/tools/tune/load.js';
import type { RigParts } from '../../../src/tools/tune/rig.js';
import type { WorkerSetting } from '../../../src/tools/tune/setting.js';
import type { SizedText } from '../../../src/tools/tune/texts.js';
import type { VirtualClock } from './virtual-clock.js';

/** Milliseconds a thread works for a batch of so many texts. */
export type Cost = (setting: WorkerSetting, texts: number) => number;

/** A machine whose speed is known: threads that each work off one batch after the other, on a clock of the test. */
export class ModelMachine {
  /** Classifiers that were started and not ended. */
  open = 0;
  started = 0;
  readonly #clock: VirtualClock;
  readonly #cost: Cost;
  readonly startMs: number;
  readonly memory = { bytesPerThread: 50e6, freeBytes: 8e9 };
  #usedBytes = 0;

  constructor(clock: VirtualClock, cost: Cost, startMs = 200) {
    this.#clock = clock;
    this.#cost = cost;
    this.startMs = startMs;
  }

  get parts(): RigParts {
    const memory = { used: () => this.#usedBytes, free: () => this.memory.freeBytes };
    return { start: setting => this.start(setting), subjectOf: this.subjectOf, memory };
  }

  readonly subjectOf = (setting: WorkerSetting, classifier: LoadSubject['classifier']): LoadSubject => ({
    classifier,
    size: new BatchSize({ most: 512, targetMs: setting.batchMs, textBytes: 600 }),
    batchBytes: 1e6,
  });

  async start(setting: WorkerSetting) {
    await this.#clock.sleep(this.startMs);
    this.open += 1;
    this.started += 1;
    this.#usedBytes += setting.count * this.memory.bytesPerThread;
    const free = Array.from({ length: setting.count }, () => Promise.resolve());
    let turn = 0;
    const classify = async (texts: readonly string[]): Promise<ClassifiedBatch> => {
      const thread = turn++ % setting.count;
      const workMs = this.#cost(setting, texts.length);
      const done = (free[thread] as Promise<void>).then(() => this.#clock.sleep(workMs));
      free[thread] = done;
      await done;
      const timings = { queueMs: 0, tokeniseMs: 0, inferMs: workMs, tokens: 0, paddedTokens: 0 };
      const scored = { kind: 'scored', scores: [[0.5]], tokens: 1, truncated: false } as const;
      return { answers: texts.map(() => scored), timings };
    };
    return {
      classify,
      threads: setting.count,
      concurrency: setting.count * 2,
      close: async () => {
        this.open -= 1;
        this.#usedBytes -= setting.count * this.memory.bytesPerThread;
      },
    };
  }
}

export const TEXTS: readonly SizedText[] = Array.from({ length: 100 }, (_, i) => ({ text: `text ${i}`, bytes: 60 }));

/** Numbers from 0 to 1 that follow from the seed (mulberry32). */
export function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
