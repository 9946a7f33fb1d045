import { findNodeAtLocation, type JSONPath, type Node, parseTree } from 'jsonc-parser';
import { rescaledChoice, rescaledProbability } from './temperature.js';

export interface ManifestChange {
  readonly task: string;
  readonly temperature: number;
  /** The thresholds of the labels whose threshold changes. */
  readonly thresholds: Readonly<Record<string, number>>;
}

/** The fields of `siftline.json` that are read here. They were checked when the model was loaded. */
interface EditedManifest {
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
 * Returns the text of a `siftline.json` with another temperature and other thresholds for one task. The golden scores
 * of the task are converted to the new temperature: they come from the same logits as the old ones. Every other byte
 * stays.
 */
export function editManifest(text: string, change: ManifestChange): string {
  const manifest = JSON.parse(text) as EditedManifest;
  const at = manifest.tasks.findIndex(task => task.name === change.task);
  const before = manifest.tasks[at]?.temperature ?? 1;
  let edited = text;
  const set = (path: JSONPath, value: unknown) => {
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

/**
 * Sets one value of a JSON text and leaves every other byte as it is. A member that does not exist is added as the last
 * of its object. The text must be JSON, and must have the object that the value goes into.
 */
export function setJson(text: string, path: JSONPath, value: unknown): string {
  const tree = parseTree(text);
  const place = tree && findNodeAtLocation(tree, path);
  if (place) return text.slice(0, place.offset) + JSON.stringify(value) + text.slice(endOf(place));
  const parent = tree && findNodeAtLocation(tree, path.slice(0, -1));
  if (parent?.type !== 'object') throw new RangeError(`the JSON has no object at ${path.slice(0, -1).join('.')}`);
  return insert(text, parent, `${JSON.stringify(path.at(-1))}: ${indented(value, text, parent)}`);
}

/** Inserts the member as text. The library's own insertion also reformats the lines around it. */
function insert(text: string, parent: Node, member: string): string {
  const last = parent.children?.at(-1);
  if (!last) return `${text.slice(0, parent.offset)}{${member}}${text.slice(endOf(parent))}`;
  return `${text.slice(0, endOf(last))},${spaceBefore(text, parent)}${member}${text.slice(endOf(last))}`;
}

function endOf({ offset, length }: Node): number {
  return offset + length;
}

/** Returns the text between the bracket and the first member: a line break and the indent, or nothing. */
function spaceBefore(text: string, { offset, children }: Node): string {
  return text.slice(offset + 1, children?.[0]?.offset ?? offset + 1) || ' ';
}

function indented(value: unknown, text: string, parent: Node): string {
  const space = spaceBefore(text, parent);
  if (!space.includes('\n')) return JSON.stringify(value);
  const indent = space.slice(space.lastIndexOf('\n') + 1);
  return JSON.stringify(value, null, 2).replaceAll('\n', `\n${indent}`);
}
