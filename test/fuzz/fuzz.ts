import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';

export interface FuzzTarget<T> {
  /** Names the corpus file. */
  readonly name: string;
  /** Inputs that survive JSON: bytes are in base64. */
  readonly inputs: fc.Arbitrary<T>;
  /** Throws when something is wrong. */
  readonly check: (input: T) => void | Promise<void>;
  /** Runs of an ordinary test; `FUZZ_RUNS` overrules it. */
  readonly runs: number;
}

/** Far beyond what any input of these sizes may take on a busy machine; only a hang is longer. */
const LIMIT_MS = 20_000;

/**
 * First every input that ever failed (corpus/<name>.jsonl), then new ones. With `FUZZ_RUNS` set, an input that fails is
 * added to the corpus, cut down to what matters of it.
 */
export async function fuzz<T>({ name, inputs, check, runs }: FuzzTarget<T>): Promise<void> {
  const file = join(process.cwd(), 'test/fuzz/corpus', `${name}.jsonl`);
  for (const input of kept<T>(file)) await withinLimit(check, input);
  const given = process.env.FUZZ_RUNS;
  const property = fc.asyncProperty(inputs, input => withinLimit(check, input));
  const outcome = await fc.check(property, { numRuns: given ? Number(given) : runs });
  if (!outcome.failed) return;
  if (given && outcome.counterexample) appendFileSync(file, `${JSON.stringify(outcome.counterexample[0])}\n`);
  throw new Error(fc.defaultReportMessage(outcome), { cause: outcome.errorInstance });
}

async function withinLimit<T>(check: FuzzTarget<T>['check'], input: T): Promise<void> {
  const started = performance.now();
  await check(input);
  const took = performance.now() - started;
  if (took > LIMIT_MS) throw new Error(`it took ${Math.round(took)} ms`);
}

function kept<T>(file: string): T[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter(line => line !== '').map(line => JSON.parse(line) as T);
}

/** Bytes after some of them were changed, cut off, doubled or added to; small changes reach further in than noise does. */
export function damaged(bytes: Buffer, { changes, cut, tail }: Damage): Buffer {
  const kept = Buffer.from(bytes.subarray(0, cut === null ? bytes.length : cut % (bytes.length + 1)));
  for (const [at, byte] of changes) if (kept.length > 0) kept[at % kept.length] = byte;
  return Buffer.concat([kept, Buffer.from(tail)]);
}

export interface Damage {
  readonly changes: ReadonlyArray<readonly [at: number, byte: number]>;
  readonly cut: number | null;
  readonly tail: readonly number[];
}

const NONE: Damage = { changes: [], cut: null, tail: [] };
const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
const tail = fc.array(fc.nat(255), { minLength: 1, maxLength: 6 });

/** Often none, mostly of one kind. */
export const damage: fc.Arbitrary<Damage> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(NONE) },
  { weight: 3, arbitrary: changes.map(some => ({ ...NONE, changes: some })) },
  { weight: 1, arbitrary: fc.nat().map(cut => ({ ...NONE, cut })) },
  { weight: 1, arbitrary: tail.map(some => ({ ...NONE, tail: some })) },
  { weight: 1, arbitrary: fc.record({ changes, cut: fc.nat(), tail }) },
);
