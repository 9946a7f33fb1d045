/**
 * Finds the record batch that cannot be unpacked, in the records of a fetch.
 *
 * The grammar of the records, in one partition of a fetch response (Kafka protocol, "Record Batch", magic 2; all
 * numbers big endian):
 *
 *     records = size                int32: the bytes of all batches
 *               {batch}             the last batch may be cut off
 *     batch   = first offset        byte 0, int64
 *               length              byte 8, int32: the bytes after this field
 *               leader epoch        byte 12, int32
 *               magic               byte 16, 1 byte
 *               CRC                 byte 17, uint32
 *               attributes          byte 21, int16
 *               last offset delta   byte 23, int32: the last offset minus the first
 *               rest                not read here
 */

import { SiftlineError } from '../errors.js';

/** kafkajs' Decoder: bytes and a position in them. */
interface Bytes {
  readonly buffer: Buffer;
  readonly offset: number;
}
type BytesOf = new (buffer: Buffer) => Bytes;

type Messages = unknown[] & { unreadable?: Unreadable };
export type DecodeMessages = (bytes: Bytes) => Promise<Messages>;

/** A record batch that no reader can read, and the offsets it holds. */
interface Unreadable {
  readonly first: bigint;
  readonly last: bigint;
  readonly error: SiftlineError;
}

/** The error that ends a reader. Every fetch from this position throws it. */
export type UnreadableBatch = SiftlineError & { readonly topic: string; readonly partition: number };

export function isUnreadable(error: unknown): error is UnreadableBatch {
  return error instanceof SiftlineError && 'topic' in error;
}

/** The parts of a fetch response that are read here. */
interface FetchResponse {
  readonly responses: ReadonlyArray<{
    readonly topicName: string;
    readonly partitions: ReadonlyArray<{ readonly partition: number; readonly messages: Messages }>;
  }>;
}

/**
 * Decodes the messages before a batch that cannot be unpacked, and marks an answer that begins with such a batch. In
 * kafkajs alone, the error of a batch does not say where the batch is, and the batches before it are lost with it.
 */
export function readableMessages(decode: DecodeMessages, Decoder: BytesOf): DecodeMessages {
  return async bytes => {
    const { buffer, offset } = bytes;
    try {
      return await decode(bytes);
    } catch (error) {
      if (!(error instanceof SiftlineError)) throw error;
    }
    const size = buffer.readInt32BE(offset);
    const before: Messages = [];
    for (const batch of batchesOf(buffer.subarray(offset + 4, offset + 4 + size))) {
      try {
        before.push(...(await decode(new Decoder(withSize(batch)))));
      } catch (error) {
        if (!(error instanceof SiftlineError)) throw error;
        return before.length > 0 ? before : Object.assign([], { unreadable: { ...offsetsOf(batch), error } });
      }
    }
    return before;
  };
}

/** Throws for a marked answer. The error names the place, which only the whole response knows, and the way out. */
export function requireReadable({ responses }: FetchResponse): void {
  for (const { topicName, partitions } of responses) {
    for (const { partition, messages } of partitions) {
      if (messages.unreadable) throw named({ topic: topicName, partition }, messages.unreadable);
    }
  }
}

function named(
  { topic, partition }: { topic: string; partition: number },
  { first, last, error }: Unreadable,
): UnreadableBatch {
  const explained = new SiftlineError({
    code: error.code,
    message:
      `topic ${topic}, partition ${partition}, offsets ${first} to ${last}: ${error.message}. No reader can read it: ` +
      `to leave it out, stop the group and move it on with kafka-consumer-groups ` +
      `--topic ${topic}:${partition} --reset-offsets --to-offset ${last + 1n}`,
    exitCode: error.exitCode,
    cause: error,
  });
  // Read by kafkajs: the same bytes would fail the same way.
  return Object.assign(explained, { retriable: false, topic, partition });
}

const LENGTH_AT = 8;
const HEAD_BYTES = 12;
const LAST_DELTA_AT = 23;

function* batchesOf(set: Buffer): Generator<Buffer> {
  for (let at = 0; at + LAST_DELTA_AT + 4 <= set.length; ) {
    const end = at + HEAD_BYTES + set.readInt32BE(at + LENGTH_AT);
    yield set.subarray(at, end);
    at = end;
  }
}

function offsetsOf(batch: Buffer): { first: bigint; last: bigint } {
  const first = batch.readBigInt64BE(0);
  return { first, last: first + BigInt(batch.readInt32BE(LAST_DELTA_AT)) };
}

function withSize(batch: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(batch.length);
  return Buffer.concat([size, batch]);
}
