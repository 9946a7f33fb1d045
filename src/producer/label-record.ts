import { frameAfter } from '../avro/framing.js';
import type { AvroType } from '../avro/type.js';
import type { Message } from '../kafka/client.js';
import { kafkaHeaders } from '../kafka/record-codec.js';
import {
  GROUP_HEADER,
  type Headers,
  type Labelled,
  type ModelInfo,
  type RejectReason,
  recordId,
  type SourceRecord,
} from '../ports.js';

/** Makes the record of the labels topic for one labelled outcome. */
export interface AnswerEncoder {
  /**
   * Throws AnswerRefused when the input cannot take its answer, and AVRO_ENCODE when the answer does not fit the
   * schema.
   */
  encode(record: SourceRecord, outcome: Labelled): Message;
}

/** The input cannot take its answer; the record is rejected for `reason`. */
export class AnswerRefused extends Error {
  readonly reason: RejectReason;

  constructor(reason: RejectReason, detail: string) {
    super(detail);
    this.name = 'AnswerRefused';
    this.reason = reason;
  }
}

/** Identifies what answered; stamped into every answer. */
export interface Answerer {
  readonly model: ModelInfo;
  /** The small model of a cascade. */
  readonly student?: ModelInfo | undefined;
  readonly policy: { readonly version: string; readonly hash: string };
  /** The consumer group; undefined where the results are no group's, as those of a replay. */
  readonly group?: string | undefined;
}

/** Holds the Avro schema of a topic's values, and the header that names it in front of every value. */
export interface Framing {
  readonly type: AvroType;
  readonly header: Buffer;
}

/**
 * Encodes version 1 of the answer: Avro in Confluent framing (avro/framing.ts), schemas/classification.avsc. Key and
 * headers are those of the input, followed by `siftline.group`, where there is a group, and `siftline.id`; the event time is the input's, or that of its
 * envelope.
 */
export class FirstAnswers implements AnswerEncoder {
  readonly #answerer: Answerer;
  readonly #framing: Framing;

  constructor(answerer: Answerer, framing: Framing) {
    this.#answerer = answerer;
    this.#framing = framing;
  }

  encode(record: SourceRecord, outcome: Labelled): Message {
    const { header, type } = this.#framing;
    return {
      key: record.key,
      value: frameAfter(header, type, this.#classification(record, outcome)),
      timestamp: String(outcome.eventTime ?? record.timestamp),
      headers: kafkaHeaders([
        ...record.headers,
        ...groupHeader(GROUP_HEADER, this.#answerer.group),
        ['siftline.id', Buffer.from(recordId(record))],
      ]),
    };
  }

  #classification(record: SourceRecord, outcome: Labelled): object {
    const { topic, partition, offset } = record;
    const timestamp = outcome.eventTime ?? record.timestamp;
    return {
      id: recordId(record),
      source: { topic, partition, offset, timestamp, textId: outcome.id },
      tasks: outcome.results.map(result => ({ ...result, scores: result.scores.toJSON() })),
      decision: outcome.decision,
      policy: this.#answerer.policy.version,
      model: modelOf(this.#answerer, outcome),
      tokens: outcome.tokens,
      truncated: outcome.truncated,
      windows: outcome.windows ?? 1,
      explanations: outcome.explanations ?? [],
      timings: outcome.timings,
      classifiedAt: BigInt(Date.now()),
    };
  }
}

/** Returns the header that names the group, or none. */
export function groupHeader(name: string, group: string | undefined): Headers {
  return group === undefined ? [] : [[name, Buffer.from(group)]];
}

/** Returns what an answer says of the model that gave it; the schema takes its fields by name. */
export function modelOf(
  { model, student }: Answerer,
  { answeredBy }: Labelled,
): Omit<ModelInfo, 'tasks' | 'maxTokens'> {
  const { name, version, sha256, precision, identity } = answeredBy === 'student' && student ? student : model;
  return { name, version, sha256, precision, identity };
}

/** Returns an output record as JSON. Offsets, counts and times are numbers: all stay far below 2^53. */
export function answerJson(answer: object): string {
  return JSON.stringify(answer, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value));
}
