import { isUtf8 } from 'node:buffer';
import type { RejectReason } from '../ports.js';
import { type Shape, shapeOf } from './shape.js';
import type { AvroType } from './type.js';

/** Why an Avro body was turned away. The detail says where and what kind, never what the bytes were. */
interface BodyProblem {
  readonly reason: Extract<RejectReason, 'AVRO_MALFORMED' | 'AVRO_LIMIT' | 'VALUE_NOT_UTF8'>;
  readonly detail: string;
}

const MAX_VARINT_BYTES = 10;

/**
 * A place in an Avro body that only moves forward and never past the end. Each step answers whether it could be taken;
 * the first that could not leaves its `problem`, and the scan is over.
 */
class Cursor {
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

/** How much a body may hold, whatever its bytes say. */
export interface BodyLimits {
  /** Records, arrays and maps inside one another. */
  readonly depth: number;
  /** Values of every kind in one body: items, map entries, fields. Bounds what takes no bytes, as nulls do. */
  readonly values: number;
}

export const BODY_LIMITS: BodyLimits = { depth: 64, values: 100_000 };

/** Undefined when the body may be decoded. */
export type BodyScan = (body: Buffer) => BodyProblem | undefined;

type Kind<K extends Shape['kind']> = Extract<Shape, { kind: K }>;

/**
 * Makes the check that stands before avsc. avsc believes the count an array or map claims: nine bytes that claim two
 * thousand million items end the process, in a worker with resource limits too (reliability.md, finding 1), and no
 * `catch` helps. The scan walks the bytes by the schema and builds nothing: a body it lets through decodes without a
 * throw, to no more values than the limit, each paid for by its bytes. Throws when the type is none of Avro's.
 */
export function createBodyScan(type: AvroType, limits: BodyLimits = BODY_LIMITS): BodyScan {
  const shape = shapeOf(type);
  return body => {
    const scan = new Scan(body, limits);
    if (scan.value(shape) && scan.at.left > 0) scan.at.malformed('bytes are left over');
    return scan.at.problem;
  };
}

class Scan {
  readonly at: Cursor;
  readonly #limits: BodyLimits;
  #values = 0;
  #depth = 0;

  constructor(body: Buffer, limits: BodyLimits) {
    this.at = new Cursor(body);
    this.#limits = limits;
  }

  value(shape: Shape): boolean {
    this.#values += 1;
    if (this.#values > this.#limits.values)
      return this.at.refuse('AVRO_LIMIT', `more than ${this.#limits.values} values`);
    switch (shape.kind) {
      case 'null':
        return true;
      case 'boolean':
        return this.#boolean();
      case 'int':
        return this.#int();
      case 'long':
        return this.at.varint() !== undefined;
      case 'string':
        return this.at.text('a string');
      case 'bytes':
        return this.at.counted('bytes') !== undefined;
      case 'fixed':
        return this.at.skip(shape.size, 'a value of fixed size');
      case 'enum':
        return this.#index(shape.symbols, 'an enum') !== undefined;
      case 'union':
        return this.#union(shape);
      default:
        return this.#nested(shape);
    }
  }

  #nested(shape: Kind<'record' | 'array' | 'map'>): boolean {
    if (this.#depth === this.#limits.depth) return this.at.refuse('AVRO_LIMIT', `deeper than ${this.#depth} levels`);
    this.#depth += 1;
    const fits = shape.kind === 'record' ? shape.fields.every(field => this.value(field)) : this.#blocks(shape);
    this.#depth -= 1;
    return fits;
  }

  /** Arrays and maps come in blocks; a count of 0 ends them, a negative one is followed by the block's size in bytes. */
  #blocks(shape: Kind<'array' | 'map'>): boolean {
    for (;;) {
      const count = this.at.varint();
      if (count === undefined) return false;
      if (count === 0) return true;
      if (!(count > 0 ? this.#items(shape, count) : this.#sizedItems(shape, -count))) return false;
    }
  }

  #sizedItems(shape: Kind<'array' | 'map'>, count: number): boolean {
    const size = this.at.varint();
    if (size === undefined) return false;
    const end = this.at.pos + size;
    if (!this.#items(shape, count)) return false;
    return this.at.pos === end || this.at.malformed('a block has another size than it says');
  }

  /** The count is held against the bytes left before anything is walked; items of no bytes end at the limit of values. */
  #items(shape: Kind<'array' | 'map'>, count: number): boolean {
    const item = shape.kind === 'array' ? shape.items : shape.values;
    const least = item.least + (shape.kind === 'map' ? 1 : 0);
    if (count * least > this.at.left) return this.at.malformed('a block claims more items than there are bytes');
    for (let i = 0; i < count; i += 1) {
      if (shape.kind === 'map' && !this.at.text('a key')) return false;
      if (!this.value(item)) return false;
    }
    return true;
  }

  #union(shape: Kind<'union'>): boolean {
    const branch = this.#index(shape.branches.length, 'a union');
    const chosen = branch === undefined ? undefined : shape.branches[branch];
    return chosen !== undefined && this.value(chosen);
  }

  #index(length: number, what: string): number | undefined {
    const index = this.at.varint();
    if (index === undefined || (index >= 0 && index < length)) return index;
    this.at.malformed(`${what} has no such index`);
    return undefined;
  }

  #boolean(): boolean {
    const byte = this.at.bytes[this.at.pos];
    if (byte !== undefined && byte > 1) return this.at.malformed('a boolean is neither 0 nor 1');
    return this.at.skip(1, 'a boolean');
  }

  #int(): boolean {
    const value = this.at.varint();
    if (value === undefined) return false;
    return value === (value | 0) || this.at.malformed('an int is longer than 32 bits');
  }
}
