import type { GivenByPath } from './given.js';
import { type Misfit, misfits } from './misfit.js';
import { type Problem, subjectOf } from './problems.js';
import { RULES } from './rules/index.js';
import type { Breach, Rule } from './rules/rule.js';
import { type Config, configSchema } from './schema.js';

export interface Checked {
  /** Complete and valid if there are no problems; otherwise only what was needed to find them all. */
  readonly config: Config;
  readonly problems: readonly Problem[];
}

/** Puts given values over the defaults and finds everything that is wrong: each field by itself, then the relations. */
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

/** The given values as the tree the schema takes, without some of them. */
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

function describe({ field, rest, text }: Misfit, given: GivenByPath): Problem {
  return { subject: subjectOf(field.path, rest), text, where: given.get(field.path)?.where(rest) ?? 'default' };
}

/** A rule that looks at a field with a problem of its own has nothing to go by. */
function brokenRules(config: Config, given: GivenByPath, bad: ReadonlySet<string>): Problem[] {
  const rules = RULES.filter(rule => !rule.fields.some(path => bad.has(path)));
  return rules.flatMap(rule => rule.breaches(config).map(breach => toProblem(rule, breach, given)));
}

/** A breach is where its field is written; if the field is a default, where another field of the rule is. */
function toProblem(rule: Rule, { path, rest = [], text }: Breach, given: GivenByPath): Problem {
  const own = given.get(path);
  const other = rule.fields.map(field => given.get(field)).find(value => value !== undefined);
  const where = own?.where(rest) ?? other?.where([]) ?? 'default';
  return { subject: subjectOf(path, rest), text, where };
}
