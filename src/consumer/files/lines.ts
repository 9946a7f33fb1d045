import { SiftlineError } from '../../errors.js';

/** A value found in a file, and the line in which it starts, from 0. */
export interface FileValue {
  readonly line: number;
  readonly value: Buffer;
}

const [LF, CR, SPACE, TAB] = [0x0a, 0x0d, 0x20, 0x09];

/**
 * Reads the lines of a file without their ends (LF or CRLF). Blank lines are left out and counted. A line longer than
 * `maxBytes` is cut to a head that is a little longer than `maxBytes`: its rest is never held.
 */
export async function* readLines(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<FileValue> {
  const line = new OpenLine(maxBytes);
  let number = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, from)) {
      const value = line.end(chunk.subarray(from, end));
      if (!isBlank(value)) yield { line: number, value };
      number += 1;
      from = end + 1;
    }
    line.add(chunk.subarray(from));
  }
  const value = line.end(Buffer.alloc(0));
  if (!isBlank(value)) yield { line: number, value };
}

/**
 * Reads lines as `readLines` does. Throws INPUT_MALFORMED for a file that is one JSON array, which would otherwise be
 * rejected line by line.
 */
export async function* readJsonLines(
  chunks: AsyncIterable<Buffer>,
  { name, maxBytes }: { readonly name: string; readonly maxBytes: number },
): AsyncGenerator<FileValue> {
  let isFirst = true;
  for await (const found of readLines(chunks, maxBytes)) {
    if (isFirst && /^(?:\xef\xbb\xbf)?\s*\[\s*(\{|$)/.test(found.value.toString('latin1'))) throw oneArray(name);
    isFirst = false;
    yield found;
  }
}

function oneArray(name: string): SiftlineError {
  return SiftlineError.usage(
    'INPUT_MALFORMED',
    `${name}: is one JSON array; write one value a line, as jq -c '.[]' does`,
  );
}

/** Gathers the line whose end has not been read yet. */
class OpenLine {
  /** Two bytes more than the limit: one shows that the line is too long, the other may be the CR of its end. */
  readonly #most: number;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#most = maxBytes + 2;
  }

  add(part: Buffer): void {
    const kept = part.subarray(0, this.#most - this.#bytes);
    if (kept.length === 0) return;
    this.#parts.push(kept);
    this.#bytes += kept.length;
  }

  end(part: Buffer): Buffer {
    this.add(part);
    const whole = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    return whole.at(-1) === CR ? whole.subarray(0, -1) : whole;
  }
}

function isBlank(line: Buffer): boolean {
  return line.every(byte => byte === SPACE || byte === TAB || byte === CR);
}
