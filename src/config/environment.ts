import { envName, listFields, listSections } from './fields.js';
import type { Given, Reading } from './given.js';
import { type Problem, showName } from './problems.js';
import { unknownVariable } from './suggest.js';
import { valueOfText } from './text.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Names the configuration file where the caller does not. */
export const FILE_VARIABLE = 'SIFTLINE_CONFIG';

/**
 * The fields the environment gives. A variable that is set but empty counts as not set, as `FOO=${FOO:-}` in a compose
 * file means it. A variable that starts with SIFTLINE_ and is no field is a problem.
 */
export function readEnvironment(env: Environment): Reading {
  const fields = new Map(listFields().map(field => [envName(field.path), field]));
  const given: Given[] = [];
  const problems: Problem[] = [];
  for (const [name, text] of ourVariables(env)) {
    const field = fields.get(name);
    const place = `env ${showName(name)}`;
    if (field === undefined) problems.push({ subject: showName(name), text: misfit(name), where: 'environment' });
    else given.push({ path: field.path, value: valueOfText(field, text), source: place, where: () => place });
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
 * Kubernetes gives every pod variables for every Service of its namespace. A Service called `siftline`, or
 * `siftline-` and something, makes them start with our prefix.
 */
function isServiceLink(name: string, text: string): boolean {
  if (/_SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?$/.test(name)) return true;
  if (/_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name)) return true;
  return /_PORT$/.test(name) && /^(tcp|udp|sctp):\/\//.test(text);
}

function misfit(name: string): string {
  const section = listSections().find(({ path }) => envName(path) === name);
  if (section === undefined) return unknownVariable(name);
  return `${section.path} is a section; set its fields one by one, such as ${envName(firstFieldOf(section.path))}`;
}

function firstFieldOf(section: string): string {
  return listFields().find(({ path }) => path.startsWith(`${section}.`))?.path ?? section;
}
