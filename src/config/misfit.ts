import type { z } from 'zod';
import { invariant } from '../errors.js';
import { type Field, listFields, shapeOf } from './fields.js';
import type { GivenByPath } from './given.js';
import { allowedAt, schemaAt } from './kinds.js';
import { show, subjectOf } from './problems.js';
import { unknownKey } from './suggest.js';

type Issue = z.core.$ZodIssue;

/** A value that is not what its field takes. */
export interface Misfit {
  readonly field: Field;
  /** The place inside the field, for a list or a mapping. */
  readonly rest: readonly PropertyKey[];
  readonly text: string;
}

/** The schema's complaints about the given values, one for each place. */
export function misfits(issues: readonly Issue[], given: GivenByPath): Misfit[] {
  const found = issues.flatMap(issue => toMisfits(issue, given));
  const bySubject = new Map(found.reverse().map(misfit => [subjectOf(misfit.field.path, misfit.rest), misfit]));
  return [...bySubject.values()].reverse();
}

function toMisfits(issue: Issue, given: GivenByPath): Misfit[] {
  const field = fieldAt(issue.path);
  const rest = issue.path.slice(field.path.split('.').length);
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(shapeOf(schemaAt(field, rest)) ?? {});
    return issue.keys.map(key => ({ field, rest: [...rest, key], text: unknownKey(key, known) }));
  }
  return [{ field, rest, text: complaint(field, rest, valueBelow(given.get(field.path)?.value, rest)) }];
}

function complaint(field: Field, rest: readonly PropertyKey[], value: unknown): string {
  const allowed = allowedAt(field, rest);
  if (value === null) return `has no value; give ${allowed}, or remove it`;
  const shown = field.secret ? 'the value (not shown)' : show(value);
  return `${shown} is not allowed; give ${allowed}${wantsQuotes(field, rest, value) ? ', in quotes' : ''}`;
}

/** YAML reads `1.0` and `true` as no text. */
function wantsQuotes(field: Field, rest: readonly PropertyKey[], value: unknown): boolean {
  return (
    (typeof value === 'number' || typeof value === 'boolean') && schemaAt(field, rest).safeParse(String(value)).success
  );
}

function fieldAt(path: readonly PropertyKey[]): Field {
  const dotted = path.map(String).join('.');
  const field = listFields().find(candidate => `${dotted}.`.startsWith(`${candidate.path}.`));
  invariant(field, `the schema complains about ${dotted}, which is no field`);
  return field;
}

function valueBelow(value: unknown, rest: readonly PropertyKey[]): unknown {
  return rest.reduce<unknown>((node, key) => (node as Record<PropertyKey, unknown> | undefined)?.[key], value);
}
