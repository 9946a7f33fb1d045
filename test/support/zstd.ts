/**
 * Writes zstd by hand, since Node 20 cannot write it. Raw and run-length blocks are enough for that. RFC 8878, 3.1.1.
 */
const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
const BLOCK_BYTES = 128 * 1024;
const RAW = 0;
const RLE = 1;
/** Shorter runs are written as raw blocks. */
const SHORTEST_RUN = 1024;

/** Returns a frame of run-length blocks with these sizes. Its window is a power of two. */
export function zstdRuns(windowLog: number, sizes: readonly number[]): Buffer {
  const blocks = sizes.map((size, i) => Buffer.concat([head(RLE, size, i === sizes.length - 1), Buffer.from([65])]));
  return Buffer.concat([header(windowLog), ...blocks]);
}

/** Returns the data as one frame, in which long runs of one byte take four bytes for each 128 KiB. */
export function zstdOf(data: Buffer): Buffer {
  const parts = [header(17)];
  for (let at = 0; at < data.length; ) {
    const run = runAt(data, at);
    const bytes = run >= SHORTEST_RUN ? run : rawAt(data, at);
    const isLast = at + bytes === data.length;
    if (run >= SHORTEST_RUN) parts.push(head(RLE, bytes, isLast), data.subarray(at, at + 1));
    else parts.push(head(RAW, bytes, isLast), data.subarray(at, at + bytes));
    at += bytes;
  }
  return Buffer.concat(parts);
}

function header(windowLog: number): Buffer {
  return Buffer.from([...MAGIC, 0, (windowLog - 10) << 3]);
}

function head(type: number, bytes: number, isLast: boolean): Buffer {
  const block = Buffer.alloc(3);
  block.writeUIntLE((isLast ? 1 : 0) | (type << 1) | (bytes << 3), 0, 3);
  return block;
}

function runAt(data: Buffer, at: number): number {
  let end = at + 1;
  while (end < data.length && end - at < BLOCK_BYTES && data[end] === data[at]) end += 1;
  return end - at;
}

/** Returns the raw data up to the next long run. */
function rawAt(data: Buffer, at: number): number {
  let bytes = 0;
  while (at + bytes < data.length && bytes < BLOCK_BYTES) {
    const run = runAt(data, at + bytes);
    if (run >= SHORTEST_RUN) break;
    bytes = Math.min(bytes + run, BLOCK_BYTES);
  }
  return bytes;
}
