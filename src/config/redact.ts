import { listFields, valueAt } from './fields.js';
import type { Config } from './schema.js';

/** A config as it may be printed: a copy, in which a secret field that is set reads `(set, not shown)`. */
export function redacted(config: Config): Record<string, unknown> {
  const copy = structuredClone(config) as unknown as Record<string, unknown>;
  for (const { path } of listFields().filter(({ secret }) => secret)) hide(copy, path);
  return copy;
}

function hide(tree: object, path: string): void {
  if (valueAt(tree, path) === undefined) return;
  const cut = path.lastIndexOf('.');
  const parent = valueAt(tree, path.slice(0, cut)) as Record<string, unknown>;
  parent[path.slice(cut + 1)] = '(set, not shown)';
}
