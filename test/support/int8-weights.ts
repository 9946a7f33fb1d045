import { readFileSync } from 'node:fs';

/** An int8 weight of a matrix product, [rows, columns], row by row. */
export interface Int8Weight {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly values: Int8Array;
}

/** A field of a protobuf message: its number, and its bytes or its value. */
type Field = readonly [number: number, content: Buffer | number];

const PRODUCTS = ['MatMulInteger', 'MatMulIntegerToFloat', 'DynamicQuantizeMatMul'];
const INT8 = 3;

/** The int8 weights that an ONNX file multiplies by; tables that are only looked up in are not among them. */
export function int8Weights(file: string): Int8Weight[] {
  const graph = fieldsOf(readFileSync(file)).find(([number]) => number === 7)?.[1];
  if (!Buffer.isBuffer(graph)) throw new Error(`${file}: has no graph`);
  const parts = fieldsOf(graph);
  const multiplied = new Set(messages(parts, 1).filter(isProduct).map(second));
  return messages(parts, 5).flatMap(tensor => {
    const [dims, type] = [numbers(tensor, 1), numbers(tensor, 2)[0]];
    const name = strings(tensor, 8)[0] ?? '';
    const [raw] = buffers(tensor, 9);
    if (type !== INT8 || !multiplied.has(name) || !raw) return [];
    const [rows = 0, columns = 0] = dims.slice(-2);
    return [{ name, rows, columns, values: new Int8Array(raw) }];
  });
}

/** The largest |sum| of two neighbours in a column, rows 0 and 1, 2 and 3, and so on, that have the same sign. */
export function largestPair({ rows, columns, values }: Int8Weight): number {
  let largest = 0;
  for (let row = 0; row + 1 < rows; row += 2) {
    for (let column = 0; column < columns; column++) {
      const [a = 0, b = 0] = [values[row * columns + column], values[(row + 1) * columns + column]];
      if (a * b > 0) largest = Math.max(largest, Math.abs(a + b));
    }
  }
  return largest;
}

function isProduct(node: readonly Field[]): boolean {
  return PRODUCTS.includes(strings(node, 4)[0] ?? '');
}

/** Name of the second input. */
function second(node: readonly Field[]): string {
  return strings(node, 1)[1] ?? '';
}

function buffers(fields: readonly Field[], wanted: number): Buffer[] {
  return fields.flatMap(([number, content]) => (number === wanted && Buffer.isBuffer(content) ? [content] : []));
}

function messages(fields: readonly Field[], wanted: number): Array<readonly Field[]> {
  return buffers(fields, wanted).map(fieldsOf);
}

function strings(fields: readonly Field[], wanted: number): string[] {
  return buffers(fields, wanted).map(bytes => bytes.toString('utf8'));
}

/** Integers that stand alone or packed. */
function numbers(fields: readonly Field[], wanted: number): number[] {
  return fields.flatMap(([number, content]) => {
    if (number !== wanted) return [];
    return Buffer.isBuffer(content) ? packed(content) : [content];
  });
}

function packed(bytes: Buffer): number[] {
  const values: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [value, next] = varint(bytes, at);
    values.push(value);
    at = next;
  }
  return values;
}

function fieldsOf(bytes: Buffer): Field[] {
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [tag, start] = varint(bytes, at);
    const [number, wire] = [Math.floor(tag / 8), tag % 8];
    if (wire === 0) {
      const [value, next] = varint(bytes, start);
      fields.push([number, value]);
      at = next;
    } else {
      const [length, from] = wire === 2 ? varint(bytes, start) : [wire === 5 ? 4 : 8, start];
      fields.push([number, bytes.subarray(from, from + length)]);
      at = from + length;
    }
  }
  return fields;
}

function varint(bytes: Buffer, at: number): readonly [value: number, next: number] {
  let [value, factor] = [0, 1];
  for (let i = at; ; i++) {
    const byte = bytes[i] ?? 0;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return [value, i + 1];
    factor *= 128;
  }
}
