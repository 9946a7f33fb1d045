import { setImmediate } from 'node:timers/promises';
import type { ModelFolder } from '../../model/folder.js';
import type { Golden, TaskSpec } from '../../model/manifest.js';
import { Model, type Proof } from '../../model/model.js';

/** The number of texts between two looks at the signal. */
const SLICE = 32;
const RUN_TOKENS = 512;

/**
 * The texts that imported models are proved on at every start. They are never texts of the user, which may be private.
 */
export const GOLDEN_TEXTS: readonly string[] = [
  'The new phone is great, the battery lasts two days!',
  'The parcel came late and the box was crushed. Very disappointed.',
  'Parliament votes on the budget after a long debate on Tuesday.',
  'ten easy recipes for a rainy sunday',
  'WIN a prize now!!! Reply YES to claim, only today',
  'Das Essen war gut, aber wir haben lange gewartet.',
  '这家酒店的房间很干净，服务也很好。',
  'ok',
];

export interface Scores {
  /** The probabilities of all tasks' labels, one after the other, for each text. */
  readonly rows: readonly Float64Array[];
  readonly inferMs: number;
}

/** Scores texts with the engine that serves, in this thread. Stops between two slices if the signal says so. */
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
export async function proveGolden(folder: ModelFolder): Promise<Proof> {
  const model = await Model.open(folder);
  try {
    return await model.prove(RUN_TOKENS);
  } finally {
    await model.close();
  }
}

/** Lets signals and timers run, since the engine blocks the thread while it computes. */
export async function pauseFor(signal: AbortSignal): Promise<void> {
  await setImmediate();
  signal.throwIfAborted();
}

export function goldenFrom(tasks: readonly TaskSpec[], rows: readonly Float64Array[]): Golden[] {
  return GOLDEN_TEXTS.map((text, i) => {
    let at = 0;
    const scores = tasks.map(({ name, labels }) => {
      const own = labels.map(label => [label, rows[i]?.[at++] ?? Number.NaN] as const);
      return [name, Object.fromEntries(own)] as const;
    });
    return { text, scores: Object.fromEntries(scores) };
  });
}
