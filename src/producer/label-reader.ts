import { singleObjectBody, singleObjectHeader, unframe } from '../avro/framing.js';
import { type AvroType, buildType, unwrapped } from '../avro/type.js';
import {
  type DecidedBy,
  type Explanation,
  GROUP_HEADER,
  type Headers,
  type RecordPlace,
  recordId,
  type SourceRecord,
} from '../ports.js';
import { looksOwn } from './answer.js';
import { shippedSchema } from './schemas.js';

/** An answer as a reader of the labels topic sees it, whatever its version and form. */
export interface ReadLabel {
  readonly kind: 'label';
  readonly version: 1 | 2;
  readonly source: RecordPlace & { readonly timestamp: bigint | null; readonly textId: string | null };
  readonly tasks: readonly ReadTask[];
  readonly decision: string | null;
  readonly decidedBy: DecidedBy | null;
  readonly policy: { readonly version: string; readonly hash: string | null };
  readonly model: Readonly<Record<string, unknown>>;
  readonly tokens: number;
  readonly truncated: boolean;
  /** Windows that the text was read as; 1 where the form does not tell. */
  readonly windows: number;
  /** Empty where the form holds none. */
  readonly explanations: readonly Explanation[];
  /** The input's headers: those of the record without the stage's own. */
  readonly headers: Headers;
  /** The input's value, for a form that holds it. */
  readonly input: Buffer | null | undefined;
}

export interface ReadTask {
  readonly task: string;
  readonly label: string;
  readonly score: number;
  readonly labels: readonly string[];
  readonly scores: Readonly<Record<string, number>>;
  readonly window: unknown;
}

/** A record of the labels topic that is no answer, and the reason. */
export interface NoLabel {
  readonly kind: 'unreadable';
  readonly why: string;
}

type HowRead = Pick<ReadLabel, 'tokens' | 'truncated' | 'windows' | 'explanations'>;

type LabelFacts = Omit<ReadLabel, 'kind' | 'headers' | 'input'>;

/**
 * Reads the records of a labels topic: answers of this version of siftline and of earlier ones, side by side. A value is
 * of the schema by which it is decoded to its last byte, and whose id names its source.
 *
 * `field` is `output.field` of the stage that wrote them.
 */
export class LabelReader {
  readonly #field: string;
  readonly #second = shippedSchema('classification-v2').type;
  readonly #fingerprint = singleObjectHeader(this.#second);
  readonly #schemas: ReadonlyArray<(body: Buffer) => LabelFacts>;

  constructor(field: string) {
    this.#field = field;
    const first = shippedSchema('classification');
    const earlier = buildType(withoutIdentity(first.json));
    this.#schemas = [
      body => firstAnswer(first.type, body),
      body => secondAnswer(this.#second.fromBuffer(body) as Second),
      body => firstAnswer(earlier, body),
    ];
  }

  read(record: SourceRecord): ReadLabel | NoLabel {
    if (record.headers.some(([name]) => name.startsWith(`${this.#field}.tasks.`))) return this.#inHeaders(record);
    const { value } = record;
    if (value === null) return { kind: 'unreadable', why: 'the value is null' };
    const single = singleObjectBody(value, this.#fingerprint);
    if (single) return this.#decoded(record, single);
    if (JSON_OBJECT.test(value.subarray(0, 64).toString('latin1'))) return this.#inJson(record, value);
    const parts = unframe(value);
    return parts.kind === 'framed' ? this.#decoded(record, parts.body) : { kind: 'unreadable', why: parts.detail };
  }

  #decoded(record: SourceRecord, body: Buffer): ReadLabel | NoLabel {
    for (const decode of this.#schemas) {
      try {
        return this.#carried(record, decode(body));
      } catch {
        // Of another schema.
      }
    }
    return { kind: 'unreadable', why: 'the value is no classification of siftline' };
  }

