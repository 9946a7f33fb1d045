import { frame } from '../avro/framing.js';
import type { Message } from '../kafka/client.js';
import { kafkaHeaders } from '../kafka/record-codec.js';
import { type Labelled, type ModelInfo, recordId, type SourceRecord } from '../ports.js';
import type { ShippedSchema } from './schemas.js';

export interface LabelEncoder {
  readonly schema: ShippedSchema;
  /** The id that goes into the framing. */
  readonly schemaId: number;
  readonly model: ModelInfo;
  /** The small model of a cascade. */
  readonly student?: ModelInfo | undefined;
  readonly policy: string;
}

/**
 * Makes the labels topic's record for one outcome. The value is Avro in Confluent framing (avro/framing.ts). Key, event
 * time (or the time of the input's envelope) and headers are those of the input, followed by the header `siftline.id`. Throws AVRO_ENCODE when the value does
 * not fit the schema.
 */
export function labelRecord(encoder: LabelEncoder, record: SourceRecord, outcome: Labelled): Message {
  const id = recordId(record);
  return {
    key: record.key,
    value: frame(encoder.schemaId, encoder.schema.type, classification(encoder, record, outcome)),
    timestamp: String(outcome.eventTime ?? record.timestamp),
    headers: kafkaHeaders([...record.headers, ['siftline.id', Buffer.from(id)]]),
  };
}

/** What a record says of the model; the schema takes its fields by name. */
function namesOf({ name, version, sha256, precision, identity }: ModelInfo): object {
  return { name, version, sha256, precision, identity };
}

function classification(encoder: LabelEncoder, record: SourceRecord, outcome: Labelled): object {
  const { policy, student } = encoder;
  const model = outcome.answeredBy === 'student' && student ? student : encoder.model;
  const { topic, partition, offset } = record;
  const timestamp = outcome.eventTime ?? record.timestamp;
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
