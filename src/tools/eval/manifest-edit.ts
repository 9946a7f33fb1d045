import { rescaledChoice, rescaledProbability } from './temperature.js';

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

/** Where a value stands in a JSON text. */
interface Span {
  readonly from: number;
  readonly to: number;
}

type Path = readonly (string | number)[];

/**
 * Sets one value of a JSON text and leaves every other byte as it is; a member that is not there is added as the last of
 * its object. The text must be JSON, and the object the value goes into must be there.
 */
export function setJson(text: string, path: Path, value: unknown): string {
  const span = find(text, path);
  if (span) return text.slice(0, span.from) + JSON.stringify(value) + text.slice(span.to);
  const parent = find(text, path.slice(0, -1));
  if (!parent) throw new RangeError(`the JSON has nothing at ${path.slice(0, -1).join('.')}`);
  return insert(text, parent, `${JSON.stringify(path.at(-1))}: ${indented(value, text, parent)}`);
}

function find(text: string, path: Path): Span | undefined {
  let span: Span | undefined = spanAt(text, skipSpace(text, 0));
  for (const step of path) {
    if (!span) return undefined;
    span = children(text, span.from).get(step);
  }
  return span;
}

/** The values of the object or array that starts here, by key or place. */
function children(text: string, from: number): Map<string | number, Span> {
  const found = new Map<string | number, Span>();
  const isObject = text[from] === '{';
  if (!isObject && text[from] !== '[') return found;
  let at = skipSpace(text, from + 1);
  while (text[at] !== '}' && text[at] !== ']') {
    let key: string | number = found.size;
    if (isObject) {
      const name = spanAt(text, at);
      key = JSON.parse(text.slice(name.from, name.to)) as string;
      at = skipSpace(text, skipSpace(text, name.to) + 1);
    }
    const span = spanAt(text, at);
    found.set(key, span);
    at = skipSpace(text, span.to);
    if (text[at] === ',') at = skipSpace(text, at + 1);
  }
  return found;
}

/** A string to its quote, a number or word to what ends it, an object or array to its bracket. */
function spanAt(text: string, from: number): Span {
  const first = text[from] ?? '';
  if (first === '"') return { from, to: endOfString(text, from) };
  if (first !== '{' && first !== '[')
    return { from, to: from + (/^[^\s,\]}]+/.exec(text.slice(from, from + 400))?.[0].length ?? 0) };
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (character === '"') at = endOfString(text, at) - 1;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') depth -= 1;
    if (depth === 0) return { from, to: at + 1 };
  }
  return { from, to: text.length };
}

function endOfString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (/\s/.test(text[at] ?? '')) at += 1;
  return at;
}

function insert(text: string, parent: Span, member: string): string {
  const last = [...children(text, parent.from).values()].at(-1);
  if (!last) return `${text.slice(0, parent.from)}{${member}}${text.slice(parent.to)}`;
  return `${text.slice(0, last.to)},${spaceBefore(text, parent)}${member}${text.slice(last.to)}`;
}

/** What stands between the bracket and the first member: a line break and the indent, or nothing. */
function spaceBefore(text: string, parent: Span): string {
  return text.slice(parent.from + 1, skipSpace(text, parent.from + 1)) || ' ';
}

function indented(value: unknown, text: string, parent: Span): string {
  const space = spaceBefore(text, parent);
  if (!space.includes('\n')) return JSON.stringify(value);
  const indent = space.slice(space.lastIndexOf('\n') + 1);
  return JSON.stringify(value, null, 2).replaceAll('\n', `\n${indent}`);
}
