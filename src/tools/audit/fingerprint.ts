import { crc32 } from 'node:zlib';
import type { Headers } from '../../ports.js';

/*
 * Fingerprints for comparing what cannot all be kept: CRC-32, so that of four thousand million differing pairs one would
 * be taken for equal. They find mistakes, not forgeries.
 */

export interface Carried {
  readonly key: Buffer | null;
  readonly headers: Headers;
  /** Left out where the output topic stamps its own. */
  readonly timestamp: bigint | undefined;
}

/** Of what an outcome takes over from its input. */
export function carriedFingerprint({ key, headers, timestamp }: Carried): number {
  let sum = chained(0, key);
  if (timestamp !== undefined) sum = crc32(String(timestamp), sum);
  for (const [name, value] of headers) sum = chained(chained(sum, Buffer.from(name)), value);
  return sum;
}

export function valueFingerprint(value: Buffer | null): number {
  return chained(0, value);
}

/** Of a plain value; numbers and nesting count, the order of an object's keys does not. */
export function answerFingerprint(answer: unknown): number {
  return crc32(JSON.stringify(answer, (_, value: unknown) => (isPlain(value) ? sorted(value) : value)));
}

/** Length first, so that parts cannot run into one another; null differs from empty. */
function chained(sum: number, part: Buffer | null): number {
  const length = crc32(part === null ? 'null;' : `${part.length};`, sum);
  return part === null ? length : crc32(part, length);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sorted(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
