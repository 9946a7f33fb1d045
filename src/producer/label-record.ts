import { frame } from '../avro/framing.js';
import type { Message } from '../kafka/client.js';
import { kafkaHeaders } from '../kafka/record-codec.js';
import { GROUP_HEADER, type Headers, type Labelled, type ModelInfo, recordId, type SourceRecord } from '../ports.js';
import type { ShippedSchema } from './schemas.js';

export interface LabelEncoder {
  readonly schema: ShippedSchema;
  /** The id that goes into the framing. */
  readonly schemaId: number;
  readonly model: ModelInfo;
  /** The small model of a cascade. */
  readonly student?: ModelInfo | undefined;
  readonly policy: string;
  /** The consumer group; undefined where the results are no group's, as those of a replay. */
  readonly group?: string | undefined;
}

/**
 * Makes the labels topic's record for one outcome. The value is Avro in Confluent framing (avro/framing.ts). Key, event
 * time and headers are those of the input, followed by the headers `siftline.group`, where there is a group, and
 * `siftline.id`. Throws AVRO_ENCODE when the value does not fit the schema.
 */
export function labelRecord(encoder: LabelEncoder, record: SourceRecord, outcome: Labelled): Message {
  const added: Headers = [...groupHeader(encoder.group), ['siftline.id', Buffer.from(recordId(record))]];
  return {
    key: record.key,
    value: frame(encoder.schemaId, encoder.schema.type, classification(encoder, record, outcome)),
    timestamp: String(record.timestamp),
    headers: kafkaHeaders([...record.headers, ...added]),
  };
}

/** Returns the header that names the group, or none. */
export function groupHeader(group: string | undefined): Headers {
  return group === undefined ? [] : [[GROUP_HEADER, Buffer.from(group)]];
}

/** What a record says of the model; the schema takes its fields by name. */
function namesOf({ name, version, sha256, precision, identity }: ModelInfo): object {
  return { name, version, sha256, precision, identity };
}

function classification(encoder: LabelEncoder, record: SourceRecord, outcome: Labelled): object {
  const { policy, student } = encoder;
  const model = outcome.answeredBy === 'student' && student ? student : encoder.model;
  const { topic, partition, offset, timestamp } = record;
  return {
    id: recordId(record),
    source: { topic, partition, offset, timestamp, textId: outcome.id },
    tasks: outcome.results.map(result => ({ ...result, scores: result.scores.toJSON() })),
    decision: outcome.decision,
    policy,
    model: namesOf(model),
    tokens: outcome.tokens,
    truncated: outcome.truncated,
    windows: outcome.windows ?? 1,
    explanations: outcome.explanations ?? [],
    timings: outcome.timings,
    classifiedAt: BigInt(Date.now()),
  };
}
