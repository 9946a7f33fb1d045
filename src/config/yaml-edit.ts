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
/** Where a value stands, key by key, and the value. */
export type Placed = readonly [path: Path, value: string | number];

export interface PolicyChange {
  readonly task: string;
  readonly thresholds: Readonly<Record<string, number>>;
  /** Of a policy that has none yet; with `rename`, of any. */
  readonly version: string;
  readonly rename: boolean;
}

/**
 * Returns the text of a configuration file with other thresholds for one task, edited as `withValues` does. Throws
 * CONFIG_INVALID where the policy is no mapping.
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
 * Returns the text of a configuration file with these values set; without a text, of a new file. Comments, order and
 * other fields stay, and nearly always every other byte. Throws CONFIG_UNREADABLE for a text that is not YAML,
 * CONFIG_INVALID where something above a value is no mapping.
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

/** Throws CONFIG_UNREADABLE for a text that is not YAML. */
function documentOf(file: string, text: string): Document {
  const [error] = readYaml(text).errors;
  if (error) {
    const place = error.place ? `:${error.place.line}:${error.place.column}` : '';
    throw configUnreadable(`not valid YAML: ${file}${place}: ${error.message}`);
  }
  return parseDocument(text);
}

/** Throws CONFIG_INVALID where the path, or what is above it, is there and no mapping. */
function requireMappings(file: string, document: Document, path: Path): void {
  for (let depth = 0; depth <= path.length; depth++) requireMapping(file, document, path.slice(0, depth));
}

function requireMapping(file: string, document: Document, path: Path): void {
  const node = path.length === 0 ? document.contents : document.getIn(path);
  if (node === undefined || node === null || isMap(node)) return;
  const subject = path.join('.') || 'the file';
  const text = 'is not a mapping here, or an alias of one; write its fields below it';
  throw configInvalid([{ subject, text, where: file }]);
}

/** Compares what two texts say, their comments and their layout aside. */
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

/**
 * Returns a YAML text with one value set and every other byte as it was. The library's `Document` keeps comments, but
 * writes the spaces, the numbers (`1e-1`) and the empty lines of the whole text anew, and a file that others keep in
 * version control should differ in one line. Undefined where inserting text cannot do it, as in an empty section.
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

/** After the last member, on its line: `{a: 1}` becomes `{a: 1, b: 2}`. */
function intoFlow(text: string, parent: YAMLMap, [path, value]: readonly [Path, string | number]): string | undefined {
  const end = endOf(parent.items.at(-1)?.value as Node);
  if (end === undefined) return undefined;
  const [first = '', ...rest] = path;
  const inner = rest.reduceRight((body, key) => `{${plain(key)}: ${body}}`, plain(value));
  return `${text.slice(0, end)}, ${plain(first)}: ${inner}${text.slice(end)}`;
}

/** On lines of its own after the last member, as far in as the first. */
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

/** Where the last thing in a node ends; undefined for nothing at all. */
function endOf(node: Node | null | undefined): number | undefined {
  if (isCollection(node) && !node.flow) {
    const last = node.items.at(-1);
    return endOf((isMap(node) ? (last as { value?: Node } | undefined)?.value : last) as Node | undefined);
  }
  const isEmpty = node?.range && node.range[0] === node.range[1];
  return isEmpty || !(isScalar(node) || isCollection(node) || isAlias(node)) ? undefined : node?.range?.[1];
}

/** A name or number as YAML has it; in quotes when it might be read as anything but itself. */
function plain(value: string | number): string {
  if (typeof value === 'number') return String(value);
  return /^[A-Za-z][\w-]*$/.test(value) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(value)
    ? value
    : JSON.stringify(value);
}
