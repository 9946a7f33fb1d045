import type { IHeaders, KafkaMessage } from 'kafkajs';
import type { SourceRecord } from '../ports.js';
import { headersOf } from './record-codec.js';

/** What a record is made of besides its place, as kafkajs gives it. */
export type MessageParts = Pick<KafkaMessage, 'offset' | 'timestamp' | 'key' | 'value'> & {
  readonly headers?: IHeaders | undefined;
};

/** A message of kafkajs as a record; headers in their order on the wire. */
export function recordOf(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  message: MessageParts,
): SourceRecord {
  return {
    topic,
    partition,
    offset: BigInt(message.offset),
    timestamp: BigInt(message.timestamp),
    key: message.key,
    value: message.value,
    headers: headersOf(message),
  };
}
