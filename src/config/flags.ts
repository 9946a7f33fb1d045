import { listFields } from './fields.js';
import type { Given, Reading } from './given.js';
import { type Problem, showName } from './problems.js';
import { unknownField } from './suggest.js';
import { valueOfText } from './text.js';

/** The fields the command line gives, by dotted path; a path that is no field is a problem. */
export function readFlags(flags: Readonly<Record<string, string>>): Reading {
  const fields = new Map(listFields().map(field => [field.path, field]));
  const given: Given[] = [];
  const problems: Problem[] = [];
  for (const [path, text] of Object.entries(flags)) {
    const field = fields.get(path);
    if (field === undefined) problems.push({ subject: showName(path), text: unknownField(path), where: 'flag' });
    else given.push({ path, value: valueOfText(field, text), source: 'flag', where: () => 'flag' });
  }
  return { given, problems };
}
