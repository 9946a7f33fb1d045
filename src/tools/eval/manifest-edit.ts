import { setJson } from './json-edit.js';
import { rescaledChoice, rescaledProbability } from './rescale.js';

export interface ManifestChange {
  readonly task: string;
  readonly temperature: number;
  /** Only the labels whose threshold changes. */
  readonly thresholds: Readonly<Record<string, number>>;
}

/** What is read of `siftline.json`; it has been checked when its model was loaded. */
interface Manifest {
  readonly tasks: readonly {
    readonly name: string;
    readonly activation: string;
    readonly labels: readonly string[];
    readonly temperature?: number;
    readonly thresholds?: object;
  }[];
  readonly golden?: readonly { readonly scores: Readonly<Record<string, Readonly<Record<string, number>>>> }[];
}

/**
 * The text of a `siftline.json` with another temperature and other thresholds for one task. The golden scores of the task
 * follow from the temperature: they come from the same logits as the old ones. Everything else stays byte by byte.
 */
export function editManifest(text: string, change: ManifestChange): string {
  const manifest = JSON.parse(text) as Manifest;
  const at = manifest.tasks.findIndex(task => task.name === change.task);
  const before = manifest.tasks[at]?.temperature ?? 1;
  let edited = text;
  const set = (path: readonly (string | number)[], value: unknown) => {
    edited = setJson(edited, path, value);
  };
  if (Object.keys(change.thresholds).length > 0) {
    if (manifest.tasks[at]?.thresholds === undefined) set(['tasks', at, 'thresholds'], change.thresholds);
    else
      for (const [label, threshold] of Object.entries(change.thresholds))
        set(['tasks', at, 'thresholds', label], threshold);
  }
  if (change.temperature === before) return edited;
  set(['tasks', at, 'temperature'], change.temperature);
  manifest.golden?.forEach(({ scores }, sample) => {
    const golden = rescaledGolden(
      scores[change.task] ?? {},
      manifest.tasks[at]?.activation,
      before / change.temperature,
    );
    for (const [label, score] of Object.entries(golden)) set(['golden', sample, 'scores', change.task, label], score);
  });
  return edited;
}

function rescaledGolden(
  scores: Readonly<Record<string, number>>,
  activation: string | undefined,
  factor: number,
): Record<string, number> {
  const values = Object.values(scores);
  const scaled =
    activation === 'softmax' ? rescaledChoice(values, factor) : values.map(p => rescaledProbability(p, factor));
  return Object.fromEntries(Object.keys(scores).map((label, i) => [label, scaled[i] ?? 0]));
}
