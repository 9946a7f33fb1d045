import { isUtf8 } from 'node:buffer';
import type { RejectReason } from '../ports.js';

/** Why an Avro body was turned away. The detail says where and what kind, never what the bytes were. */
export interface BodyProblem {
  readonly reason: Extract<RejectReason, 'AVRO_MALFORMED' | 'AVRO_LIMIT' | 'VALUE_NOT_UTF8'>;
  readonly detail: string;
}

const MAX_VARINT_BYTES = 10;

/**
 * A place in an Avro body that only moves forward and never past the end. Each step answers whether it could be taken;
 * the first that could not leaves its `problem`, and the scan is over.
 */
export class Cursor {
  readonly bytes: Buffer;
  pos = 0;
  problem: BodyProblem | undefined;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get left(): number {
    return this.bytes.length - this.pos;
  }

  malformed(what: string): false {
    return this.refuse('AVRO_MALFORMED', what);
  }

  refuse(reason: BodyProblem['reason'], what: string): false {
    this.problem ??= { reason, detail: `at byte ${this.pos} of the Avro body: ${what}` };
    return false;
  }

  skip(bytes: number, what: string): boolean {
    if (bytes > this.left) return this.malformed(`${what} runs past the end`);
    this.pos += bytes;
    return true;
  }

  /**
   * Reads a zigzag varint of at most 64 bits; undefined when there is none. Beyond 2^53 the number is rounded and may
   * have the wrong sign: far outside every bound it is held against either way.
   */
  varint(): number | undefined {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < MAX_VARINT_BYTES; i += 1) {
      const byte = this.bytes[this.pos + i];
      if (byte === undefined) return this.#noVarint('a number runs past the end');
      if (i === MAX_VARINT_BYTES - 1 && byte > 1) break;
      value += (byte & 0x7f) * factor;
      factor *= 128;
      if (byte < 0x80) {
        this.pos += i + 1;
        return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      }
    }
    return this.#noVarint('a number is longer than 64 bits');
  }

  /** Steps over a length and the bytes it counts; answers where they start, or undefined. */
  counted(what: string): number | undefined {
    const length = this.varint();
    if (length === undefined) return undefined;
    if (length < 0) return this.#noVarint(`${what} has a negative length`);
    return this.skip(length, what) ? this.pos - length : undefined;
  }

  text(what: string): boolean {
    const start = this.counted(what);
    if (start === undefined) return false;
    return isUtf8(this.bytes.subarray(start, this.pos)) || this.refuse('VALUE_NOT_UTF8', `${what} is not UTF-8`);
  }

  #noVarint(what: string): undefined {
    this.malformed(what);
    return undefined;
  }
}
