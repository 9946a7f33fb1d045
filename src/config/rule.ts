import { valueAt } from './fields.js';
import type { Config } from './schema.js';

/** A broken rule: the field to change, and a text with the values and the way out. */
export interface Breach {
  readonly path: string;
  /** The place inside the field, for a list or a mapping. */
  readonly rest?: readonly PropertyKey[];
  readonly text: string;
}

/** A relation between fields. `sentence` states it for the reference; `fields` are all fields that it reads. */
export interface Rule {
  readonly sentence: string;
  readonly fields: readonly string[];
  readonly breaches: (config: Config) => readonly Breach[];
}

/** Says that `large` must be at least `factor` times `small`. */
interface AtLeast {
  readonly large: string;
  readonly small: string;
  readonly factor?: number;
  readonly because: string;
}

/** Returns the rule that one field is at least `factor` times another. */
export function atLeast({ large, small, factor = 1, because }: AtLeast): Rule {
  const times = factor === 1 ? '' : `${factor} times `;
  return {
    sentence: `\`${large}\` is at least ${times}\`${small}\`: ${because}.`,
    fields: [large, small],
    breaches: config => {
      const [actual, other] = [Number(valueAt(config, large)), Number(valueAt(config, small))];
      if (actual >= other * factor) return [];
      const what = `${actual} is less than ${times}${small} (${other}), but ${because}`;
      return [{ path: large, text: `${what}; give at least ${other * factor}, or lower ${small}` }];
    },
  };
}

/** Returns the rule that the fields are given together, or none of them. */
export function together(...fields: readonly string[]): Rule {
  return {
    sentence: `${quoted(fields)} go together: all are given, or none.`,
    fields,
    breaches: config => missing(config, fields, given(config, fields)),
  };
}

/** Returns the rule that the fields are given only together with the field `needed`. */
export function needs(needy: readonly string[], needed: string): Rule {
  return {
    sentence: `${quoted(needy)} ${needy.length === 1 ? 'needs' : 'need'} \`${needed}\`.`,
    fields: [needed, ...needy],
    breaches: config => missing(config, [needed], given(config, needy)),
  };
}

/** Returns the fields that have a value. */
export function given(config: Config, fields: readonly string[]): string[] {
  return fields.filter(path => valueAt(config, path) !== undefined);
}

/** Names the fields of `required` that are missing although `reasons` need them; none if there are no reasons. */
export function missing(config: Config, required: readonly string[], reasons: readonly string[]): Breach[] {
  if (reasons.length === 0) return [];
  const text = `is missing, but needed by ${reasons.join(', ')}; give it, or remove ${reasons.join(', ')}`;
  return required.filter(path => valueAt(config, path) === undefined).map(path => ({ path, text }));
}

function quoted(fields: readonly string[]): string {
  return fields.map(path => `\`${path}\``).join(', ');
}
