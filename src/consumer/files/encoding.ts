import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { messageOf, SiftlineError } from '../../errors.js';

/** The first bytes of a file, and what such a file is, with the way out. */
const MAGIC: ReadonlyArray<readonly [bytes: readonly number[], what: string]> = [
  [[0xff, 0xfe, 0, 0], 'is UTF-32; convert it: iconv -f UTF-32 -t UTF-8'],
  [[0, 0, 0xfe, 0xff], 'is UTF-32; convert it: iconv -f UTF-32 -t UTF-8'],
  [[0xff, 0xfe], 'is UTF-16; convert it: iconv -f UTF-16 -t UTF-8'],
  [[0xfe, 0xff], 'is UTF-16; convert it: iconv -f UTF-16 -t UTF-8'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'is packed by zstd; unpack it: zstd -d'],
  [[0x50, 0x4b, 3, 4], 'is a ZIP archive or a spreadsheet; unpack it, or save it as CSV'],
  [[0x50, 0x41, 0x52, 0x31], 'is Parquet; convert it to JSON lines or CSV'],
  [[0x4f, 0x62, 0x6a, 1], 'is an Avro file; convert it to JSON lines: avro-tools tojson'],
  [[0x4f, 0x52, 0x43], 'is ORC; convert it to JSON lines or CSV'],
  [[0x25, 0x50, 0x44, 0x46], 'is a PDF; extract its text: pdftotext'],
  [[0x89, 0x50, 0x4e, 0x47], 'is an image'],
  [[0xff, 0xd8, 0xff], 'is an image'],
  [[0xd0, 0xcf, 0x11, 0xe0], 'is an old Office document; save it as CSV'],
];
const GZIP = [0x1f, 0x8b];
/** The bytes from which a file without a mark is recognised. */
const HEAD_BYTES = 64;

/**
 * Returns the bytes of a file as UTF-8 text may be in them. A file that is packed by gzip is unpacked as it is read.
 * Throws INPUT_MALFORMED, which names the encoding or the kind of file, for bytes that are something else: read as
 * UTF-8 they would be other characters, and would be labelled as those.
 */
export async function* asUtf8(chunks: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer> {
  const { head, all } = await headOf(chunks, isRecognisable);
  if (!startsWith(head, GZIP)) {
    refuseStrange(head, name);
    yield* all;
    return;
  }
  const inside = await headOf(unpacked(all, name), isRecognisable);
  refuseStrange(inside.head, name);
  yield* inside.all;
}

async function* unpacked(packed: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer> {
  try {
    yield* Readable.from(packed).pipe(createGunzip()) as AsyncIterable<Buffer>;
  } catch (error) {
    throw malformed(name, `cannot be unpacked (${messageOf(error)}); it is damaged, or was cut short`, error);
  }
}

/**
 * Reads chunks until `isEnough` says so of the bytes so far, or until they end. Returns those bytes, and all bytes, the
 * first ones included.
 */
export async function headOf(
  chunks: AsyncIterable<Buffer>,
  isEnough: (head: Buffer) => boolean,
): Promise<{ readonly head: Buffer; readonly all: AsyncGenerator<Buffer> }> {
  const iterator = chunks[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (!isEnough(head)) {
    const { value, done } = await iterator.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  async function* all(): AsyncGenerator<Buffer> {
    try {
      if (head.length > 0) yield head;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { head, all: all() };
}

/** Returns true when a file can be recognised. A line that somebody types is not kept waiting for more. */
function isRecognisable(head: Buffer): boolean {
  return head.length >= HEAD_BYTES || head.includes('\n');
}

function refuseStrange(bytes: Buffer, name: string): void {
  const head = bytes.subarray(0, HEAD_BYTES);
  const known = MAGIC.find(([bytes]) => startsWith(head, bytes));
  if (known) throw malformed(name, known[1]);
  const zeros = [0, 1].map(odd => head.filter((byte, i) => byte === 0 && i % 2 === odd).length);
  const [even = 0, odd = 0] = zeros;
  if (even + odd === 0) return;
  const isUtf16 = head.length >= 4 && Math.max(even, odd) >= head.length / 4 && Math.min(even, odd) === 0;
  throw malformed(
    name,
    isUtf16
      ? `is UTF-16 without a mark; convert it: iconv -f UTF-16${odd > 0 ? 'LE' : 'BE'} -t UTF-8`
      : 'holds zero bytes, so it is no text in UTF-8; convert it, or give the right file',
  );
}

function startsWith(head: Buffer, bytes: readonly number[]): boolean {
  return bytes.every((byte, i) => head[i] === byte);
}

function malformed(name: string, what: string, cause?: unknown): SiftlineError {
  return SiftlineError.usage('INPUT_MALFORMED', `${name}: ${what}`, cause);
}
