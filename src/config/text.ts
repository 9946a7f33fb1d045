import { z } from 'zod';
import type { Field } from './fields.js';
import { innermost } from './fields.js';
import { readYaml } from './yaml.js';

/**
 * The value a text from the environment or the command line stands for. A text that does not fit the field comes back
 * as it is, for the schema to turn down with the rest.
 */
export function valueOfText(field: Field, text: string): unknown {
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

/** `a,b` or, for elements with commas in them, a YAML flow list: `["a,b", c]`. */
function listOf(text: string): unknown {
  if (text.trim().startsWith('[')) return flowOf(text);
  const parts = text.split(',').map(part => part.trim());
  return parts.filter(part => part !== '');
}

function flowOf(text: string): unknown {
  const { value, errors, repeats } = readYaml(text);
  return errors.length > 0 || repeats.length > 0 ? text : value;
}
