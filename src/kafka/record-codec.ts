/**
 * Decodes and encodes the records of a record batch, in place of kafkajs.
 *
 * The grammar of one record (record batch, magic 2; Kafka protocol, "Record"):
 *
 *     record     = length           varint: the bytes that follow
 *                  attributes       1 byte, 00
 *                  timestamp delta  varint: milliseconds after the batch's first timestamp
 *                  offset delta     varint: offsets after the batch's first offset
 *                  content          the key
 *                  content          the value
 *                  header count     varint
 *                  {header}
 *     header     = content          the name, in UTF-8
 *                  content          the value
 *     content    = -1               varint: null
 *                | length bytes     varint, then that many bytes
 *     varint     = zigzag, seven bits a byte, the lowest first; the high bit of every byte but the last is set
 *
 * kafkajs has removed the record's length before it calls `decodeRecord`.
 *
 * Headers are an ordered list with nullable values (KIP-82), so both sides work on such a list here. kafkajs' own code
 * (src/protocol/recordBatch/record/v0/{decoder,index}.js) does not:
 *
 * - It decodes headers into an object: the order of different keys around a repeated key is lost, a `__proto__` key
 *   vanishes, and a record with n headers costs n copies.
 * - Its encoder throws on a null value.
 *
 * Nothing else in kafkajs reads a record's headers: batches are filtered by key and batch context
 * (src/consumer/{batch,filterAbortedMessages}.js), and producing passes messages through.
 */

import { createRequire } from 'node:module';
import type { IHeaders, KafkaMessage } from 'kafkajs';
import type { Headers, SourceRecord, TopicPartition } from '../ports.js';

const require = createRequire(import.meta.url);

/** Returns the headers of a consumed message, in their order on the wire. */
export function headersOf(message: { headers?: IHeaders | undefined }): Headers {
  return (message.headers as unknown as Headers | undefined) ?? [];
}

/**
 * Returns headers in the form that `producer.send` takes. They are written in the same order, with null values and
 * repeated keys.
 */
export function kafkaHeaders(headers: Headers): IHeaders {
  return headers as unknown as IHeaders;
}

/** The parts of a record besides its partition, as kafkajs gives them. */
export type MessageParts = Pick<KafkaMessage, 'offset' | 'timestamp' | 'key' | 'value'> & {
  readonly headers?: IHeaders | undefined;
};

