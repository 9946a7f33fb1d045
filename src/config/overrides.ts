import { z } from 'zod';
import { envName, type Field, innermost, listFields, listSections } from './fields.js';
import { type GivenValue, type Problem, type Reading, showName } from './problems.js';
import { unknownField, unknownVariable } from './suggest.js';
import { readYaml } from './yaml.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The variable that names the configuration file if the caller names none. */
export const FILE_VARIABLE = 'SIFTLINE_CONFIG';

/**
 * Reads the fields that the environment gives. A variable that is set but empty counts as not set, as `FOO=${FOO:-}` in
 * a compose file means it. A variable that starts with SIFTLINE_ and belongs to no field is a problem.
 */
export function readEnvironment(env: Environment): Reading {
  const fields = new Map(listFields().map(field => [envName(field.path), field]));
  const given: GivenValue[] = [];
  const problems: Problem[] = [];
  for (const [name, text] of ourVariables(env)) {
    const field = fields.get(name);
    const place = `env ${showName(name)}`;
    if (field === undefined) problems.push({ subject: showName(name), text: notAField(name), where: 'environment' });
    else given.push({ path: field.path, value: valueOfText(field, text), source: place, where: () => place });
  }
  return { given, problems };
}

/** Reads the fields that the command line gives, by dotted path. A path that belongs to no field is a problem. */
export function readFlags(flags: Readonly<Record<string, string>>): Reading {
  const fields = new Map(listFields().map(field => [field.path, field]));
  const given: GivenValue[] = [];
  const problems: Problem[] = [];
  for (const [path, text] of Object.entries(flags)) {
    const field = fields.get(path);
    if (field === undefined) problems.push({ subject: showName(path), text: unknownField(path), where: 'flag' });
    else given.push({ path, value: valueOfText(field, text), source: 'flag', where: () => 'flag' });
  }
  return { given, problems };
}

function ourVariables(env: Environment): [name: string, text: string][] {
  return Object.entries(env).flatMap(([name, text]): [string, string][] => {
    const ours = name.startsWith('SIFTLINE_') && name !== FILE_VARIABLE;
    return !ours || text === undefined || text === '' || isServiceLink(name, text) ? [] : [[name, text]];
  });
}

/**
 * Recognizes the variables that Kubernetes gives to every pod for every Service of its namespace. For a Service called
 * `siftline`, or `siftline-` and more, they start with our prefix.
 */
function isServiceLink(name: string, text: string): boolean {
  if (/_SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?$/.test(name)) return true;
  if (/_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name)) return true;
  return /_PORT$/.test(name) && /^(tcp|udp|sctp):\/\//.test(text);
}

function notAField(name: string): string {
  const section = listSections().find(({ path }) => envName(path) === name);
  if (section === undefined) return unknownVariable(name);
  return `${section.path} is a section; set its fields one by one, such as ${envName(firstFieldOf(section.path))}`;
}

function firstFieldOf(section: string): string {
  return listFields().find(({ path }) => path.startsWith(`${section}.`))?.path ?? section;
}

/**
 * Returns the value that a text from the environment or the command line stands for. A text that does not fit the field
 * is returned unchanged; the schema refuses it together with all other problems.
 */
function valueOfText(field: Field, text: string): unknown {
  const kind = innermost(field.schema);
  if (kind instanceof z.ZodNumber) return numberOf(text);
  if (kind instanceof z.ZodBoolean) return booleanOf(text);
  if (kind instanceof z.ZodArray) return listOf(text);
  if (kind instanceof z.ZodRecord) return flowOf(text);
  return text;
}

function numberOf(text: string): unknown {
  return /^[+-]?\d{1,15}(\.\d{1,15})?$/.test(text.trim()) ? Number(text) : text;
}

function booleanOf(text: string): unknown {
  const word = text.trim().toLowerCase();
  return word === 'true' || word === 'false' ? word === 'true' : text;
}

/** Reads a list: `a,b` or, for elements with commas in them, a YAML flow list such as `["a,b", c]`. */
function listOf(text: string): unknown {
  if (text.trim().startsWith('[')) return flowOf(text);
  const parts = text.split(',').map(part => part.trim());
  return parts.filter(part => part !== '');
}

function flowOf(text: string): unknown {
  const { value, errors, repeats } = readYaml(text);
  return errors.length > 0 || repeats.length > 0 ? text : value;
}
