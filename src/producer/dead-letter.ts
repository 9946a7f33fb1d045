/**
 * Encodes rejected records for the rejected topic.
 *
 * The grammar of a rejected record's headers; all values are UTF-8 strings, and repeated keys are allowed:
 *
 *     headers = {own header}                            the input's headers, byte for byte; absent if cut
 *               __connect.errors.topic                  the input's place: this header and the next two
 *               __connect.errors.partition              decimal
 *               __connect.errors.offset                 decimal
 *               __connect.errors.connector.name         the stage's name
 *               __connect.errors.task.id                the client id
 *               __connect.errors.stage                  DECODE, INFER, ENCODE or PUBLISH
 *               __connect.errors.class.name             "siftline"
 *               __connect.errors.exception.class.name   the reason code
 *               __connect.errors.exception.message      the detail; never quotes the record
 *               siftline.id                             topic-partition-offset
 *               siftline.error.code                     the reason code
 *               siftline.error.attempts                 decimal
 *               siftline.error.timestamp                ISO 8601
 *               siftline.model.sha256                   hex
 *               siftline.version                        siftline's version
 *               [siftline.value.truncated               "true"; these three only when the record is cut
 *                siftline.value.bytes                   decimal: the size of the whole value
 *                siftline.value.sha256]                 hex: the hash of the whole value
 *               [siftline.group]                        the consumer group; absent in a replay
 *               [kafka_dlt-original-topic               these only with `springHeaders`
 *                kafka_dlt-original-partition           int32, big endian
 *                kafka_dlt-original-offset              int64, big endian
 *                kafka_dlt-original-timestamp           int64, big endian: milliseconds since the epoch
 *                kafka_dlt-original-timestamp-type      "CreateTime"
 *                kafka_dlt-original-consumer-group      the stage's name
 *                kafka_dlt-exception-fqcn               the reason code
 *                kafka_dlt-exception-message]           the detail
 *
 * The family `__connect.errors.*` is written as Kafka Connect's DeadLetterQueueReporter writes it (KIP-298), and the
 * family `kafka_dlt-*` as Spring Kafka's DeadLetterPublishingRecoverer.
 */

import { createHash } from 'node:crypto';
import type { Message } from '../kafka/client.js';
import { kafkaHeaders } from '../kafka/record-codec.js';
import { GROUP_HEADER, type Headers, type Rejection, recordId, type SourceRecord } from '../ports.js';
import { groupHeader } from './label-record.js';

/** Identifies the stage that rejects; stamped into the headers. */
export interface Rejector {
  readonly name: string;
  readonly clientId: string;
  readonly version: string;
  readonly modelSha256: string;
  /** The consumer group; undefined where the results are no group's, as those of a replay. */
  readonly group?: string | undefined;
  /** True to write Spring Kafka's headers too, which user interfaces of Kafka look for. */
  readonly springHeaders?: boolean | undefined;
}

/**
 * Makes the record of the rejected topic: key, value, headers and timestamp of the input byte for byte, and after its
 * headers the reason of the rejection.
 */
export function deadLetter(rejector: Rejector, record: SourceRecord, rejection: Rejection): Message {
  return {
    key: record.key,
    value: record.value,
    timestamp: String(record.timestamp),
    headers: kafkaHeaders([
      ...record.headers,
      ...errorHeaders(rejector, record, rejection),
      ...groupHeader(GROUP_HEADER, rejector.group),
    ]),
  };
}

/**
 * Makes the record for an input that is too large for the rejected topic: the head of its value, with the size and
 * SHA-256 of the whole, and without its own headers. A key of more than CUT_BYTES is left out. The whole record is
 * still in the input topic, at the offset that the headers name.
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
      ...groupHeader(GROUP_HEADER, rejector.group),
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
    ...(rejector.springHeaders ? springHeaders(rejector, record, rejection) : []),
  ];
}

function springHeaders({ name }: Rejector, record: SourceRecord, { reason, detail }: Rejection): Headers {
  const partition = Buffer.alloc(4);
  partition.writeInt32BE(record.partition);
  return [
    header('kafka_dlt-original-topic', record.topic),
    ['kafka_dlt-original-partition', partition],
    ['kafka_dlt-original-offset', int64(record.offset)],
    ['kafka_dlt-original-timestamp', int64(record.timestamp)],
    header('kafka_dlt-original-timestamp-type', 'CreateTime'),
    header('kafka_dlt-original-consumer-group', name),
    header('kafka_dlt-exception-fqcn', reason),
    header('kafka_dlt-exception-message', detail),
  ];
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

function header(key: string, value: string): readonly [string, Buffer] {
  return [key, Buffer.from(value)];
}
