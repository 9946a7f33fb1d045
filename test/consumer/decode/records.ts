import assert from 'node:assert/strict';
import type { SchemaAnswer } from '../../../src/avro/registry.js';
import { createDecoder, type DecodeOptions } from '../../../src/consumer/decode/decode.js';
import type { Decoded, Rejection, SourceRecord } from '../../../src/ports.js';

export function record(value: Buffer | null): SourceRecord {
  return { topic: 'in', partition: 0, offset: 0n, timestamp: 0n, key: null, value, headers: [] };
}

/** A list of schemas in place of a registry; counts what it is asked. */
export class SchemaList {
  readonly asked: number[] = [];
  readonly answers: Map<number, SchemaAnswer | Error>;

  constructor(answers: Record<number, SchemaAnswer | Error>) {
    this.answers = new Map(Object.entries(answers).map(([id, answer]) => [Number(id), answer]));
  }

  async schemaById(id: number): Promise<SchemaAnswer> {
    this.asked.push(id);
    const answer = this.answers.get(id) ?? { kind: 'unknown' };
    if (answer instanceof Error) throw answer;
    return answer;
  }
}

export function options(changed: Partial<DecodeOptions> = {}): DecodeOptions {
  return { format: 'json', textFields: ['text'], join: '\n', idField: 'id', maxValueBytes: 2_000_000, ...changed };
}

/** Prepares and decodes one value. */
export async function decode(value: Buffer | string | null, changed: Partial<DecodeOptions> = {}): Promise<Decoded> {
  const decoder = createDecoder(options(changed));
  const one = record(typeof value === 'string' ? Buffer.from(value) : value);
  await decoder.prepare([one]);
  return decoder.decode(one);
}

export async function rejection(value: Buffer | string, changed: Partial<DecodeOptions> = {}): Promise<Rejection> {
  const decoded = await decode(value, changed);
  assert.ok(decoded.kind === 'rejected', JSON.stringify(decoded));
  return decoded;
}

/** An outcome in one word: the text's length, the reason of a rejection or of a skip. */
export function outcome(decoded: Decoded): string {
  return decoded.kind === 'text' ? 'text' : decoded.reason;
}
