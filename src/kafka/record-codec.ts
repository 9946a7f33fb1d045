import { createRequire } from 'node:module';
import type { IHeaders, KafkaMessage } from 'kafkajs';
import type { Headers, SourceRecord, TopicPartition } from '../ports.js';

/**
 * kafkajs decodes headers into an object: the order of different keys around a repeated one is lost, a `__proto__` key
 * vanishes, and a record with n headers costs n copies. Its encoder throws on a null value
 * (src/protocol/recordBatch/record/v0/{decoder,index}.js). Headers are an ordered list with nullable values (KIP-82),
 * so both sides work on such a list here. Nothing else in kafkajs reads a record's headers: batches are filtered by key
 * and batch context (src/consumer/{batch,filterAbortedMessages}.js), and producing passes messages through.
 */

const require = createRequire(import.meta.url);

/** The headers of a consumed message, in their order on the wire. */
export function headersOf(message: { headers?: IHeaders | undefined }): Headers {
  return (message.headers as unknown as Headers | undefined) ?? [];
}

/** Headers in the form `producer.send` takes them; written in the same order, null values and repeated keys included. */
export function kafkaHeaders(headers: Headers): IHeaders {
  return headers as unknown as IHeaders;
}

/** The parts of a record besides its partition, as kafkajs gives them. */
export type MessageParts = Pick<KafkaMessage, 'offset' | 'timestamp' | 'key' | 'value'> & {
  readonly headers?: IHeaders | undefined;
};

/** A message of kafkajs as a record; headers in their order on the wire. */
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

/** Found when first needed, kafkajs being loaded by then, and only once: looking a module up costs more than a record. */
const kafkajsLong = once(() => require('kafkajs/src/utils/long') as Long);
const kafkajsEncoder = once(() => require('kafkajs/src/protocol/encoder') as EncoderClass);

function once<T>(find: () => T): () => T {
  let found: T | undefined;
  return () => {
    found ??= find();
    return found;
  };
}

/** In place of kafkajs' decoder of one record (record batch, magic 2). */
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
 * In place of kafkajs' encoder of one record. Sizes are added up first and the bytes written once: kafkajs makes an
 * array and a buffer for every number, which cost more than the rest of the record.
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

/** kafkajs asks an encoder for its bytes and their number, and for nothing else. */
function encoderOf(buffer: Buffer): Encoder {
  const encoder = Object.create(kafkajsEncoder().prototype) as Encoder;
  encoder.buf = buffer;
  encoder.offset = buffer.length;
  return encoder;
}

/** One entry of kafkajs's header object, where an array is a repeated key. */
function spread([key, value]: [string, IHeaders[string]]): Array<readonly [string, Content]> {
  return Array.isArray(value) ? value.map(each => [key, each] as const) : [[key, value]];
}

/** Bytes, text that is written as UTF-8, or null: what a record's key, value and headers are. */
export type Content = Buffer | string | null | undefined;

/**
 * Writes the fields of one record (record batch, magic 2) into a buffer of exactly the size given. Numbers are zig-zag
 * varints of up to 53 bits (arithmetic, for JavaScript's bits end at 32), contents have their length in front and -1 for null (Kafka protocol, "Record").
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
    // The sign is the lowest bit, so the first byte has room for six of the number's.
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
