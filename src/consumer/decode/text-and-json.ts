import { messageOf } from '../../errors.js';
import type { Decoded, Rejection } from '../../ports.js';
import { type Fields, idOf } from './fields.js';
import { rejected } from './rejection.js';
import { utf8 } from './utf8.js';
import type { ValueReader } from './value-reader.js';

const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/gs;

/** Values that are JSON objects (RFC 8259; of a key that comes twice the last counts). */
export function createJsonReader(fields: Fields): ValueReader {
  return {
    prepare: async () => undefined,
    read: (_record, value) => {
      const source = utf8(value);
      if (source === undefined) return rejected('VALUE_NOT_UTF8', 'the value is not UTF-8');
      const parsed = parse(source);
      return parsed.kind === 'rejected' ? parsed : textIn(source, parsed.json, fields);
    },
  };
}

function textIn(source: string, json: unknown, fields: Fields): Decoded {
  const text = fields.text(json);
  if (typeof text !== 'string') return text;
  const id = fields.id(json);
  return { kind: 'text', text, id: losesDigits(id) ? exactId(source, fields) : idOf(id) };
}

/** JSON.parse rounds numbers beyond 2^53, and ids of 64 bits are common. */
function losesDigits(id: unknown): boolean {
  return typeof id === 'number' && !Number.isSafeInteger(id);
}

/** The id's digits as they were written: the source parsed again with every number in quotes. Only for ids that need it. */
function exactId(source: string, fields: Fields): string | null {
  try {
    const quoted = source.replace(STRING_OR_NUMBER, token => (token.startsWith('"') ? token : `"${token}"`));
    return idOf(fields.id(JSON.parse(quoted)));
  } catch {
    // A string of 10 MB overflows the stack of the regular expression. Such a record goes without its id.
    return null;
  }
}

function parse(source: string): { kind: 'json'; json: unknown } | Rejection {
  try {
    return { kind: 'json', json: JSON.parse(source) };
  } catch (error) {
    return rejected('VALUE_NOT_JSON', `the value is not JSON${place(messageOf(error))}`);
  }
}

/** JSON.parse quotes its input in most messages (reliability.md, finding 3); of the ones that do not, the place is kept. */
function place(message: string): string {
  if (message === 'Unexpected end of JSON input') return ': it ends too early';
  const position = / at position (\d+)(?: \(line \d+ column \d+\))?$/.exec(message)?.[1];
  return position === undefined ? '' : `: see character ${position}`;
}
