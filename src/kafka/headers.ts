import { createRequire } from 'node:module';
import type { IHeaders } from 'kafkajs';
import type { Headers } from '../types.js';

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

interface Decoder {
  readInt8(): number;
  readVarInt(): number;
  readVarLong(): unknown;
  readVarIntBytes(): Buffer | null;
  readVarIntString(): string;
  readVarIntArray<T>(read: (decoder: Decoder) => T): T[];
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

/** In place of kafkajs' decoder of one record (record batch, magic 2). */
export function decodeRecord(decoder: Decoder, batchContext: BatchContext): object {
  const { firstOffset, firstTimestamp, maxTimestamp, magicByte, isControlBatch, timestampType } = batchContext;
  const Long = require('kafkajs/src/utils/long') as Long;
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
  size(): number;
  writeInt8(value: number): Encoder;
  writeVarInt(value: number): Encoder;
  writeVarLong(value: unknown): Encoder;
  writeVarIntBytes(value: unknown): Encoder;
  writeVarIntString(value: string): Encoder;
  writeEncoder(value: Encoder): Encoder;
}

interface EncoderClass {
  new (initialSize?: number): Encoder;
  sizeOfVarInt(value: number): number;
  sizeOfVarLong(value: unknown): number;
  sizeOfVarIntBytes(value: unknown): number;
}

interface ProducedRecord {
  offsetDelta?: number;
  timestampDelta?: unknown;
  key?: unknown;
  value: unknown;
  headers?: IHeaders | Headers;
}

/** In place of kafkajs' encoder of one record. */
export function encodeRecord({
  offsetDelta = 0,
  timestampDelta = 0,
  key,
  value,
  headers = [],
}: ProducedRecord): Encoder {
  const Encoder = require('kafkajs/src/protocol/encoder') as EncoderClass;
  const encodedHeaders = encodeHeaders(
    Encoder,
    Array.isArray(headers) ? headers : Object.entries(headers).flatMap(spread),
  );
  const size =
    1 + // attributes
    Encoder.sizeOfVarLong(timestampDelta) +
    Encoder.sizeOfVarInt(offsetDelta) +
    Encoder.sizeOfVarIntBytes(key) +
    Encoder.sizeOfVarIntBytes(value) +
    encodedHeaders.size();
  return new Encoder(size)
    .writeVarInt(size)
    .writeInt8(0)
    .writeVarLong(timestampDelta)
    .writeVarInt(offsetDelta)
    .writeVarIntBytes(key)
    .writeVarIntBytes(value)
    .writeEncoder(encodedHeaders);
}

function encodeHeaders(Encoder: EncoderClass, headers: ReadonlyArray<readonly [string, unknown]>): Encoder {
  const encoder = new Encoder(headers.length * 32).writeVarInt(headers.length);
  for (const [key, value] of headers) encoder.writeVarIntString(key).writeVarIntBytes(value);
  return encoder;
}

/** One entry of kafkajs's header object, where an array is a repeated key. */
function spread([key, value]: [string, unknown]): Array<readonly [string, unknown]> {
  return Array.isArray(value) ? value.map(each => [key, each] as const) : [[key, value]];
}
