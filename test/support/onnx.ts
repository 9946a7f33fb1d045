/** Reads and changes ONNX files as protocol buffers, without a library, as far as the tests need it. */

/** A field of a message: its number, its wire type, and its bytes (of a varint too). */
interface Field {
  readonly number: number;
  readonly wire: number;
  readonly bytes: Buffer;
}

/** Field numbers of onnx.proto. */
const MODEL = { graph: 7 } as const;
const GRAPH = { node: 1, initializer: 5 } as const;
const NODE = { input: 1, output: 2, opType: 4 } as const;
const TENSOR = { dims: 1, dataType: 2, name: 8, rawData: 9, externalData: 13, dataLocation: 14 } as const;
/** A pair of strings. */
const PAIR = { key: 1, value: 2 } as const;
const TYPE = { uint8: 2, int8: 3 } as const;

/**
 * The operators for products of whole numbers, with the place of the weight and of the weight's zero point among the
 * inputs.
 */
const PRODUCTS: Readonly<Record<string, { readonly weight: number; readonly zero: number }>> = {
  MatMulInteger: { weight: 1, zero: 3 },
  MatMulIntegerToFloat: { weight: 1, zero: 5 },
};

/** An int8 weight of a matrix product, [rows, columns], row-major. */
export interface Int8Weight {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly values: Int8Array;
}

/** Returns the operators of the graph, in order. */
export function operatorsOf(file: Uint8Array): string[] {
  return fieldsOf(graphOf(file), GRAPH.node).map(node => textOf(node.bytes, NODE.opType));
}

/** Returns the int8 weights of the graph's matrix products. */
export function int8WeightsOf(file: Uint8Array): Int8Weight[] {
  const graph = graphOf(file);
  const names = new Set(productsIn(graph).map(({ inputs, at }) => inputs[at.weight] ?? ''));
  return fieldsOf(graph, GRAPH.initializer).flatMap(({ bytes }) => {
    const name = textOf(bytes, TENSOR.name);
    if (!names.has(name) || varintOf(bytes, TENSOR.dataType) !== TYPE.int8) return [];
    const [rows = 0, columns = 0] = dimsOf(bytes);
    const raw = fieldsOf(bytes, TENSOR.rawData)[0]?.bytes ?? Buffer.alloc(0);
    return [{ name, rows, columns, values: new Int8Array(raw) }];
  });
}

/**
 * Returns the largest |sum| of two weights of the same sign that the kernel pairs: rows 0 and 1 of a column, 2 and 3,
 * and so on.
 */
export function largestPair({ rows, columns, values }: Omit<Int8Weight, 'name'>): number {
  let largest = 0;
  for (let row = 0; row + 1 < rows; row += 2) {
    for (let column = 0; column < columns; column++) {
      const [a = 0, b = 0] = [values[row * columns + column], values[(row + 1) * columns + column]];
      if (a * b > 0) largest = Math.max(largest, Math.abs(a + b));
    }
  }
  return largest;
}

/**
 * Returns the same function in exact arithmetic: every int8 weight w of a product becomes the uint8 w + 128 with the
 * zero point 128, for which the engine has exact kernels on every CPU.
 */
export function withUnsignedWeights(file: Uint8Array): Buffer {
  const graph = graphOf(file);
  const weights = new Set(int8WeightsOf(file).map(({ name }) => name));
  const zero = message([
    varint(TENSOR.dataType, TYPE.uint8),
    text(TENSOR.name, 'zero_128'),
    bytesField(TENSOR.rawData, Buffer.of(128)),
  ]);
  const changed = parse(graph).map(field => {
    if (field.number === GRAPH.node) return { ...field, bytes: withZero(field.bytes, weights) };
    if (field.number === GRAPH.initializer && weights.has(textOf(field.bytes, TENSOR.name)))
      return { ...field, bytes: unsigned(field.bytes) };
    return field;
  });
  const bytes = message([...changed, bytesField(GRAPH.initializer, zero)]);
  return message(parse(Buffer.from(file)).map(field => (field.number === MODEL.graph ? { ...field, bytes } : field)));
}

/**
 * The same graph with its larger weights in a file beside it, which it calls `location`, as exporters write graphs of
 * more than 2 GB.
 */
