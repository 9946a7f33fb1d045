import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The tests run in the repository's root, where fixtures and shipped models are. */
const ROOT = process.cwd();

export function fixtureModel(name: string): string {
  return join(ROOT, 'test/fixtures/models', name);
}

export function shippedModel(name: string): string {
  return join(ROOT, 'models', name);
}

export interface ReferenceCase {
  readonly text: string;
  readonly ids: readonly number[];
  readonly truncated: boolean;
  readonly scores: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** Returns the scores of Python's onnxruntime with the Rust tokenizers, one text at a time (training/fixtures.py). */
export function reference(name: string): { readonly maxTokens: number; readonly cases: readonly ReferenceCase[] } {
  return JSON.parse(readFileSync(join(ROOT, 'test/fixtures/reference', `${name}.json`), 'utf8'));
}

/** A text by its windows: the ids of each window, and Python's scores for it alone. */
export interface LongCase {
  readonly text: string;
  readonly windows: ReadonlyArray<readonly number[]>;
  readonly scores: ReadonlyArray<ReferenceCase['scores']>;
}

/**
 * Returns texts of every length from two tokens below the model's limit to two above it, and one of two and a half
 * times the limit.
 */
export function longReference(name: string): {
  readonly maxTokens: number;
  readonly stride: number;
  readonly cases: readonly LongCase[];
} {
  return JSON.parse(readFileSync(join(ROOT, 'test/fixtures/reference', `${name}-long.json`), 'utf8'));
}
