import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type * as kafkajs from 'kafkajs';
import { messageOf, SiftlineError } from '../errors.js';

/** A codec in the form in which kafkajs calls it. */
export interface Codec {
  compress(encoder: { buffer: Buffer }): Promise<Buffer>;
  decompress(data: Buffer): Promise<Buffer>;
}

export type CodecName = 'gzip' | 'snappy' | 'lz4' | 'zstd';

type Compress = (data: Buffer) => Promise<Buffer>;
/** Throws TooLarge rather than return more than `maxBytes`. */
type Decompress = (data: Buffer, maxBytes: number) => Promise<Buffer>;

/** Thrown inside this file only; it leaves the file as a SiftlineError that names codec and limit. */
class TooLarge extends Error {}

const require = createRequire(import.meta.url);

/**
 * Makes kafkajs read and write all four codecs, from the next batch on. The limit matters: a batch of 1 MB, the
 * broker's default limit, can hold 1 GB of zeros. Native libraries are loaded when a batch first needs one.
 */
export function registerCodecs(
  registry: Pick<typeof kafkajs, 'CompressionCodecs' | 'CompressionTypes'>,
  maxBytes: number,
): void {
  const { CompressionCodecs, CompressionTypes } = registry;
  const codecs = createCodecs(maxBytes);
  CompressionCodecs[CompressionTypes.GZIP] = () => codecs.gzip;
  CompressionCodecs[CompressionTypes.Snappy] = () => codecs.snappy;
  CompressionCodecs[CompressionTypes.LZ4] = () => codecs.lz4;
  CompressionCodecs[CompressionTypes.ZSTD] = () => codecs.zstd;
}

/** Makes the codecs of Kafka's record format. No batch unpacks to more than `maxBytes`; every error names its codec. */
export function createCodecs(maxBytes: number): Readonly<Record<CodecName, Codec>> {
  const codec = (name: CodecName, compress: Compress, decompress: Decompress): Codec => ({
    compress: encoder => compress(encoder.buffer),
    decompress: data => decompress(data, maxBytes).catch(error => Promise.reject(explain(error, name, maxBytes))),
  });
  return {
    gzip: codec('gzip', gzip, gunzip),
    snappy: codec('snappy', snappyCompress, snappyDecompress),
    lz4: codec('lz4', lz4Compress, lz4Decompress),
    zstd: codec('zstd', zstdCompress, zstdDecompress),
  };
}

/**
 * Makes the SiftlineError for a failure. kafkajs reads `retriable: false`: the same bytes would fail the same way, so
 * the consumer stops instead of trying again.
 */
function explain(error: unknown, name: CodecName, maxBytes: number): SiftlineError {
  const tooLarge = error instanceof TooLarge || (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
  const explained = tooLarge
    ? SiftlineError.topic(
        'BATCH_TOO_LARGE',
        `a ${name} record batch unpacks to more than ${maxBytes} bytes; raise input.maxBatchBytes, or let the producer send smaller batches`,
      )
    : SiftlineError.topic('BATCH_UNREADABLE', `a ${name} record batch cannot be unpacked: ${messageOf(error)}`, error);
  return Object.assign(explained, { retriable: false });
}

// ---- gzip ----------------------------------------------------------------------------------------------------------

const gzip: Compress = promisify<zlib.InputType, Buffer>(zlib.gzip);
const unzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.unzip);
const gunzip: Decompress = (data, maxBytes) => unzip(data, { maxOutputLength: maxBytes });

// ---- snappy --------------------------------------------------------------------------------------------------------
// Brokers and clients read two forms. The Java client writes snappy-java's stream, librdkafka one bare block.
//
//     data   = stream | block
//     stream = magic              8 bytes: 82 "SNAPPY" 00
//              version            int32, big endian: 1
//              lowest             int32, big endian: the lowest version that can read it, 1
//              {length block}     length: uint32, big endian: the bytes of the block
//     block  = unpacked length    varint, see snappyLength
//              contents           left to the library

