import { createHash } from 'node:crypto';
import type { Message } from '../kafka/client.js';
import { kafkaHeaders } from '../kafka/record-codec.js';
import { type Headers, type Rejection, recordId, type SourceRecord } from '../ports.js';

/** Who rejects: stamped into the headers. */
export interface Rejector {
  readonly name: string;
  readonly clientId: string;
  readonly version: string;
  readonly modelSha256: string;
}

/**
 * The rejected topic's record: key, value, headers and timestamp of the input byte for byte, and behind its headers the
 * `__connect.errors.*` family as Kafka Connect's DeadLetterQueueReporter writes it (KIP-298; all values UTF-8 strings),
 * then siftline's own: the reason code, attempts, when, and by which model. The message is from a closed list.
 */
export function deadLetter(rejector: Rejector, record: SourceRecord, rejection: Rejection): Message {
  return {
    key: record.key,
    value: record.value,
    timestamp: String(record.timestamp),
    headers: kafkaHeaders([...record.headers, ...errorHeaders(rejector, record, rejection)]),
  };
}

/**
 * For a record that is too large for the rejected topic: the head of its value, with the size and SHA-256 of the whole,
 * without its own headers. The whole is still in the input topic, at the offset the headers name.
 */
export function cutDeadLetter(rejector: Rejector, record: SourceRecord, rejection: Rejection): Message {
  const value = record.value ?? Buffer.alloc(0);
  return {
    key: (record.key?.length ?? 0) > CUT_BYTES ? null : record.key,
    value: value.subarray(0, CUT_BYTES),
    timestamp: String(record.timestamp),
    headers: kafkaHeaders([
      ...errorHeaders(rejector, record, rejection),
      header('siftline.value.truncated', 'true'),
      header('siftline.value.bytes', String(value.length)),
      header('siftline.value.sha256', createHash('sha256').update(value).digest('hex')),
    ]),
  };
}

const CUT_BYTES = 4_096;

function errorHeaders(rejector: Rejector, record: SourceRecord, rejection: Rejection): Headers {
  return [
    header('__connect.errors.topic', record.topic),
    header('__connect.errors.partition', String(record.partition)),
    header('__connect.errors.offset', String(record.offset)),
    header('__connect.errors.connector.name', rejector.name),
    header('__connect.errors.task.id', rejector.clientId),
    header('__connect.errors.stage', rejection.stage.toUpperCase()),
    header('__connect.errors.class.name', 'siftline'),
    header('__connect.errors.exception.class.name', rejection.reason),
    header('__connect.errors.exception.message', rejection.detail),
    header('siftline.id', recordId(record)),
    header('siftline.error.code', rejection.reason),
    header('siftline.error.attempts', String(rejection.attempts)),
    header('siftline.error.timestamp', new Date().toISOString()),
    header('siftline.model.sha256', rejector.modelSha256),
    header('siftline.version', rejector.version),
  ];
}

function header(key: string, value: string): readonly [string, Buffer] {
  return [key, Buffer.from(value)];
}
