import {
  type CST,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  Parser,
  parseDocument,
  visit,
  type YAMLError,
  type YAMLMap,
} from 'yaml';

/** A place in a text; line and column are counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Finds the place of a value in a YAML text by the path that leads to it. */
class Places {
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(document: Document, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  /**
   * Returns the place of the value at a path. If it does not exist, returns the innermost part of the path that does.
   */
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

  /** Returns the place of the last key of a path. */
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

  /**
   * Finds a child of a node. Of a key that is written twice the last counts, as in the value that the library makes of
   * the text.
   */
  #child(node: unknown, step: PropertyKey): { key?: unknown; value?: unknown } {
    const target = isAlias(node) ? node.resolve(this.#document) : node;
    if (isMap(target)) return target.items.findLast(pair => keyName(pair.key) === String(step)) ?? {};
    if (isSeq(target)) return { value: target.items[Number(step)] };
    return {};
  }
}

/** Returns the name that a key has in the value that the library makes of the text. */
function keyName(key: unknown): string {
  return isScalar(key) ? String(key.value ?? '') : String(key);
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

/** A mistake in a text; `place` is undefined for a mistake of the text as a whole. */
interface SyntaxProblem {
  readonly message: string;
  readonly place?: Place;
}

interface RepeatedKey {
  readonly key: string;
  readonly place: Place;
  readonly firstLine: number;
}

/** A YAML text after reading. With `errors`, `value` is undefined. */
export interface Yaml {
  readonly value: unknown;
  readonly errors: readonly SyntaxProblem[];
  readonly repeats: readonly RepeatedKey[];
  readonly places: Places;
}

const MAX_CHARACTERS = 1024 * 1024;
const MAX_DEPTH = 32;
/** The most aliases that are resolved. Ten aliases of ten aliases of ten are more. */
const MAX_ALIASES = 100;
const MAX_ERRORS = 5;

/**
 * Reads YAML 1.2. Never throws, whatever the text: its size, its nesting and the number of values that its aliases
 * stand for are bounded. No message quotes a value of the text.
 */
export function readYaml(text: string): Yaml {
  const lines = new LineCounter();
  const limit = pastLimit(text);
  // A key that is written twice passes here and is reported by name, together with all other problems.
  const options = { lineCounter: lines, uniqueKeys: false, prettyErrors: false, logLevel: 'error' } as const;
  const document = parseDocument(limit === undefined ? text : '', options);
  const places = new Places(document, lines);
  if (limit !== undefined) return { value: undefined, errors: [{ message: limit }], repeats: [], places };
  const errors = [...document.errors, ...document.warnings].slice(0, MAX_ERRORS).map(error => ({
    message: withoutQuote(error),
    place: places.at(error.pos[0]),
  }));
  if (errors.length > 0) return { value: undefined, errors, repeats: [], places };
  return { ...resolved(document), repeats: repeatedKeys(document, places), places };
}

function resolved(document: Document): Pick<Yaml, 'value' | 'errors'> {
  try {
    return { value: document.toJS({ maxAliasCount: MAX_ALIASES }), errors: [] };
  } catch {
    const message = `An alias (*name) that names nothing, or aliases that stand for more than ${MAX_ALIASES} values`;
    return { value: undefined, errors: [{ message }] };
  }
}

/**
 * Returns the bound that a text exceeds. The library recurses, and running out of stack inside it can end the process.
 */
function pastLimit(text: string): string | undefined {
  if (text.length > MAX_CHARACTERS) return `Longer than ${MAX_CHARACTERS} characters`;
  for (const token of new Parser().parse(text)) {
    if (isTooDeep(token)) return `Nested deeper than ${MAX_DEPTH} levels`;
  }
  return undefined;
}

function isTooDeep(token: CST.Token): boolean {
  let level: CST.Token[] = [token];
  for (let depth = 0; depth <= MAX_DEPTH && level.length > 0; depth += 1) level = level.flatMap(childTokens);
  return level.length > 0;
}

function childTokens(token: CST.Token): CST.Token[] {
  if (token.type === 'document') return token.value === undefined ? [] : [token.value];
  if (!('items' in token)) return [];
  return token.items.flatMap(({ key, value }) => [key ?? [], value ?? []].flat());
}

function repeatedKeys(document: Document, places: Places): RepeatedKey[] {
  const found: RepeatedKey[] = [];
  visit(document, {
    Map: (_, map) => {
      found.push(...repeatsIn(map, places));
    },
  });
  return found;
}

function repeatsIn(map: YAMLMap, places: Places): RepeatedKey[] {
  const firstLines = new Map<string, number>();
  return map.items.flatMap(({ key: node }) => {
    const key = keyName(node);
    const place = places.at(startOf(node) ?? 0);
    const firstLine = firstLines.get(key);
    if (firstLine !== undefined) return [{ key, place, firstLine }];
    firstLines.set(key, place.line);
    return [];
  });
}

/**
 * Returns the library's message, or a fixed one where the library quotes the text: the text may be a secret in the
 * wrong place.
 */
function withoutQuote({ code, message }: YAMLError): string {
  if (code === 'BAD_DQ_ESCAPE') return 'A backslash inside double quotes starts no escape that YAML knows';
  if (code === 'TAG_RESOLVE_FAILED') return 'A tag (!name) that YAML does not know, or that does not fit its value';
  if (code === 'BAD_DIRECTIVE') return 'A directive (%NAME) that YAML does not know';
  if (code === 'MULTIPLE_DOCS') return 'A second document starts here; a configuration is one document';
  return message.replace(/: .*$/s, '');
}
