import { isDeepStrictEqual } from 'node:util';
import { type Document, isMap, isNode, parseDocument, type ToStringOptions } from 'yaml';
import { configInvalid, configUnreadable } from './problems.js';
import { readYaml } from './yaml.js';
import { insertValue } from './yaml-insert.js';

export type Path = readonly string[];
/** Where a value stands, key by key, and the value. */
export type Placed = readonly [path: Path, value: string | number];

/**
 * The text of a configuration file with these values set; without a text, of a new file. Comments, order and other fields
 * stay, and nearly always every other byte. Throws CONFIG_UNREADABLE for what is not YAML, CONFIG_INVALID where something above a
 * value is no mapping.
 */
export function withValues(file: string, text: string, values: readonly Placed[]): string {
  const document = documentOf(file, text);
  for (const [path] of values) requireMappings(file, document, path.slice(0, -1));
  if (values.length === 0) return text;
  const inserted = values.reduce<string | undefined>(
    (so, [at, value]) => (so === undefined || so === '' ? undefined : insertValue(so, at, value)),
    text,
  );
  const whole = rewritten(document, values).toString(styleOf(text));
  return inserted !== undefined && isSame(inserted, whole) ? inserted : whole;
}

/** Throws CONFIG_UNREADABLE for what is not YAML. */
export function documentOf(file: string, text: string): Document {
  const [error] = readYaml(text).errors;
  if (error) {
    const place = error.place ? `:${error.place.line}:${error.place.column}` : '';
    throw configUnreadable(`not valid YAML: ${file}${place}: ${error.message}`);
  }
  return parseDocument(text);
}

/** Throws CONFIG_INVALID where the path, or what is above it, is there and no mapping. */
export function requireMappings(file: string, document: Document, path: Path): void {
  for (let depth = 0; depth <= path.length; depth++) requireMapping(file, document, path.slice(0, depth));
}

function rewritten(document: Document, values: readonly Placed[]): Document {
  for (const [at, value] of values) {
    for (let depth = 1; depth < at.length; depth++) openMapping(document, at.slice(0, depth));
    document.setIn(at, value);
  }
  return document;
}

/** Whether two texts say the same; their comments and their layout aside. */
function isSame(one: string, other: string): boolean {
  const { value, errors } = readYaml(one);
  return errors.length === 0 && isDeepStrictEqual(value, readYaml(other).value);
}

function requireMapping(file: string, document: Document, path: Path): void {
  const node = path.length === 0 ? document.contents : document.getIn(path);
  if (node === undefined || node === null || isMap(node)) return;
  const subject = path.join('.') || 'the file';
  const text = 'is not a mapping here, or an alias of one; write its fields below it';
  throw configInvalid([{ subject, text, where: file }]);
}

/** Makes a mapping of a field that is not there, or has nothing but comments below it. */
function openMapping(document: Document, path: Path): void {
  const node = document.getIn(path, true);
  if (isMap(node)) return;
  const mapping = document.createNode({});
  if (isNode(node)) Object.assign(mapping, { comment: node.comment, commentBefore: node.commentBefore });
  document.setIn(path, mapping);
}

/** The library's output in the style of what it read. */
function styleOf(text: string): ToStringOptions {
  return {
    lineWidth: 0,
    indent: /^( {2,8})\S/m.exec(text)?.[1]?.length ?? 2,
    indentSeq: !/^( *)[^\s#-][^\n]*:[^\S\n]*\n\1- /m.test(text),
    flowCollectionPadding: !/\{[^\s}]/.test(text),
  };
}