/** Makes a record of a kafkajs message, with the headers in their order on the wire. */
export function recordOf({ topic, partition }: TopicPartition, message: MessageParts): SourceRecord {
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

interface WireDecoder {
  readInt8(): number;
  readVarInt(): number;
  readVarLong(): unknown;
  readVarIntBytes(): Buffer | null;
  readVarIntString(): string;
  readVarIntArray<T>(read: (decoder: WireDecoder) => T): T[];
}

interface BatchContext {
  firstOffset: string;
  firstTimestamp: string;
  maxTimestamp: string;
  magicByte: number;
  isControlBatch: boolean;
  timestampType: number;
}

interface Long {
  fromValue(value: string): { add(other: unknown): { toString(): string } };
}

const LOG_APPEND_TIME = 1;

/**
 * Modules of kafkajs, found when they are first needed, because kafkajs is loaded by then. Each is found only once:
 * looking a module up costs more than a record.
 */
const kafkajsLong = once(() => require('kafkajs/src/utils/long') as Long);
const kafkajsEncoder = once(() => require('kafkajs/src/protocol/encoder') as EncoderClass);

function once<T>(find: () => T): () => T {
  let found: T | undefined;
  return () => {
    found ??= find();
    return found;
  };
}

/** Decodes one record, in place of kafkajs' decoder. */
export function decodeRecord(decoder: WireDecoder, batchContext: BatchContext): object {
  const { firstOffset, firstTimestamp, maxTimestamp, magicByte, isControlBatch, timestampType } = batchContext;
  const Long = kafkajsLong();
  const attributes = decoder.readInt8();
  const createTime = Long.fromValue(firstTimestamp).add(decoder.readVarLong()).toString();
  return {
    magicByte,
    attributes,
    timestamp: timestampType === LOG_APPEND_TIME && maxTimestamp ? maxTimestamp : createTime,
    offset: Long.fromValue(firstOffset).add(decoder.readVarInt()).toString(),
    key: decoder.readVarIntBytes(),
    value: decoder.readVarIntBytes(),
    headers: decoder.readVarIntArray(header => [header.readVarIntString(), header.readVarIntBytes()] as const),
    isControlRecord: isControlBatch,
    batchContext,
  };
}

interface Encoder {
  buf: Buffer;
  offset: number;
}

interface EncoderClass {
  readonly prototype: object;
}

interface ProducedRecord {
  offsetDelta?: number;
  /** Milliseconds after the batch's first timestamp. */
  timestampDelta?: number;
  key?: Content;
  value: Content;
  headers?: IHeaders | Headers;
}

/**
 * Encodes one record, in place of kafkajs' encoder. It adds up the sizes first and writes the bytes once. kafkajs makes
 * an array and a buffer for every number, which cost more than the rest of the record.
 */
export function encodeRecord({
  offsetDelta = 0,
  timestampDelta = 0,
  key,
  value,
  headers = [],
}: ProducedRecord): Encoder {
  const pairs = Array.isArray(headers) ? (headers as Headers) : Object.entries(headers).flatMap(spread);
  const size =
    1 + // attributes
    varintSize(timestampDelta) +
    varintSize(offsetDelta) +
    contentSize(key) +
    contentSize(value) +
    pairs.reduce((sum, [name, content]) => sum + contentSize(name) + contentSize(content), varintSize(pairs.length));
  const writer = new RecordWriter(varintSize(size) + size);
  writer.varint(size);
  writer.byte(0);
  writer.varint(timestampDelta);
  writer.varint(offsetDelta);
  writer.content(key);
  writer.content(value);
  writer.varint(pairs.length);
  for (const [name, content] of pairs) {
    writer.content(name);
    writer.content(content);
  }
  return encoderOf(writer.buffer);
}

/** Wraps the bytes for kafkajs, which asks an encoder only for its bytes and their number. */
function encoderOf(buffer: Buffer): Encoder {
  const encoder = Object.create(kafkajsEncoder().prototype) as Encoder;
  encoder.buf = buffer;
  encoder.offset = buffer.length;
  return encoder;
}

/** Spreads one entry of kafkajs' header object, in which an array means a repeated key. */
function spread([key, value]: [string, IHeaders[string]]): Array<readonly [string, Content]> {
  return Array.isArray(value) ? value.map(each => [key, each] as const) : [[key, value]];
}

/** The content of a record's key, value or header: bytes, text that is written as UTF-8, or null. */
export type Content = Buffer | string | null | undefined;

/**
 * Writes the fields of one record into a buffer of exactly the size given. Varints hold up to 53 bits; they are
 * computed by arithmetic, because JavaScript's bit operations end at 32.
 */
export class RecordWriter {
  readonly buffer: Buffer;
  #at = 0;

  constructor(size: number) {
    this.buffer = Buffer.allocUnsafe(size);
  }

  byte(value: number): void {
    this.buffer[this.#at++] = value;
  }

  varint(value: number): void {
    const magnitude = value < 0 ? -value - 1 : value;
    let rest = Math.floor(magnitude / 0x40);
    // The sign is the lowest bit, so the first byte has room for six bits of the number.
    this.byte(((magnitude % 0x40) << 1) | (value < 0 ? 1 : 0) | (rest > 0 ? 0x80 : 0));
    while (rest > 0) {
      const low = rest % 0x80;
      rest = Math.floor(rest / 0x80);
      this.byte(low | (rest > 0 ? 0x80 : 0));
    }
  }

  content(content: Content): void {
    this.varint(content === null || content === undefined ? -1 : byteLength(content));
    if (typeof content === 'string') this.#at += this.buffer.write(content, this.#at);
    else if (content) this.#at += content.copy(this.buffer, this.#at);
  }
}

export function varintSize(value: number): number {
  let bytes = 1;
  for (let rest = Math.floor((value < 0 ? -value - 1 : value) / 0x40); rest > 0; rest = Math.floor(rest / 0x80))
    bytes += 1;
  return bytes;
}

export function contentSize(content: Content): number {
  if (content === null || content === undefined) return varintSize(-1);
  const bytes = byteLength(content);
  return varintSize(bytes) + bytes;
}

function byteLength(content: Buffer | string): number {
  return typeof content === 'string' ? Buffer.byteLength(content) : content.length;
}
