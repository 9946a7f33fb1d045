import { setImmediate } from 'node:timers/promises';
import type { ModelFolder } from '../../model/folder.js';
import type { GoldenVerdict } from '../../model/golden.js';
import { Model } from '../../model/model.js';

/** Texts between two looks at the signal. */
const SLICE = 32;
const RUN_TOKENS = 512;

export interface Scores {
  /** Per text the probabilities of all tasks' labels, one after the other. */
  readonly rows: readonly Float64Array[];
  readonly inferMs: number;
}

/** Scores by the engine that serves, in this thread. Stops between two slices when the signal says so. */
export async function scoresOf(folder: ModelFolder, texts: readonly string[], signal: AbortSignal): Promise<Scores> {
  const model = await Model.open(folder);
  const width = folder.tasks.reduce((sum, task) => sum + task.labels.length, 0);
  const rows: Float64Array[] = [];
  let inferMs = 0;
  try {
    await model.classify(['warm up'], RUN_TOKENS);
    for (let at = 0; at < texts.length; at += SLICE) {
      await pauseFor(signal);
      const slice = texts.slice(at, at + SLICE);
      const answers = await model.classify(slice, RUN_TOKENS);
      slice.forEach((_, row) => {
        rows.push(answers.scores.slice(row * width, (row + 1) * width));
      });
      inferMs += answers.inferMs;
    }
  } finally {
    await model.close();
  }
  return { rows, inferMs };
}

/** Loads the model and judges it by its golden samples; throws MODEL_GOLDEN. */
export async function proveGolden(folder: ModelFolder): Promise<GoldenVerdict> {
  const model = await Model.open(folder);
  try {
    return await model.prove(RUN_TOKENS);
  } finally {
    await model.close();
  }
}

/** Lets signals and timers in: the engine blocks the thread while it computes. */
export async function pauseFor(signal: AbortSignal): Promise<void> {
  await setImmediate();
  signal.throwIfAborted();
}
