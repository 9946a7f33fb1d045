import type { Manifest } from './kinds.js';

export type Path = ReadonlyArray<string | number>;
type Tree = Record<string | number, unknown>;

/** A deep copy with what is at the path replaced; with undefined, gone. */
export function changed(objects: readonly Manifest[], path: Path, value: unknown): Manifest[] {
  const copy = structuredClone(objects) as Manifest[];
  const parent = path.slice(0, -1).reduce<Tree>((node, key) => node[key] as Tree, copy as unknown as Tree);
  const last = path.at(-1) ?? '';
  if (value !== undefined) parent[last] = value;
  else if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else delete parent[last];
  return copy;
}

/** The path of a field of the one object of a kind (or of the one with the name), written with dots. */
export function at(objects: readonly Manifest[], kind: string, dotted: string): Path {
  const [wanted, name] = kind.split('/');
  const found = objects.findIndex(
    ({ kind: its, metadata }) => its === wanted && (name === undefined || metadata.name.startsWith(name)),
  );
  if (found < 0) throw new Error(`no ${kind}`);
  // Keys with dots in them stand in brackets: labels[app.kubernetes.io/name].
  const keys = dotted.match(/\[[^\]]+\]|[^.[]+/g) ?? [];
  return [found, ...keys.map(key => key.replace(/^\[|\]$/g, ''))];
}

export function fieldAt(objects: readonly Manifest[], path: Path): unknown {
  return path.reduce<unknown>((node, key) => (node as Tree | undefined)?.[key], objects);
}

/** Every field that holds no other, by its path. */
export function leaves(node: unknown, path: Path = []): Path[] {
  if (typeof node !== 'object' || node === null || Object.keys(node).length === 0) return [path];
  return Object.entries(node).flatMap(([key, child]) =>
    leaves(child, [...path, Array.isArray(node) ? Number(key) : key]),
  );
}

/** Another value of the same type, and a wrong one for it. */
export function otherThan(value: unknown): unknown {
  if (typeof value === 'number') return value * 1000 + 1;
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'string') return `${value}x`;
  return 'x';
}
