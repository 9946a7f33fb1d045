import type { Document } from 'yaml';
import { isAlias, isMap, isNode, isScalar, isSeq, type LineCounter } from 'yaml';

/** A place in a text, counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Where in a YAML text a value stands, by the path that leads to it. */
export class Places {
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(document: Document, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  /** The value at a path; if there is none, the innermost thing on the way that is there. */
  ofValue(path: readonly PropertyKey[]): Place {
    let start = startOf(this.#document.contents) ?? 0;
    let node: unknown = this.#document.contents;
    for (const step of path) {
      const { key, value } = this.#child(node, step);
      start = startOf(value) ?? startOf(key) ?? start;
      node = value;
    }
    return this.at(start);
  }

  /** The last key of a path. */
  ofKey(path: readonly PropertyKey[]): Place {
    const parent = path
      .slice(0, -1)
      .reduce<unknown>((node, step) => this.#child(node, step).value, this.#document.contents);
    const { key } = this.#child(parent, path.at(-1) ?? '');
    return this.at(startOf(key) ?? startOf(parent) ?? 0);
  }

  at(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  /** Of a key written twice the last counts, as in the value the library makes of the text. */
  #child(node: unknown, step: PropertyKey): { key?: unknown; value?: unknown } {
    const target = isAlias(node) ? node.resolve(this.#document) : node;
    if (isMap(target)) return target.items.findLast(pair => keyName(pair.key) === String(step)) ?? {};
    if (isSeq(target)) return { value: target.items[Number(step)] };
    return {};
  }
}

/** A key as it is called in the value the library makes of the text. */
export function keyName(key: unknown): string {
  return isScalar(key) ? String(key.value ?? '') : String(key);
}

export function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
