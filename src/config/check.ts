import type { z } from 'zod';
import { invariant } from '../errors.js';
import { allowedAt, type Field, listFields, schemaAt, shapeOf } from './fields.js';
import { type GivenByPath, type Problem, show, subjectOf } from './problems.js';
import type { Breach, Rule } from './rule.js';
import { RULES } from './rules.js';
import { type Config, configSchema } from './schema.js';
import { unknownKey } from './suggest.js';

type Issue = z.core.$ZodIssue;

export interface Checked {
  /**
   * The complete and valid configuration if there are no problems. With problems it holds no more than was needed to
   * find them all.
   */
  readonly config: Config;
  readonly problems: readonly Problem[];
}

/** A value that its field does not accept. */
interface Misfit {
  readonly field: Field;
  /** The place inside the field, for a list or a mapping. */
  readonly rest: readonly PropertyKey[];
  readonly text: string;
}

/** Puts given values over the defaults and finds every problem: first each field by itself, then the relations. */
export function check(given: GivenByPath): Checked {
  const whole = configSchema.safeParse(nest(given, new Set()));
  if (whole.success) return { config: whole.data, problems: brokenRules(whole.data, given, new Set()) };
  const wrong = misfits(whole.error.issues, given);
  const bad = new Set(wrong.map(({ field }) => field.path));
  const rest = configSchema.parse(nest(given, bad));
  return {
    config: rest,
    problems: [...wrong.map(misfit => describe(misfit, given)), ...brokenRules(rest, given, bad)],
  };
}

/** Returns the given values as the tree that the schema takes, without the fields of `without`. */
function nest(given: GivenByPath, without: ReadonlySet<string>): object {
  const root: Record<string, unknown> = {};
  for (const { path, value } of given.values()) {
    if (!without.has(path)) put(root, path.split('.'), value);
  }
  return root;
}

function put(node: Record<string, unknown>, [key = '', ...below]: readonly string[], value: unknown): void {
  if (below.length === 0) {
    node[key] = value;
    return;
  }
  node[key] ??= {};
  put(node[key] as Record<string, unknown>, below, value);
}

/** Applies the rules that have usable values: a rule is left out if one of its fields has a problem already. */
function brokenRules(config: Config, given: GivenByPath, bad: ReadonlySet<string>): Problem[] {
  const rules = RULES.filter(rule => !rule.fields.some(path => bad.has(path)));
  return rules.flatMap(rule => rule.breaches(config).map(breach => toProblem(rule, breach, given)));
}

/**
 * Places a breach where its field is written. If the field is a default, the breach is placed where another field of
 * the rule is written.
 */
function toProblem(rule: Rule, { path, rest = [], text }: Breach, given: GivenByPath): Problem {
  const own = given.get(path);
  const other = rule.fields.map(field => given.get(field)).find(value => value !== undefined);
  const where = own?.where(rest) ?? other?.where([]) ?? 'default';
  return { subject: subjectOf(path, rest), text, where };
}

function describe({ field, rest, text }: Misfit, given: GivenByPath): Problem {
  return { subject: subjectOf(field.path, rest), text, where: given.get(field.path)?.where(rest) ?? 'default' };
}

/** Turns the schema's complaints about the given values into misfits, one for each place. */
function misfits(issues: readonly Issue[], given: GivenByPath): Misfit[] {
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

/**
 * Returns true for a value that would be accepted as text: YAML reads `1.0` and `true` as a number and a truth value.
 */
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
