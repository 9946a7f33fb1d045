/**
 * Checks an Avro body against its schema before avsc decodes it.
 *
 * The grammar of a body, by the type of its schema (Avro specification, "Binary Encoding"):
 *
 *     null     = nothing
 *     boolean  = 00 | 01
 *     int      = varint of at most 32 bits
 *     long     = varint of at most 64 bits
 *     float    = 4 bytes
 *     double   = 8 bytes
 *     bytes    = long, that many bytes
 *     string   = long, that many bytes of UTF-8
 *     fixed    = as many bytes as the schema says
 *     enum     = int: the index of the symbol
 *     union    = long: the index of the branch, then a value of the branch
 *     record   = its fields, in the order of the schema
 *     array    = {block} 00
 *     map      = {block} 00
 *     block    = long: the count of items, then the items
 *              | long: minus the count, long: the bytes of the items, then the items
 *     item     = a value (array) | a string and a value (map)
 *     varint   = zigzag, seven bits a byte, the lowest first; the high bit of every byte but the last is set
 */

import { isUtf8 } from 'node:buffer';
import type { RejectReason } from '../ports.js';
import { type Shape, shapeOf } from './shape.js';
import type { AvroType } from './type.js';

/** The reason why an Avro body is rejected. The detail names the place and the kind of the fault, never the bytes. */
interface BodyProblem {
  readonly reason: Extract<RejectReason, 'AVRO_MALFORMED' | 'AVRO_LIMIT' | 'VALUE_NOT_UTF8'>;
  readonly detail: string;
}

const MAX_VARINT_BYTES = 10;

/**
 * A place in an Avro body that only moves forward and never past the end. Each step returns whether it was taken. The
 * first step that was not taken leaves its `problem`, and the scan is over.
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
   * have the wrong sign. Either way it is far outside every bound that it is compared with.
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

  /** Steps over a length and the bytes that it counts. Returns the place where the bytes start, or undefined. */
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

/** Limits the contents of a body, whatever its bytes say. */
export interface BodyLimits {
  /** Records, arrays and maps nested in one another. */
  readonly depth: number;
  /**
   * Values of every kind in one body: items, map entries, fields. This limit also bounds values that take no bytes,
   * such as nulls.
   */
  readonly values: number;
}

export const BODY_LIMITS: BodyLimits = { depth: 64, values: 100_000 };

/** Returns undefined when the body may be decoded. */
export type BodyScan = (body: Buffer) => BodyProblem | undefined;

type Kind<K extends Shape['kind']> = Extract<Shape, { kind: K }>;

/**
 * Makes the check that runs before avsc. avsc believes the count that an array or map claims: nine bytes that claim two
 * thousand million items end the process, in a worker with resource limits too (reliability.md, finding 1), and no
 * `catch` helps. The scan walks the bytes by the schema and builds nothing. A body that it lets through decodes without
 * a throw, to no more values than the limit, each paid for by its bytes. Throws when the type is not one of Avro's.
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

  /** Steps over the blocks of an array or a map (see the grammar above). */
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

  /**
   * Steps over the items of one block. The count is compared with the bytes that are left before an item is walked;
   * items that take no bytes end at the limit of values.
   */
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