const XERIAL_HEADER = Buffer.from('\x82SNAPPY\0\0\0\0\x01\0\0\0\x01', 'latin1');
const XERIAL_MAGIC = XERIAL_HEADER.subarray(0, 8);
const XERIAL_BLOCK = 32 * 1024;

async function snappyCompress(data: Buffer): Promise<Buffer> {
  const { compress } = require('snappy') as typeof import('snappy');
  const parts: Buffer[] = [XERIAL_HEADER];
  for (let at = 0; at < data.length; at += XERIAL_BLOCK) {
    const block = await compress(data.subarray(at, at + XERIAL_BLOCK));
    const length = Buffer.alloc(4);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

async function snappyDecompress(data: Buffer, maxBytes: number): Promise<Buffer> {
  const { uncompress } = require('snappy') as typeof import('snappy');
  const blocks = snappyBlocks(data);
  const size = blocks.reduce((sum, block) => sum + snappyLength(block), 0);
  if (size > maxBytes) throw new TooLarge();
  const parts: Buffer[] = [];
  for (const block of blocks) parts.push((await uncompress(block)) as Buffer);
  return Buffer.concat(parts, size);
}

function snappyBlocks(data: Buffer): Buffer[] {
  if (!data.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return [data];
  const blocks: Buffer[] = [];
  for (let at = XERIAL_HEADER.length; at < data.length; ) {
    const end = at + 4 + data.readUInt32BE(at);
    if (end > data.length) throw new RangeError(`a block ends at byte ${end} of ${data.length}`);
    blocks.push(data.subarray(at + 4, end));
    at = end;
  }
  return blocks;
}

/**
 * Reads the unpacked length at the start of a snappy block: a varint, seven bits a byte, the lowest first, at most five
 * bytes. The library trusts this length, so it must be checked first.
 */
function snappyLength(block: Buffer): number {
  let length = 0;
  for (let at = 0; at < 5; at++) {
    const byte = block.readUInt8(at);
    length += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return length;
  }
  throw new RangeError('the length of a block has more than five bytes');
}

// ---- lz4 -----------------------------------------------------------------------------------------------------------
// The LZ4 frame format (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md), all numbers little endian. Kafka
// reads only frames with independent blocks, and the library writes such frames.
//
//     frame   = magic             4 bytes: 184D2204
//               flags             1 byte: block trailer (bit 4), content size (bit 3), dictionary id (bit 0)
//               block descriptor  1 byte
//               [content size]    8 bytes
//               [dictionary id]   4 bytes
//               header checksum   1 byte
//               {block}
//               end               4 bytes of zero; a checksum of the content may follow
//     block   = size              4 bytes; the highest bit is set when the data are not compressed
//               data              size bytes, see lz4BlockLength
//               [trailer]         4 bytes

const LZ4_MAGIC = 0x184d2204;

async function lz4Compress(data: Buffer): Promise<Buffer> {
  const { compressFrame } = require('lz4-napi') as typeof import('lz4-napi');
  return compressFrame(data);
}

async function lz4Decompress(data: Buffer, maxBytes: number): Promise<Buffer> {
  const { decompressFrame } = require('lz4-napi') as typeof import('lz4-napi');
  if (lz4Length(data, maxBytes) > maxBytes) throw new TooLarge();
  return decompressFrame(data);
}

/**
 * Counts the bytes that a frame unpacks to, without unpacking it: the library has no limit, and the content size in the
 * header is optional. It counts to just beyond `maxBytes`. Broken data is left to the library: reads past the end give
 * undefined, which counts as 0 here.
 */
function lz4Length(data: Buffer, maxBytes: number): number {
  if (data.readUInt32LE(0) !== LZ4_MAGIC) throw new RangeError('it is not an LZ4 frame');
  const flags = data[4] ?? 0;
  const blockTrailer = flags & 0x10 ? 4 : 0;
  let total = 0;
  let at = 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0);
  while (at + 4 <= data.length && total <= maxBytes) {
    const header = data.readUInt32LE(at);
    const size = header & 0x7fffffff;
    if (size === 0) break;
    const block = data.subarray(at + 4, at + 4 + size);
    total += header > 0x7fffffff ? size : lz4BlockLength(block, maxBytes);
    at += 4 + size + blockTrailer;
  }
  return total;
}

/**
 * Counts the bytes that a compressed block unpacks to.
 *
 *     block    = {sequence}
 *     sequence = token            1 byte: literal length (high nibble), match length - 4 (low nibble)
 *                [length]         only for a nibble of 15: bytes to add up, of which all but the last are 255
 *                literals
 *                offset           2 bytes; the last sequence ends before it
 *                [length]         as above, for the match
 */
function lz4BlockLength(block: Buffer, maxBytes: number): number {
  let total = 0;
  let at = 0;
  const length = (nibble: number): number => {
    let sum = nibble;
    if (nibble < 15) return sum;
    let byte: number;
    do {
      byte = block[at++] ?? 0;
      sum += byte;
    } while (byte === 255);
    return sum;
  };
  while (at < block.length && total <= maxBytes) {
    const token = block[at++] ?? 0;
    const literals = length(token >> 4);
    at += literals;
    total += literals;
    if (at >= block.length) break;
    at += 2;
    total += length(token & 0x0f) + 4;
  }
  return total;
}

// ---- zstd ----------------------------------------------------------------------------------------------------------
// Node has zstd from 22.15 on; its types come with a later @types/node.

interface NodeZstd {
  zstdCompress(data: Buffer, done: (error: Error | null, result: Buffer) => void): void;
  zstdDecompress(
    data: Buffer,
    options: { maxOutputLength: number },
    done: (error: Error | null, result: Buffer) => void,
  ): void;
}

function nodeZstd(): NodeZstd | undefined {
  return 'zstdCompress' in zlib ? (zlib as unknown as NodeZstd) : undefined;
}

async function zstdCompress(data: Buffer): Promise<Buffer> {
  const zstd = nodeZstd();
  if (zstd) return promisify(zstd.zstdCompress)(data);
  throw SiftlineError.config(
    'ZSTD_NOT_WRITABLE',
    `Node ${process.version} can read zstd but not write it: use Node 22.15 or later, or another compression`,
  );
}

async function zstdDecompress(data: Buffer, maxBytes: number): Promise<Buffer> {
  const zstd = nodeZstd();
  if (zstd) return promisify(zstd.zstdDecompress)(data, { maxOutputLength: maxBytes });
  return zstdDecompressInJs(data, maxBytes);
}

/** The largest window that zstd's own library accepts by default (ZSTD_WINDOWLOG_LIMIT_DEFAULT). */
const ZSTD_MAX_WINDOW = 2 ** 27;

/**
 * Unpacks in pure JavaScript, for Node before 22.15. Exported for the tests, which would not reach it on a newer Node.
 */
export function zstdDecompressInJs(data: Buffer, maxBytes: number): Buffer {
  const { Decompress } = require('fzstd') as typeof import('fzstd');
  checkZstdWork(data, Math.max(ZSTD_MAX_WINDOW, maxBytes));
  const parts: Uint8Array[] = [];
  let total = 0;
  const stream = new Decompress(part => {
    total += part.length;
    if (total > maxBytes) throw new TooLarge();
    parts.push(part);
  });
  stream.push(data, true);
  return Buffer.concat(parts, total);
}

/**
 * The most bytes that fzstd may move; this takes some seconds. fzstd moves the whole window for every block, so a batch
 * of 1 MB could ask it to move a terabyte.
 */
const ZSTD_MAX_MOVED = 2 ** 36;

/** Throws for frames that would take too much memory or time. Only their headers tell. See RFC 8878, 3.1.1. */
function checkZstdWork(data: Buffer, maxWindow: number): void {
  let moved = 0;
  for (const { window, blocks } of zstdFrames(data)) {
    if (window > maxWindow) throw new RangeError(`it wants a window of ${window} bytes`);
    moved += window * (blocks + 1);
    if (moved > ZSTD_MAX_MOVED)
      throw new RangeError(
        `it wants a window of ${window} bytes for ${blocks} blocks, which is too slow without the zstd of Node 22.15`,
      );
  }
}

/**
 * Walks the frames of a batch. It ends where the data are malformed, and leaves the error to the library.
 *
 *     batch     = {frame | skippable}
 *     frame     = header           see zstdHeader
 *                 {block}          3 bytes, little endian: last (bit 0), type (bits 1-2), size (bits 3-23); then the
 *                                  data: size bytes, but 1 byte for type 1 (RLE)
 *                 [checksum]       4 bytes
 *     skippable = magic            4 bytes: 184D2A50 to 184D2A5F, little endian
 *                 size             4 bytes, little endian; then size bytes that hold no data
 */
function* zstdFrames(data: Buffer): Generator<{ window: number; blocks: number }> {
  for (let at = 0; at + ZSTD_SHORTEST <= data.length; ) {
    if ((data.readUInt32LE(at) & 0xfffffff0) >>> 0 === ZSTD_SKIPPABLE) {
      at += 8 + data.readUInt32LE(at + 4);
      continue;
    }
    const frame = zstdHeader(data.subarray(at));
    at += frame.bytes;
    let blocks = 0;
    for (let isLast = false; !isLast && at + 3 <= data.length; blocks += 1) {
      const head = data.readUIntLE(at, 3);
      isLast = (head & 1) === 1;
      at += 3 + (((head >> 1) & 3) === ZSTD_RLE ? 1 : head >> 3);
    }
    yield { window: frame.window, blocks };
    at += frame.checksumBytes;
  }
}

/**
 * The bytes of the shortest header: magic, descriptor, one byte of window or size. They are enough for fzstd to
 * allocate.
 */
const ZSTD_SHORTEST = 6;
/** The magic of skippable frames, without its last four bits. */
const ZSTD_SKIPPABLE = 0x184d2a50;
const ZSTD_RLE = 1;

/**
 * Reads the window that a frame asks for, which fzstd allocates before it reads any data. A frame of a single segment
 * has no window: its content size is its window.
 *
 *     header     = magic           4 bytes
 *                  descriptor      1 byte: size code (bits 6-7), single segment (bit 5), checksum (bit 2), dictionary
 *                                  code (bits 0-1)
 *                  [window]        1 byte, absent for a single segment: exponent (bits 3-7), mantissa (bits 0-2)
 *                  [dictionary]    0, 1, 2 or 4 bytes, by its code
 *                  [size]          by its code: 0 (1 for a single segment), 2 (less 256), 4 or 8 bytes, little endian
 */
function zstdHeader(frame: Buffer): { window: number; bytes: number; checksumBytes: number } {
  const descriptor = frame.readUInt8(4);
  const isSingle = (descriptor & 0x20) !== 0;
  const sizeAt = (isSingle ? 5 : 6) + ([0, 1, 2, 4][descriptor & 3] ?? 0);
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  return {
    window: isSingle ? zstdSize(frame, sizeAt, sizeBytes) : zstdWindow(frame.readUInt8(5)),
    bytes: sizeAt + sizeBytes,
    checksumBytes: descriptor & 4 ? 4 : 0,
  };
}

function zstdWindow(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function zstdSize(frame: Buffer, at: number, bytes: number): number {
  if (bytes === 8) return Number(frame.readBigUInt64LE(at));
  return frame.readUIntLE(at, bytes) + (bytes === 2 ? 256 : 0);
}
