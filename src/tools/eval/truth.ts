import { SiftlineError } from '../../errors.js';
import type { EvalQuestion } from './question.js';

/** The values of a cell. A row has one cell for each label of the question. */
export const HOLDS = 1;
export const HOLDS_NOT = 0;
export const UNKNOWN = -1;

/** The reason why a row with a text is left out. */
export type LabelSkip = 'LABEL_EMPTY' | 'LABEL_OTHER' | 'LABEL_UNKNOWN';

export type Truth =
  | { readonly kind: 'cells'; readonly cells: Int8Array }
  | { readonly kind: 'skipped'; readonly reason: LabelSkip }
  /** Words that are not labels of the model. */
  | { readonly kind: 'strange'; readonly words: readonly string[] }
  /** A value that is not a label at all; `what` completes "the label is ...". */
  | { readonly kind: 'wrong'; readonly what: string };

export interface TruthOptions {
  readonly map: LabelMap;
  /** The text between the labels of one row, if they are one string. */
  readonly separator: string;
  /** Drops labels that the model does not have, and rows that have no other label. */
  readonly ignoreUnknown: boolean;
}

/** Reads the label of one row for a question. It never throws: a problem is part of the result. */
export function readTruth(question: EvalQuestion, value: unknown, options: TruthOptions): Truth {
  switch (question.kind) {
    case 'choice':
      return choice(question, value, options);
    case 'yes-no':
      return yesNo(value, options);
    case 'set':
      return set(question, value, options);
  }
}

function choice(question: EvalQuestion, value: unknown, options: TruthOptions): Truth {
  const word = wordOf(value, options.map);
  if (word === undefined) return { kind: 'wrong', what: `${kindOf(value)}, and this task has one label a row` };
  if (word === '') return { kind: 'skipped', reason: 'LABEL_EMPTY' };
  const at = question.labels.indexOf(word);
  if (at >= 0)
    return { kind: 'cells', cells: Int8Array.from(question.labels, (_, i) => (i === at ? HOLDS : HOLDS_NOT)) };
  if (question.task.labels.includes(word)) return { kind: 'skipped', reason: 'LABEL_OTHER' };
  return options.ignoreUnknown ? { kind: 'skipped', reason: 'LABEL_UNKNOWN' } : { kind: 'strange', words: [word] };
}

function yesNo(value: unknown, options: TruthOptions): Truth {
  const word = wordOf(value, options.map);
  if (word === undefined) return { kind: 'wrong', what: `${kindOf(value)}, not 0, 1, true or false` };
  if (word === '') return { kind: 'skipped', reason: 'LABEL_EMPTY' };
  const holds = bit(word);
  if (holds !== undefined) return { kind: 'cells', cells: Int8Array.of(1 - holds, holds) };
  return options.ignoreUnknown ? { kind: 'skipped', reason: 'LABEL_UNKNOWN' } : { kind: 'strange', words: [word] };
}

function set(question: EvalQuestion, value: unknown, options: TruthOptions): Truth {
  const opened = opensAsJson(value);
  if (opened === null || opened === undefined) return { kind: 'skipped', reason: 'LABEL_EMPTY' };
  if (Array.isArray(opened)) return listOf(question, opened, options);
  if (typeof opened === 'object') return eachOf(question, opened as Record<string, unknown>, options);
  return listOf(question, String(opened).split(options.separator), options);
}

/** Reads a list: the labels in it hold, all others do not. */
function listOf(question: EvalQuestion, list: readonly unknown[], options: TruthOptions): Truth {
  const words = list.map(item => wordOf(item, options.map));
  if (words.includes(undefined)) return { kind: 'wrong', what: 'a list of something other than labels' };
  const given = words.filter(word => word !== undefined && word !== '') as string[];
  const strange = strangeIn(question, given, options);
  if (strange.length > 0) return { kind: 'strange', words: strange };
  return {
    kind: 'cells',
    cells: Int8Array.from(question.labels, label => (given.includes(label) ? HOLDS : HOLDS_NOT)),
  };
}

/** Reads `{label: 0 | 1}`; labels that are left out, or null, are unknown. */
function eachOf(question: EvalQuestion, object: Record<string, unknown>, options: TruthOptions): Truth {
  const entries = Object.entries(object).map(([key, value]) => [options.map.get(key) ?? key, value] as const);
  const strange = strangeIn(
    question,
    entries.map(([label]) => label),
    options,
  );
  if (strange.length > 0) return { kind: 'strange', words: strange };
  const known = new Map(
    entries.filter(([, value]) => value !== null).map(([label, value]) => [label, bit(String(value))]),
  );
  if ([...known.values()].includes(undefined))
    return { kind: 'wrong', what: 'an object with a value that is not 0 or 1' };
  const cells = Int8Array.from(question.labels, label => known.get(label) ?? UNKNOWN);
  return cells.every(cell => cell === UNKNOWN) ? { kind: 'skipped', reason: 'LABEL_EMPTY' } : { kind: 'cells', cells };
}

function strangeIn({ task }: EvalQuestion, words: readonly string[], { ignoreUnknown }: TruthOptions): string[] {
  return ignoreUnknown ? [] : words.filter(word => !task.labels.includes(word));
}

/** Reads a CSV cell that holds JSON. */
function opensAsJson(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** Returns the model's word for one label; empty for no label, undefined for a value that is not a word. */
function wordOf(value: unknown, map: LabelMap): string | undefined {
  if (value === null || value === undefined) return '';
  if (typeof value === 'object') return undefined;
  const word = String(value).trim();
  return map.get(word) ?? word;
}

function bit(word: string): 0 | 1 | undefined {
  if (/^(1|1\.0|true)$/i.test(word)) return HOLDS;
  return /^(0|0\.0|false)$/i.test(word) ? HOLDS_NOT : undefined;
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'an array' : 'an object';
}

/** Maps the file's word for a label to the model's. A word that is not in it stays as it is. */
export type LabelMap = ReadonlyMap<string, string>;

/** Reads `1=positive,0=negative`. Throws EVAL_MAP for a part that is not a pair, and for a word that is given twice. */
export function parseLabelMap(text: string): LabelMap {
  const map = new Map<string, string>();
  for (const part of text.split(',')) {
    const [from, to, ...rest] = part.split('=').map(word => word.trim());
    if (from === undefined || from === '' || to === undefined || to === '' || rest.length > 0) {
      throw SiftlineError.usage(
        'EVAL_MAP',
        `--map: "${part.trim()}" is not a pair; write file=model, such as 1=positive,0=negative`,
      );
    }
    if (map.has(from))
      throw SiftlineError.usage('EVAL_MAP', `--map: "${from}" is given twice; give each label of the file once`);
    map.set(from, to);
  }
  return map;
}
