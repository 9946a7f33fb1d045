/**
 * Encodes version 2 of the answer (schemas/classification-v2.avsc), in the form that `output.value` names:
 *
 *     labels      the answer on its own, in Avro or JSON
 *     enriched    the input's value with the answer as its last member; every byte of the input stays
 *     headers     the input's value as it is; one header for each fact of the answer
 *
 * The grammar of a record's headers:
 *
 *     headers = {input header}                 as they are; `<field>.x` becomes `input.<field>.x`, and that
 *                                              `input.input.<field>.x`
 *               [<field>.group]                the consumer group; absent in a replay
 *               <field>.id                     topic-partition-offset of the input
 *               {<field>.<path> }              value headers: strings in UTF-8 as they are, everything else as JSON
 *     path    = decision | decidedBy.<name> | tasks.<task>.<name> | policy.<name> | model.<name> | stage | tokens
 *               | truncated | classifiedAt
 *     field   = output.field, "siftline" by default
 *
 * Null is no header. So a header that begins with `<field>.` is always this stage's own, and an earlier stage's stay
 * under its own field.
 */

import { frameAfter } from '../avro/framing.js';
import type { Message } from '../kafka/client.js';
import { kafkaHeaders } from '../kafka/record-codec.js';
import {
  type DecidedBy,
  type Headers,
  type Labelled,
  type LabelScores,
  recordId,
  type SourceRecord,
  type TaskResult,
} from '../ports.js';
import {
  type AnswerEncoder,
  type Answerer,
  AnswerRefused,
  answerJson,
  type Framing,
  groupHeader,
  modelOf,
} from './label-record.js';

/** Chooses which scores an answer holds, and how exact they are. */
export interface ScoreOptions {
  /** all; given: of the labels that were given; a number: so many of the highest. */
  readonly scores: 'all' | 'given' | number;
  /** Digits after the point; undefined leaves scores as they are. */
  readonly digits: number | undefined;
}

export interface AnswerForm extends ScoreOptions {
  readonly answerer: Answerer;
  /** Name of the member that is appended, and first part of the headers' names. */
  readonly field: string;
}

/** The answer as plain data: the record of schemas/classification-v2.avsc. Times are milliseconds since the epoch. */
export interface Classification {
  readonly id: string;
  readonly source: { readonly topic: string; readonly partition: number } & {
    readonly offset: bigint;
    readonly timestamp: bigint | null;
    readonly textId: string | null;
  };
  readonly decision: string | null;
  readonly decidedBy: { readonly [Name in keyof DecidedBy]-?: DecidedBy[Name] | null } | null;
  readonly tasks: Readonly<Record<string, AnsweredTask>>;
  readonly policy: { readonly name: string | null; readonly version: string; readonly hash: string };
  readonly model: ReturnType<typeof modelOf>;
  readonly stage: string | null;
  readonly tokens: number;
  readonly truncated: boolean;
  readonly classifiedAt: bigint;
}

interface AnsweredTask extends Omit<TaskResult, 'task' | 'scores' | 'window'> {
  readonly scores: Readonly<Record<string, number>>;
  readonly window: object | null;
}

/** Returns the answer for one outcome. */
export function classificationOf(
  { answerer, ...options }: AnswerForm,
  record: SourceRecord,
  outcome: Labelled,
): Classification & object {
  const { topic, partition, offset } = record;
  const timestamp = timeOf(record, outcome);
  const { policy } = answerer;
  const tasks = outcome.results.map(result => [result.task, answered(options, result)] as const);
  return {
    id: recordId(record),
    source: { topic, partition, offset, timestamp: timestamp < 0n ? null : timestamp, textId: outcome.id },
    decision: outcome.decision,
    decidedBy: outcome.decidedBy && { ...UNDECIDED, ...outcome.decidedBy },
    tasks: Object.fromEntries(tasks),
    policy: { name: null, version: policy.version, hash: policy.hash },
    model: modelOf(answerer, outcome),
    stage: outcome.answeredBy ?? null,
    tokens: outcome.tokens,
    truncated: outcome.truncated,
    windows: outcome.windows ?? 1,
    facts: null,
    explanations: outcome.explanations ?? [],
    included: outcome.included ?? {},
    timings: outcome.timings,
    classifiedAt: BigInt(Date.now()),
  } as Classification;
}

