import { isDeepStrictEqual } from 'node:util';
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  type Node,
  parseDocument,
  type ToStringOptions,
  type YAMLMap,
} from 'yaml';
import { configInvalid, configUnreadable } from './problems.js';
import { readYaml } from './yaml.js';

export type Path = readonly string[];
/** A value, and the path of keys that leads to it. */
export type Placed = readonly [path: Path, value: string | number];

export interface PolicyChange {
  readonly task: string;
  readonly thresholds: Readonly<Record<string, number>>;
  /** The version to set if the policy has none; with `rename`, in any case. */
  readonly version: string;
  readonly rename: boolean;
}

/**
 * Returns the text of a configuration file with other thresholds for one task, edited as `withValues` does. Throws
 * CONFIG_INVALID if the policy is not a mapping.
 */
export function withThresholds(file: string, text: string, change: PolicyChange): string {
  const document = documentOf(file, text);
  const path = ['policy', 'thresholds', change.task];
  requireMappings(file, document, path);
  return withValues(file, text, valuesOf(document, path, change));
}

function valuesOf(document: Document, path: Path, change: PolicyChange): Placed[] {
  const version = ['policy', 'version'];
  const thresholds = Object.entries(change.thresholds).map(([label, value]) => [[...path, label], value] as const);
  return change.rename || !document.hasIn(version) ? [[version, change.version], ...thresholds] : thresholds;
}

/**
 * Returns the text of a configuration file with these values set; an empty text gives a new file. Comments, order and
 * other fields stay, and nearly always every other byte. Throws CONFIG_UNREADABLE for a text that is not YAML, and
 * CONFIG_INVALID if something above a value is not a mapping.
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

/** Parses a configuration file. Throws CONFIG_UNREADABLE for a text that is not YAML. */
function documentOf(file: string, text: string): Document {
  const [error] = readYaml(text).errors;
  if (error) {
    const place = error.place ? `:${error.place.line}:${error.place.column}` : '';
    throw configUnreadable(`not valid YAML: ${file}${place}: ${error.message}`);
  }
  return parseDocument(text);
}

/** Throws CONFIG_INVALID if the path, or a part above it, exists and is not a mapping. */
function requireMappings(file: string, document: Document, path: Path): void {
  for (let depth = 0; depth <= path.length; depth++) requireMapping(file, document, path.slice(0, depth));
}

function requireMapping(file: string, document: Document, path: Path): void {
  const node = path.length === 0 ? document.contents : document.getIn(path);
  if (node === undefined || node === null || isMap(node)) return;
  const subject = path.join('.') || 'the file';
  const text = 'is not a mapping here, or is an alias of a mapping; write its fields below it';
  throw configInvalid([{ subject, text, where: file }]);
}

/** Returns true if two texts hold the same values, whatever their comments and layout. */
function isSame(one: string, other: string): boolean {
  const { value, errors } = readYaml(one);
  return errors.length === 0 && isDeepStrictEqual(value, readYaml(other).value);
}

function rewritten(document: Document, values: readonly Placed[]): Document {
  for (const [at, value] of values) {
    for (let depth = 1; depth < at.length; depth++) openMapping(document, at.slice(0, depth));
    document.setIn(at, value);
  }
  return document;
}

/** Makes a mapping of a field that does not exist, or that has only comments below it. */
function openMapping(document: Document, path: Path): void {
  const node = document.getIn(path, true);
  if (isMap(node)) return;
  const mapping = document.createNode({});
  if (isNode(node)) Object.assign(mapping, { comment: node.comment, commentBefore: node.commentBefore });
  document.setIn(path, mapping);
}

/** Returns the options that make the library write in the style of the text. */
function styleOf(text: string): ToStringOptions {
  return {
    lineWidth: 0,
    indent: /^( {2,8})\S/m.exec(text)?.[1]?.length ?? 2,
    indentSeq: !/^( *)[^\s#-][^\n]*:[^\S\n]*\n\1- /m.test(text),
    flowCollectionPadding: !/\{[^\s}]/.test(text),
  };
}

/**
 * Returns a YAML text with one value set and every other byte unchanged; undefined where inserting text cannot do it,
 * as in an empty section. The library's `Document` keeps comments, but rewrites the spaces, the numbers (`1e-1`) and
 * the empty lines of the whole text. A file under version control should differ in one line.
 */
function insertValue(text: string, path: Path, value: string | number): string | undefined {
  const document = parseDocument(text);
  const there = document.getIn(path, true);
  if (isScalar(there)) return replaced(text, there, value);
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const parent = depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true);
    if (parent === undefined) continue;
    if (!isMap(parent) || parent.items.length === 0) return undefined;
    const rest = path.slice(depth);
    return parent.flow ? intoFlow(text, parent, [rest, value]) : intoBlock(text, parent, [rest, value]);
  }
  return undefined;
}

function replaced(text: string, { range, type }: Node & { type?: string }, value: string | number): string | undefined {
  if (!range || range[0] === range[1] || type?.startsWith('BLOCK')) return undefined;
  return text.slice(0, range[0]) + plain(value) + text.slice(range[1]);
}

/** Inserts after the last member, on its line: `{a: 1}` becomes `{a: 1, b: 2}`. */
function intoFlow(text: string, parent: YAMLMap, [path, value]: readonly [Path, string | number]): string | undefined {
  const end = endOf(parent.items.at(-1)?.value as Node);
  if (end === undefined) return undefined;
  const [first = '', ...rest] = path;
  const inner = rest.reduceRight((body, key) => `{${plain(key)}: ${body}}`, plain(value));
  return `${text.slice(0, end)}, ${plain(first)}: ${inner}${text.slice(end)}`;
}

/** Inserts on separate lines after the last member, with the indentation of the first. */
function intoBlock(text: string, parent: YAMLMap, [path, value]: readonly [Path, string | number]): string | undefined {
  const start = (parent.items[0]?.key as Node | undefined)?.range?.[0];
  const end = endOf(parent.items.at(-1)?.value as Node);
  if (start === undefined || end === undefined) return undefined;
  const indent = ' '.repeat(start - (text.lastIndexOf('\n', start - 1) + 1));
  const step = /^( {2,8})\S/m.exec(text)?.[1] ?? '  ';
  const lines = path.map(
    (key, i) => `${indent}${step.repeat(i)}${plain(key)}:${i < path.length - 1 ? '' : ` ${plain(value)}`}\n`,
  );
  const newline = text[end - 1] === '\n' ? end - 1 : text.indexOf('\n', end);
  const before = newline < 0 ? `${text}\n` : text.slice(0, newline + 1);
  return before + lines.join('') + (newline < 0 ? '' : text.slice(newline + 1));
}

/** Returns the end of the last thing in a node; undefined for an empty node. */
function endOf(node: Node | null | undefined): number | undefined {
  if (isCollection(node) && !node.flow) {
    const last = node.items.at(-1);
    return endOf((isMap(node) ? (last as { value?: Node } | undefined)?.value : last) as Node | undefined);
  }
  const isEmpty = node?.range && node.range[0] === node.range[1];
  return isEmpty || !(isScalar(node) || isCollection(node) || isAlias(node)) ? undefined : node?.range?.[1];
}

/** Returns a name or number as YAML writes it, in quotes if YAML could read it as something else. */
function plain(value: string | number): string {
  if (typeof value === 'number') return String(value);
  return /^[A-Za-z][\w-]*$/.test(value) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(value)
    ? value
    : JSON.stringify(value);
}
