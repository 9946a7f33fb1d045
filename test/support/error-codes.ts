import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ExitCode } from '../../src/errors.js';

/** The codes of SiftlineErrors, each with the exit codes that its places name. */
export type ErrorCodes = ReadonlyMap<string, ReadonlySet<number>>;

/** The outcome of a scan: `unreadable` lists the places whose code it cannot tell, as "file: expression". */
export interface Scan {
  readonly codes: ErrorCodes;
  readonly unreadable: readonly string[];
}

/** Reads the codes of a computed expression from the text of the file that it stands in. */
type Reader = (source: string) => readonly string[];

/**
 * Lists the places whose code is no literal, by "file: expression". A code that is passed on was made by another place,
 * or comes from a process or a thread of siftline's own.
 */
const COMPUTED: Readonly<Record<string, Reader>> = {
  "kafka/errors.ts: type ?? ''": keysOf('REMEDIES'),
  'kafka/errors.ts: type': source => keysOf('RIGHTS')(source).filter(key => key !== 'SETTINGS'),
  // Any other name that Kafka gives a refusal is TOPIC_*.
  "kafka/errors.ts: `TOPIC_${type.replace(/^TOPIC_/, '')}`": source => [
    ...keysOf('REASONS')(source).map(key => `TOPIC_${key.replace(/^TOPIC_/, '')}`),
    'TOPIC_*',
  ],
  'avro/registry-errors.ts: code': literals(/^\s+(?:\{ is: .*, )?code: '(\w+)'/gm),
  'avro/registry-errors.ts: ELSE.code': literals(/^const ELSE = \{\s+code: '(\w+)'/gm),
  'tools/models/convert.ts: reply.error.code': () => {
    const source = readFileSync(join('training', 'convert.py'), 'utf8');
    return [...literals(/\bRefused\(\s*"(\w+)"/g)(source), ...literals(/"code": "(\w+)"/g)(source)];
  },
  'workers/pool.ts: ...reply': () => literals(/error\.code : '(\w+)'/g)(read('workers/classify.ts')),
  'workers/classifier.ts: reply.code': passedOn,
  'kafka/unreadable.ts: error.code': passedOn,
  'demo/streams.ts: code': passedOn,
  'demo/side-by-side.ts: code': passedOn,
  'demo/stage.ts: code': literals(/\bcode = '(\w+)'/g),
};

function passedOn(): string[] {
  return [];
}

/** The keys in capitals of an object that the file declares. */
function keysOf(name: string): Reader {
  return source => {
    const start = source.indexOf(`const ${name}:`);
    const body = source.slice(start, source.indexOf('\n};', start));
    return start < 0 ? [] : literals(/^ {2}([A-Z_]+):/gm)(body);
  };
}

function literals(pattern: RegExp): Reader {
  return source => [...source.matchAll(pattern)].map(([, code = '']) => code);
}

function read(file: string): string {
  return readFileSync(join('src', file), 'utf8');
}

/** Scans all of src. */
export function errorCodes(): Scan {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'));
  return scan(new Map(files.filter(file => file !== 'errors.ts').map(file => [file, read(file)])));
}

/** Scans sources by file name. A reader of COMPUTED that finds its place and no code there counts as unreadable. */
export function scan(files: ReadonlyMap<string, string>): Scan {
  const codes = new Map<string, Set<number>>();
  const unreadable: string[] = [];
  for (const [file, source] of files) {
    for (const { argument, at, exits } of placesIn(source)) {
      const found = codesOf({ file, source }, argument, at);
      if (!found) unreadable.push(`${file}: ${argument}`);
      for (const code of found ?? []) codes.set(code, new Set([...(codes.get(code) ?? []), ...exits]));
    }
  }
  return { codes, unreadable };
}

interface Place {
  /** The expression of the code as it is written. */
  readonly argument: string;
  readonly at: number;
  readonly exits: readonly number[];
}

/** Every use of SiftlineError as a value; one that makes no error, and could do so elsewhere, is a place without code. */
function* placesIn(source: string): Generator<Place> {
  for (const match of source.matchAll(/\bSiftlineError\b/g)) {
    const at = match.index;
    const line = source.slice(source.lastIndexOf('\n', at) + 1, at);
    if (/^\s*(\/?\*|\/\/|import\b)/.test(line) || /\bimport \{[^}]*$/.test(source.slice(0, at))) continue;
    const after = source.slice(at + match[0].length);
    const factory = /^\.(\w+)\(/.exec(after);
    if (factory) {
      const [argument = ''] = argumentsAt(source, at + match[0].length + factory[0].length);
      yield { argument, at, exits: [ExitCode[factory[1] as keyof typeof ExitCode]] };
    } else if (/\bnew $/.test(line)) {
      yield { at, ...fieldsAt(source, at + match[0].length + 1) };
    } else if (after.startsWith('.') || /\bextends $|^(?!.*\btype ).*[^=]= $/.test(line)) {
      yield { argument: `${line.trim()} SiftlineError${after.split('\n')[0]}`, at, exits: [] };
    }
  }
}

/** The code and the exit code of `new SiftlineError({ ... })`. */
function fieldsAt(source: string, start: number): Omit<Place, 'at'> {
  const fields = argumentsAt(source, source.indexOf('{', start) + 1);
  const after = (name: string) =>
    fields.find(field => field.startsWith(`${name}: `))?.slice(name.length + 2) ?? fields.find(field => field === name);
  const argument = after('code') ?? fields.find(field => field.startsWith('...')) ?? '';
  const exit = after('exitCode')?.replace('ExitCode.', '') ?? '';
  return { argument, exits: exit in ExitCode ? [ExitCode[exit as keyof typeof ExitCode]] : [] };
}

/** The codes that an expression may stand for; undefined when that cannot be told. */
function codesOf(
  where: { readonly file: string; readonly source: string },
  argument: string,
  at: number,
): readonly string[] | undefined {
  const [, literal] = /^'([A-Z][A-Z0-9_]*)'$/.exec(argument) ?? [];
  if (literal) return [literal];
  const reader = COMPUTED[`${where.file}: ${argument}`];
  if (reader) {
    const found = reader(where.source);
    return found.length > 0 || reader === passedOn ? found : undefined;
  }
  return /^\w+$/.test(argument) ? codesOfName(where, argument, at) : undefined;
}

/**
 * Of a code that is a parameter of the function around it: the codes that the calls in this file give. Of any other name:
 * the constant of the file. An exported function may be called from elsewhere, so its codes cannot be told.
 */
function codesOfName(
  where: { readonly file: string; readonly source: string },
  name: string,
  at: number,
): readonly string[] | undefined {
  const { source } = where;
  const around = [...source.slice(0, at).matchAll(/^(export )?function (\w+)\(/gm)].at(-1);
  const place = around ? argumentsAt(source, around.index + around[0].length).indexOf(`${name}: string`) : -1;
  if (!around || place < 0) {
    const [, constant] = new RegExp(`\\bconst ${name} = '([A-Z_]+)';`).exec(source) ?? [];
    return constant ? [constant] : undefined;
  }
  const calls = [...source.matchAll(new RegExp(`(?<!function |[.\\w])${around[2]}\\(`, 'g'))];
  const found = calls.map(call =>
    codesOf(where, argumentsAt(source, call.index + call[0].length)[place] ?? '', call.index),
  );
  return around[1] || found.length === 0 || found.includes(undefined) ? undefined : (found as string[][]).flat();
}

const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** The arguments, or fields, from here to the bracket that closes them, as they are written. */
function argumentsAt(source: string, start: number): string[] {
  const found: string[] = [];
  const open: string[] = [];
  let from = start;
  const take = (end: number) => {
    const text = source.slice(from, end).trim();
    if (text !== '') found.push(text);
    from = end + 1;
  };
  for (let at = start; at < source.length; at++) {
    const sign = source[at] ?? '';
    if (open.at(-1) === '`') {
      if (sign === '\\') at++;
      else if (sign === '`') open.pop();
      else if (sign === '$' && source[at + 1] === '{') open.push('}');
      if (sign === '$' && source[at + 1] === '{') at++;
    } else if (sign === "'" || sign === '"') {
      at = endOfString(source, at);
    } else if (sign === '`') {
      open.push('`');
    } else if (CLOSING[sign]) {
      open.push(CLOSING[sign]);
    } else if (open.length > 0) {
      if (sign === open.at(-1)) open.pop();
    } else if (sign === ',' || ')]}'.includes(sign)) {
      take(at);
      if (sign !== ',') return found;
    }
  }
  return found;
}

function endOfString(source: string, start: number): number {
  let at = start + 1;
  while (at < source.length && source[at] !== source[start]) at += source[at] === '\\' ? 2 : 1;
  return at;
}
