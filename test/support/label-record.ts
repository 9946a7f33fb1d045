import { registryHeader } from '../../src/avro/framing.js';
import type { Message } from '../../src/kafka/client.js';
import type { Labelled, ModelInfo, SourceRecord } from '../../src/ports.js';
import { FirstAnswers } from '../../src/producer/label-record.js';
import type { ShippedSchema } from '../../src/producer/schemas.js';

export interface LabelEncoder {
  readonly schema: ShippedSchema;
  readonly schemaId: number;
  readonly model: ModelInfo;
  readonly student?: ModelInfo;
  readonly policy: string;
  readonly group?: string | undefined;
}

/** Encodes version 1 of an answer under a fixed id. */
export function firstAnswers({ schema, schemaId, model, student, policy, group }: LabelEncoder): FirstAnswers {
  const answerer = { model, student, policy: { version: policy, hash: '' }, group };
  return new FirstAnswers(answerer, { type: schema.type, header: registryHeader(schemaId) });
}

export function labelRecord(encoder: LabelEncoder, record: SourceRecord, outcome: Labelled): Message {
  return firstAnswers(encoder).encode(record, outcome);
}