const UNDECIDED = { task: null, label: null, threshold: null, score: null };

function answered({ scores, digits }: ScoreOptions, result: TaskResult): AnsweredTask {
  const { label, score, labels, window = null } = result;
  const shown = shownScores(scores, result.scores, labels);
  if (digits === undefined) return { label, score, labels, scores: shown, window };
  const rounded = Object.fromEntries(Object.entries(shown).map(([name, value]) => [name, round(value, digits)]));
  return { label, score: round(score, digits), labels, scores: rounded, window };
}

function shownScores(
  which: ScoreOptions['scores'],
  scores: LabelScores,
  given: readonly string[],
): Readonly<Record<string, number>> {
  const all = scores.toJSON();
  if (which === 'all') return all;
  if (which === 'given') return Object.fromEntries(given.map(label => [label, all[label] ?? 0]));
  const highest = Object.entries(all).sort(([, a], [, b]) => b - a);
  return Object.fromEntries(highest.slice(0, which));
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** Encodes `output.value: labels`. */
export class LabelAnswers implements AnswerEncoder {
  readonly #options: AnswerForm;
  /** Undefined writes JSON. */
  readonly #framing: Framing | undefined;

  constructor(options: AnswerForm, framing: Framing | undefined) {
    this.#options = options;
    this.#framing = framing;
  }

  encode(record: SourceRecord, outcome: Labelled): Message {
    const answer = classificationOf(this.#options, record, outcome);
    const value = this.#framing
      ? frameAfter(this.#framing.header, this.#framing.type, answer)
      : Buffer.from(answerJson(answer));
    return message({
      key: record.key,
      value,
      time: timeOf(record, outcome),
      headers: [...inputHeaders(this.#options, record), ...idHeaders(this.#options, record)],
    });
  }
}

/** Encodes `output.value: headers`. */
export class HeaderAnswers implements AnswerEncoder {
  readonly #options: AnswerForm;

  constructor(options: AnswerForm) {
    this.#options = options;
  }

  encode(record: SourceRecord, outcome: Labelled): Message {
    return message({
      key: record.key,
      value: record.value,
      time: timeOf(record, outcome),
      headers: answerHeaders(this.#options, record, outcome),
    });
  }
}

/** Encodes `output.value: enriched` for values that are JSON objects. */
export class EnrichedJson implements AnswerEncoder {
  readonly #options: AnswerForm;

  constructor(options: AnswerForm) {
    this.#options = options;
  }

  encode(record: SourceRecord, outcome: Labelled): Message {
    const { field } = this.#options;
    const answer = answerJson(classificationOf(this.#options, record, outcome));
    const value = withMember(record.value ?? Buffer.alloc(0), field, answer);
    return message({
      key: record.key,
      value,
      time: timeOf(record, outcome),
      headers: [...inputHeaders(this.#options, record), ...idHeaders(this.#options, record)],
    });
  }
}

/** Returns the event time of a result: that of the input's envelope, or the record's. */
function timeOf(record: SourceRecord, { eventTime }: Labelled): bigint {
  return eventTime ?? record.timestamp;
}

interface MessageFields {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly time: bigint;
  readonly headers: Headers;
}

function message({ key, value, time, headers }: MessageFields): Message {
  return { key, value, timestamp: String(time), headers: kafkaHeaders(headers) };
}

/** Returns the input's headers. A name that looks like ours gets `input.` before it, so that it is not taken for ours. */
export function inputHeaders({ field }: Pick<AnswerForm, 'field'>, { headers }: SourceRecord): Headers {
  const own = `${field}.`;
  if (!headers.some(([name]) => looksOwn(name, own))) return headers;
  return headers.map(([name, value]) => [looksOwn(name, own) ? `input.${name}` : name, value] as const);
}

/** Returns true for a name that begins with `<field>.`, behind any number of `input.`. */
export function looksOwn(name: string, own: string): boolean {
  let at = 0;
  while (name.startsWith('input.', at) && !name.startsWith(own, at)) at += 'input.'.length;
  return name.startsWith(own, at);
}

function idHeaders({ field, answerer }: AnswerForm, record: SourceRecord): Headers {
  return [...groupHeader(`${field}.group`, answerer.group), [`${field}.id`, Buffer.from(recordId(record))]];
}

/** Returns the headers of a record whose answer is in its headers. */
export function answerHeaders(options: AnswerForm, record: SourceRecord, outcome: Labelled): Headers {
  const answer = classificationOf(options, record, outcome);
  const { decision, decidedBy, tasks, policy, model, stage, tokens, truncated, classifiedAt } = answer;
  const facts: Array<readonly [string, unknown]> = [
    ['decision', decision],
    ...under('decidedBy', decidedBy ?? {}),
    ...Object.entries(tasks).flatMap(([task, { label, score, labels, scores }]) =>
      under(`tasks.${task}`, { label, score, labels, scores }),
    ),
    ...under('policy', policy),
    ...under('model', model),
    ['stage', stage],
    ['tokens', tokens],
    ['truncated', truncated],
    ['classifiedAt', Number(classifiedAt)],
  ];
  const own = facts.flatMap(([path, value]): Headers => {
    if (value === null || value === undefined) return [];
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return [[`${options.field}.${path}`, Buffer.from(text)]];
  });
  return [...inputHeaders(options, record), ...idHeaders(options, record), ...own];
}

function under(path: string, facts: object): Array<readonly [string, unknown]> {
  return Object.entries(facts).map(([name, value]) => [`${path}.${name}`, value as unknown] as const);
}

const [OPEN, CLOSE, COMMA] = [0x7b, 0x7d, 0x2c];
const JSON_SPACE = new Set([0x20, 0x09, 0x0a, 0x0d]);

/**
 * Returns a JSON object with one more member at its end; every byte before its last brace, and behind it, stays. The
 * value was parsed before. Throws AnswerRefused when it is no object, or has a member of that name.
 */
export function withMember(value: Buffer, name: string, json: string): Buffer {
  const first = skip(value, value.indexOf('\ufeff') === 0 ? 3 : 0, 1);
  const last = skip(value, value.length - 1, -1);
  if (value[first] !== OPEN || value[last] !== CLOSE)
    throw new AnswerRefused('VALUE_NOT_AN_OBJECT', 'the value is no JSON object, so no field can be added to it');
  if (hasMember(value, name))
    throw new AnswerRefused('FIELD_TAKEN', `the value has a field "${name}" already; name another in output.field`);
  const before = skip(value, last - 1, -1);
  const member = Buffer.from(`${JSON.stringify(name)}:${json}`);
  const comma = before === first ? Buffer.alloc(0) : Buffer.from([COMMA]);
  return Buffer.concat([value.subarray(0, last), comma, member, value.subarray(last)]);
}

/** Returns the first place from `at`, in steps of `step`, that is not white space. */
function skip(value: Buffer, at: number, step: 1 | -1): number {
  let place = at;
  while (JSON_SPACE.has(value[place] ?? -1)) place += step;
  return place;
}

/** Parses only a value that may have the member: one that spells the name, or could spell it with an escape. */
function hasMember(value: Buffer, name: string): boolean {
  if (!value.includes(`"${name}"`) && !value.includes('\\u')) return false;
  const parsed: unknown = JSON.parse(value.toString('utf8').replace(/^\ufeff/, ''));
  return typeof parsed === 'object' && parsed !== null && Object.hasOwn(parsed, name);
}