export function withExternalWeights(file: Uint8Array, location: string): { graph: Buffer; weights: Buffer } {
  const parts: Buffer[] = [];
  const moved = (tensor: Buffer): Buffer => {
    const raw = fieldsOf(tensor, TENSOR.rawData)[0]?.bytes;
    if (!raw || raw.length < 1_024) return tensor;
    const offset = parts.reduce((sum, { length }) => sum + length, 0);
    parts.push(raw);
    const pairs = Object.entries({ location, offset: String(offset), length: String(raw.length) });
    return message([
      ...parse(tensor).filter(({ number }) => number !== TENSOR.rawData),
      ...pairs.map(([key, value]) =>
        bytesField(TENSOR.externalData, message([text(PAIR.key, key), text(PAIR.value, value)])),
      ),
      varint(TENSOR.dataLocation, 1),
    ]);
  };
  const bytes = message(
    parse(graphOf(file)).map(field =>
      field.number === GRAPH.initializer ? { ...field, bytes: moved(field.bytes) } : field,
    ),
  );
  const graph = parse(Buffer.from(file)).map(field => (field.number === MODEL.graph ? { ...field, bytes } : field));
  return { graph: message(graph), weights: Buffer.concat(parts) };
}

function withZero(node: Buffer, weights: ReadonlySet<string>): Buffer {
  const at = PRODUCTS[textOf(node, NODE.opType)];
  const fields = parse(node);
  const inputs = fields.filter(({ number }) => number === NODE.input).map(({ bytes }) => bytes.toString());
  if (!at || !weights.has(inputs[at.weight] ?? '')) return node;
  while (inputs.length <= at.zero) inputs.push('');
  inputs[at.zero] = 'zero_128';
  return message([
    ...inputs.map(name => text(NODE.input, name)),
    ...fields.filter(({ number }) => number !== NODE.input),
  ]);
}

function unsigned(tensor: Buffer): Buffer {
  return message(
    parse(tensor).map(field => {
      if (field.number === TENSOR.dataType) return varint(TENSOR.dataType, TYPE.uint8);
      if (field.number !== TENSOR.rawData) return field;
      return { ...field, bytes: Buffer.from(field.bytes.map(byte => byte ^ 0x80)) };
    }),
  );
}

function productsIn(graph: Buffer) {
  return fieldsOf(graph, GRAPH.node).flatMap(({ bytes }) => {
    const at = PRODUCTS[textOf(bytes, NODE.opType)];
    return at ? [{ at, inputs: fieldsOf(bytes, NODE.input).map(input => input.bytes.toString()) }] : [];
  });
}

function graphOf(file: Uint8Array): Buffer {
  return fieldsOf(Buffer.from(file), MODEL.graph)[0]?.bytes ?? Buffer.alloc(0);
}

function fieldsOf(bytes: Buffer, number: number): Field[] {
  return parse(bytes).filter(field => field.number === number);
}

function textOf(bytes: Buffer, number: number): string {
  return fieldsOf(bytes, number)[0]?.bytes.toString() ?? '';
}

function varintOf(bytes: Buffer, number: number): number | undefined {
  const field = fieldsOf(bytes, number)[0];
  return field && readVarint(field.bytes, 0).value;
}

/** Reads the dimensions, which are packed in one field or have one field each. */
function dimsOf(tensor: Buffer): number[] {
  return fieldsOf(tensor, TENSOR.dims).flatMap(({ bytes }) => {
    const dims: number[] = [];
    for (let at = 0; at < bytes.length; ) {
      const { value, next } = readVarint(bytes, at);
      dims.push(value);
      at = next;
    }
    return dims;
  });
}

function parse(bytes: Buffer): Field[] {
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at);
    const [number, wire] = [Math.floor(tag.value / 8), tag.value % 8];
    const start = tag.next;
    const [from, to] = extent(bytes, { wire, start });
    fields.push({ number, wire, bytes: bytes.subarray(from, to) });
    at = to;
  }
  return fields;
}

function extent(bytes: Buffer, { wire, start }: { wire: number; start: number }): [from: number, to: number] {
  if (wire === 0) return [start, readVarint(bytes, start).next];
  if (wire === 1) return [start, start + 8];
  if (wire === 5) return [start, start + 4];
  const length = readVarint(bytes, start);
  return [length.next, length.next + length.value];
}

function readVarint(bytes: Buffer, start: number): { value: number; next: number } {
  let [value, factor, at] = [0, 1, start];
  for (;;) {
    const byte = bytes[at++] ?? 0;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return { value, next: at };
    factor *= 128;
  }
}

function message(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(({ number, wire, bytes }) => [
      encoded(number * 8 + wire),
      ...(wire === 2 ? [encoded(bytes.length)] : []),
      bytes,
    ]),
  );
}

function varint(number: number, value: number): Field {
  return { number, wire: 0, bytes: encoded(value) };
}

function text(number: number, value: string): Field {
  return bytesField(number, Buffer.from(value));
}

function bytesField(number: number, bytes: Buffer): Field {
  return { number, wire: 2, bytes };
}

function encoded(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}
