import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { TextDecoder } from 'node:util';
import type { z } from 'zod';
import { messageOf } from '../errors.js';
import { shapeOf } from './fields.js';
import {
  configInvalid,
  configUnreadable,
  type GivenValue,
  type Problem,
  type Reading,
  show,
  showName,
} from './problems.js';
import { configSchema } from './schema.js';
import { unknownField } from './suggest.js';
import { type Place, readYaml, type Yaml } from './yaml.js';

/** A key of the file, with the part of the schema at its place. */
interface Entry {
  readonly path: readonly string[];
  readonly value: unknown;
  readonly kind: 'field' | 'unknown' | 'not a section';
}

/**
 * Reads the fields that a YAML file gives. Throws CONFIG_UNREADABLE if the file cannot be read or is not YAML. Three
 * mistakes come back as problems, each with line and column: an unknown field, a key that is written twice, a section
 * that is not a mapping.
 */
export function readConfigFile(file: string, cwd = '.'): Reading {
  const yaml = readYaml(readText(file, cwd));
  if (yaml.errors.length > 0) throw configUnreadable(syntaxMessage(file, yaml));
  const entries = [...walk(rootOf(file, yaml), configSchema, [])];
  const wrong = entries.filter(({ kind }) => kind !== 'field');
  return {
    given: entries.filter(({ kind }) => kind === 'field').map(entry => toGiven(file, yaml, entry)),
    problems: [...repeats(file, yaml), ...wrong.map(entry => toProblem(file, yaml, entry))],
  };
}

function readText(file: string, cwd: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(resolve(cwd, file)));
  } catch (error) {
    throw configUnreadable(`cannot read the configuration file ${JSON.stringify(file)}: ${why(error)}`, error);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; check the path',
  EISDIR: 'it is a folder; give the path of a YAML file',
  EACCES: 'reading it is not permitted; check its owner and mode',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'it is not UTF-8; save it in this encoding',
};

function why(error: unknown): string {
  return REASONS[(error as NodeJS.ErrnoException).code ?? ''] ?? messageOf(error);
}

function syntaxMessage(file: string, yaml: Yaml): string {
  const lines = yaml.errors.map(({ place, message }) => `${place ? at(file, place) : file}: ${message}`);
  return lines.length === 1 ? `not valid YAML: ${lines[0]}` : `not valid YAML:\n  ${lines.join('\n  ')}`;
}

/** Returns the root of the file. A file that is empty, or all comments, gives no fields. */
function rootOf(file: string, { value, places }: Yaml): object {
  if (value === null || value === undefined) return {};
  if (isMapping(value)) return value;
  const text = `is ${show(value)}; give a mapping of sections, such as "kafka:"`;
  throw configInvalid([{ subject: 'the file', text, where: at(file, places.ofValue([])) }]);
}

function* walk(mapping: object, schema: z.ZodType, path: readonly string[]): Generator<Entry> {
  const shape = shapeOf(schema) ?? {};
  for (const [key, value] of Object.entries(mapping)) {
    const child = Object.hasOwn(shape, key) ? shape[key] : undefined;
    const entry = { path: [...path, key], value };
    if (child === undefined) yield { ...entry, kind: 'unknown' };
    else if (shapeOf(child) === undefined) yield { ...entry, kind: 'field' };
    else if (isMapping(value)) yield* walk(value, child, entry.path);
    // A section whose fields are all commented out has the value null.
    else if (value !== null) yield { ...entry, kind: 'not a section' };
  }
}

function toGiven(file: string, { places }: Yaml, { path, value }: Entry): GivenValue {
  return {
    path: path.join('.'),
    value,
    source: `file ${file}:${places.ofValue(path).line}`,
    where: rest => at(file, places.ofValue([...path, ...rest])),
  };
}

function toProblem(file: string, { places }: Yaml, { path, value, kind }: Entry): Problem {
  const name = path.join('.');
  const text =
    kind === 'unknown' ? unknownField(name) : `is a section and cannot be ${show(value)}; write its fields below it`;
  return { subject: showName(name), text, where: at(file, places.ofKey(path)) };
}

function repeats(file: string, yaml: Yaml): Problem[] {
  return yaml.repeats.map(({ key, place, firstLine }) => ({
    subject: showName(key),
    text: `is written twice, first in line ${firstLine}; keep one`,
    where: at(file, place),
  }));
}

function at(file: string, { line, column }: Place): string {
  return `${file}:${line}:${column}`;
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
