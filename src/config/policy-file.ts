import { isDeepStrictEqual } from 'node:util';
import { type Document, isMap, isNode, parseDocument, type ToStringOptions } from 'yaml';
import { configInvalid, configUnreadable } from './problems.js';
import { readYaml } from './yaml.js';
import { insertValue } from './yaml-insert.js';

export interface PolicyChange {
  readonly task: string;
  readonly thresholds: Readonly<Record<string, number>>;
  /** Of a policy that has none yet; with `rename`, of any. */
  readonly version: string;
  readonly rename: boolean;
}

type Path = readonly string[];

/**
 * The text of a configuration file with other thresholds for one task; without a text, of a new file. Comments, order and
 * other fields stay, and nearly always every other byte. Throws CONFIG_UNREADABLE for what
 * is not YAML, CONFIG_INVALID where the policy is no mapping.
 */
export function withThresholds(file: string, text: string, change: PolicyChange): string {
  const [error] = readYaml(text).errors;
  if (error) {
    const place = error.place ? `:${error.place.line}:${error.place.column}` : '';
    throw configUnreadable(`not valid YAML: ${file}${place}: ${error.message}`);
  }
  const document = parseDocument(text);
  const path = ['policy', 'thresholds', change.task];
  for (let depth = 0; depth <= path.length; depth++) requireMapping(file, document, path.slice(0, depth));
  const values = valuesOf(document, path, change);
  const inserted = values.reduce<string | undefined>((so, [at, value]) => so && insertValue(so, at, value), text);
  const whole = rewritten(document, values).toString(styleOf(text));
  return inserted !== undefined && isSame(inserted, whole) ? inserted : whole;
}

function rewritten(document: Document, values: ReturnType<typeof valuesOf>): Document {
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

function valuesOf(document: Document, path: Path, change: PolicyChange): Array<readonly [Path, string | number]> {
  const version = ['policy', 'version'];
  const thresholds = Object.entries(change.thresholds).map(([label, value]) => [[...path, label], value] as const);
  return change.rename || !document.hasIn(version) ? [[version, change.version], ...thresholds] : thresholds;
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
