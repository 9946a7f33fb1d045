import { closeSync, openSync, readSync } from 'node:fs';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { SiftlineError } from '../errors.js';

/** Names a message of onnx.proto that a tensor may be in. */
type Message = 'model' | 'graph' | 'function' | 'node' | 'attribute' | 'sparse' | 'tensor';

/** The fields of each message that lead to tensors, by number. */
const INSIDE: Readonly<Record<Message, Readonly<Record<number, Message>>>> = {
  model: { 7: 'graph', 25: 'function' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  function: { 7: 'node' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: {},
};
/** Fields of a tensor. */
const EXTERNAL_DATA = 13;
const DATA_LOCATION = 14;
const EXTERNAL = 1;

/** Holds a field of a protocol buffer: its number, the place of its bytes, and its value when that is a varint. */
interface WireField {
  readonly number: number;
  readonly from: number;
  readonly to: number;
  readonly value: number;
}

/** Returns bytes of a graph; fewer at its end. */
type ReadAt = (from: number, length: number) => Uint8Array;

/**
 * Returns the files in which a graph keeps weights, by the names that the graph gives them (`location`, relative to its
 * folder), sorted. Weights inside the graph are stepped over, so a large graph costs some small reads. A graph that is
 * damaged has none; the engine says what is wrong with it. Throws MODEL_UNREADABLE for a file outside the folder.
 */
export function externalWeights(onnxFile: string): string[] {
  const fd = openSync(onnxFile, 'r');
  try {
    return checked(onnxFile, locationsIn(throughWindow(fd)));
  } finally {
    closeSync(fd);
  }
}

/** Returns the path of a file of weights. */
export function weightsFile(onnxFile: string, location: string): string {
  return join(dirname(onnxFile), location);
}

function checked(onnxFile: string, locations: string[]): string[] {
  const outside = locations.find(location => isAbsolute(location) || normalize(location).startsWith('..'));
  if (outside === undefined) return locations;
  throw SiftlineError.model(
    'MODEL_UNREADABLE',
    `${onnxFile}: its weights are in ${JSON.stringify(outside)}, outside of its folder; put them beside the graph`,
  );
}

function locationsIn(read: ReadAt): string[] {
  const found = new Set<string>();
  try {
    collect(read, { message: 'model', from: 0, to: Number.POSITIVE_INFINITY }, found);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return [...found].sort();
}

function collect(read: ReadAt, part: { message: Message; from: number; to: number }, found: Set<string>): void {
  let location: string | undefined;
  let external = false;
  for (const field of fieldsIn(read, part.from, part.to)) {
    const message = INSIDE[part.message][field.number];
    if (message) collect(read, { message, from: field.from, to: field.to }, found);
    if (part.message !== 'tensor') continue;
    if (field.number === EXTERNAL_DATA) location = textUnder(read, field, 'location') ?? location;
    if (field.number === DATA_LOCATION) external = field.value === EXTERNAL;
  }
  if (external && location !== undefined) found.add(location);
}

/** Returns the value of a pair (1: key, 2: value) when it has this key. */
function textUnder(read: ReadAt, { from, to }: WireField, key: string): string | undefined {
  const [name, value] = [1, 2].map(wanted => {
    const field = [...fieldsIn(read, from, to)].find(({ number }) => number === wanted);
    return field && Buffer.from(read(field.from, field.to - field.from)).toString('utf8');
  });
  return name === key ? value : undefined;
}

/** Lists the fields between two places; up to the end of the file when `to` is infinite. Throws a RangeError. */
function* fieldsIn(read: ReadAt, from: number, to: number): Generator<WireField> {
  for (let at = from; at < to && read(at, 1).length > 0; ) {
    const [tag, start] = varintAt(read, at);
    const [number, wire] = [Math.floor(tag / 8), tag % 8];
    if (number === 0) throw new RangeError('no protocol buffer');
    const [value, end] = extentOf(read, wire, start);
    yield { number, from: wire === 2 ? end - value : start, to: end, value };
    at = end;
  }
}

/** Returns the value of a varint, or the length of other fields, and the place behind the field. */
function extentOf(read: ReadAt, wire: number, start: number): [value: number, end: number] {
  if (wire === 0) return varintAt(read, start);
  if (wire === 1) return [8, start + 8];
  if (wire === 5) return [4, start + 4];
  if (wire !== 2) throw new RangeError('no protocol buffer');
  const [length, body] = varintAt(read, start);
  return [length, body + length];
}

function varintAt(read: ReadAt, at: number): [value: number, end: number] {
  let value = 0;
  for (const [i, byte] of read(at, 10).entries()) {
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return [value, at + i + 1];
  }
  throw new RangeError('no protocol buffer');
}

const WINDOW_BYTES = 64 * 1024;

/** Reads a file through a window that moves with the reader. */
function throughWindow(fd: number): ReadAt {
  const window = Buffer.alloc(WINDOW_BYTES);
  let [start, filled] = [0, 0];
  return (from, length) => {
    if (from < start || from + length > start + filled) {
      start = from;
      filled = readSync(fd, window, 0, WINDOW_BYTES, from);
    }
    return window.subarray(from - start, Math.min(filled, from - start + length));
  };
}