  #inJson(record: SourceRecord, value: Buffer): ReadLabel | NoLabel {
    const parsed = parsedObject(value.toString('utf8').replace(/^\ufeff/, ''));
    const own = parsed?.[this.#field];
    const answer = asSecond(parsed) ?? asSecond(own);
    if (!answer) return { kind: 'unreadable', why: `the value is JSON without an answer in "${this.#field}"` };
    const label = this.#carried(record, secondAnswer(answer));
    return answer === own ? { ...label, input: withoutMember(value, this.#field) } : label;
  }

  #inHeaders(record: SourceRecord): ReadLabel | NoLabel {
    const own = `${this.#field}.`;
    const facts = new Map(record.headers.map(([name, value]) => [name, value?.toString() ?? '']));
    const fact = (path: string) => facts.get(own + path);
    const source = placeOf(fact('id') ?? '');
    if (!source) return { kind: 'unreadable', why: `the header ${own}id names no record` };
    const answer: LabelFacts = {
      version: 2,
      source: { ...source, timestamp: null, textId: null },
      tasks: tasksIn([...facts.keys()], own).map(task => taskOf(task, path => fact(`tasks.${task}.${path}`))),
      decision: fact('decision') ?? null,
      decidedBy: decidedByIn(path => fact(`decidedBy.${path}`)),
      policy: { version: fact('policy.version') ?? '', hash: fact('policy.hash') ?? null },
      model: Object.fromEntries(MODEL.map(name => [name, fact(`model.${name}`) ?? ''])),
      tokens: Number(fact('tokens')),
      truncated: fact('truncated') === 'true',
      windows: 1,
      explanations: [],
    };
    return { ...this.#carried(record, answer), input: record.value };
  }

  /** Adds the input's headers. A header with another id than the value's stays, and so differs from the input's. */
  #carried(record: SourceRecord, answer: LabelFacts): ReadLabel {
    const own = answer.version === 1 ? 'siftline.' : `${this.#field}.`;
    const id = recordId(answer.source);
    const { headers } = record;
    const at = headers.findLastIndex(([name, value]) => name === `${own}id` && value?.toString() === id);
    // Version 1 puts the group directly before the id; versions before that have none.
    const group = headers[at - 1]?.[0] === GROUP_HEADER ? at - 1 : at;
    const isOwn = (name: string, i: number) =>
      answer.version === 1 ? i === at || i === group : i === at || name.startsWith(own);
    const kept = headers.filter(([name], i) => !isOwn(name, i));
    const restored =
      answer.version === 1 ? kept : kept.map(([name, value]) => [withoutPrefix(name, own), value] as const);
    return {
      kind: 'label',
      ...answer,
      headers: at < 0 ? [...restored, [`${own}id`, null]] : restored,
      input: undefined,
    };
  }
}

const JSON_OBJECT = /^(?:\xef\xbb\xbf)?[ \t\r\n]*\{/;
const MODEL = ['name', 'version', 'sha256', 'precision', 'identity'] as const;

/** Returns the schema as it was before `model.identity`, which is the only field of that name. */
function withoutIdentity(json: unknown): unknown {
  return JSON.parse(JSON.stringify(json), (_, value: unknown) =>
    Array.isArray(value) ? value.filter(field => (field as { name?: unknown } | null)?.name !== 'identity') : value,
  );
}

/** The fields of schemas/classification.avsc. */
interface First {
  readonly source: ReadLabel['source'];
  readonly tasks: readonly ReadTask[];
  readonly decision: unknown;
  readonly policy: string;
  readonly model: { readonly identity?: string };
  readonly tokens: number;
  readonly truncated: boolean;
  readonly windows: number;
  readonly explanations: readonly Explanation[];
}

function firstAnswer(type: AvroType, body: Buffer): LabelFacts {
  const { source, tasks, decision, policy, model, ...read } = type.fromBuffer(body) as First;
  return {
    version: 1,
    source: { ...source, timestamp: source.timestamp === -1n ? null : source.timestamp },
    tasks,
    decision: (unwrapped(decision) as string | null) ?? null,
    decidedBy: null,
    policy: { version: policy, hash: null },
    model: { ...model, identity: model.identity ?? '' },
    ...readingOf(read),
  };
}

/** The fields of schemas/classification-v2.avsc, from Avro or JSON. */
interface Second extends Omit<LabelFacts, 'version' | 'tasks' | 'source'> {
  readonly id: string;
  readonly source: Record<keyof ReadLabel['source'], never>;
  readonly tasks: Readonly<Record<string, Omit<ReadTask, 'task'>>>;
}

function secondAnswer({ source, tasks, decision, decidedBy, policy, model, ...read }: Second): LabelFacts {
  const { topic, partition, offset, timestamp, textId } = source;
  return {
    version: 2,
    source: {
      topic,
      partition,
      textId,
      offset: BigInt(offset),
      timestamp: timestamp === null ? null : BigInt(timestamp),
    },
    tasks: Object.entries(tasks).map(([task, result]) => ({ task, ...result })),
    decision,
    decidedBy: unwrapped(decidedBy) as DecidedBy | null,
    policy: { version: policy.version, hash: policy.hash },
    model: { ...model },
    ...readingOf(read),
  };
}

function readingOf({ tokens, truncated, windows, explanations }: HowRead): HowRead {
  return { tokens, truncated, windows, explanations };
}

function asSecond(value: unknown): Second | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const answer = value as Second;
  const place = placeOf(answer.id);
  const isAnswer = place !== undefined && typeof answer.source === 'object' && typeof answer.tasks === 'object';
  return isAnswer ? answer : undefined;
}

function parsedObject(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/**
 * Returns an enriched value as it was before its answer was added: the member is the last one, and only a cut at its
 * beginning leaves JSON.
 */
function withoutMember(value: Buffer, field: string): Buffer {
  const name = JSON.stringify(field);
  const last = value.lastIndexOf('}');
  for (let at = value.lastIndexOf(`${name}:`); at > 0; at = value.lastIndexOf(`${name}:`, at - 1)) {
    if (!parsedObject(value.toString('utf8', at + name.length + 1, last))) continue;
    const before = value[at - 1] === ','.charCodeAt(0) ? at - 1 : at;
    return Buffer.concat([value.subarray(0, before), value.subarray(last)]);
  }
  return value;
}

/** Returns the place that an id names; undefined for anything else. Topic names may hold hyphens. */
function placeOf(id: unknown): RecordPlace | undefined {
  const [, topic, partition, offset] = /^(.+)-(\d+)-(\d+)$/.exec(String(id)) ?? [];
  return topic === undefined ? undefined : { topic, partition: Number(partition), offset: BigInt(offset ?? 0) };
}

/** Returns the tasks that headers name; a task's name may hold dots. */
function tasksIn(names: readonly string[], own: string): string[] {
  return names.flatMap(name =>
    name.startsWith(`${own}tasks.`) && name.endsWith('.label')
      ? [name.slice(`${own}tasks.`.length, -'.label'.length)]
      : [],
  );
}

function taskOf(task: string, fact: (path: string) => string | undefined): ReadTask {
  return {
    task,
    label: fact('label') ?? '',
    score: Number(fact('score')),
    labels: parsedObject(fact('labels') ?? '[]') as unknown as string[],
    scores: parsedObject(fact('scores') ?? '{}') as Record<string, number>,
    window: null,
  };
}

function decidedByIn(fact: (path: string) => string | undefined): DecidedBy | null {
  const kind = fact('kind');
  if (kind === undefined) return null;
  const [threshold, score] = [fact('threshold'), fact('score')];
  return {
    kind: kind as DecidedBy['kind'],
    name: fact('name') ?? '',
    task: fact('task'),
    label: fact('label'),
    threshold: threshold === undefined ? undefined : Number(threshold),
    score: score === undefined ? undefined : Number(score),
  };
}

/** Returns the input's name of a header; the inverse of `inputHeaders`. */
function withoutPrefix(name: string, own: string): string {
  return looksOwn(name, own) ? name.slice('input.'.length) : name;
}
