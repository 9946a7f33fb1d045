import type { GoldenText } from './golden.js';
import type { Random } from './random.js';
import type { ExpectedOutcome } from './verifier.js';

export const PARTITIONS = 4;
/** The number of keys. There are more keys than partitions, and a key always goes to the same partition. */
const KEYS = 37;
const POISON_EVERY = 20;
/** The input.maxValueBytes of the members. */
export const MOST_VALUE_BYTES = 16_384;

/** A record that was fed, and its expected outcome. */
export interface Fed {
  /** The number of the record, unique in the stage: 0, 1, 2, ... */
  readonly n: number;
  readonly outcome: ExpectedOutcome;
  readonly poison: boolean;
}

export interface FedRecord extends Fed {
  readonly partition: number;
  readonly key: string;
  readonly value: Buffer | null;
}

type Poison = Pick<FedRecord, 'value' | 'outcome'>;

/** The kinds of broken records, each with its expected outcome. */
const POISONS: ReadonlyArray<(n: number) => Poison> = [
  () => ({ value: null, outcome: { kind: 'skipped' } }),
  n => rejected(`{"id":${n},"text":"no end`, 'VALUE_NOT_JSON'),
  n => rejected(Buffer.from([0xc0, 0xaf, 0xff, n & 0xff]), 'VALUE_NOT_UTF8'),
  n => rejected(JSON.stringify({ id: n, body: 'elsewhere' }), 'TEXT_MISSING'),
  n => rejected(JSON.stringify({ id: n, text: ' \n\t ' }), 'TEXT_EMPTY'),
  n => rejected(JSON.stringify({ id: n, text: { of: 'an object' } }), 'TEXT_NOT_A_STRING'),
  n => rejected(JSON.stringify({ id: n, text: 'x'.repeat(MOST_VALUE_BYTES) }), 'VALUE_TOO_LARGE'),
  () => rejected(Buffer.alloc(0), 'VALUE_NOT_JSON'),
];

function rejected(value: string | Buffer, reason: string): Poison {
  return { value: Buffer.from(value as string), outcome: { kind: 'rejected', reason } };
}

/**
 * Yields records without end; one in twenty is poison. The same seed gives the same records, and the `n`-th is always
 * the same.
 */
export class Feed {
  readonly #texts: readonly GoldenText[];
  readonly #random: Random;
  #n = 0;

  constructor(texts: readonly GoldenText[], random: Random) {
    this.#texts = texts;
    this.#random = random;
  }

  next(): FedRecord {
    const n = this.#n++;
    const at = this.#random.between(0, KEYS - 1);
    const base = { n, partition: at % PARTITIONS, key: `key-${at}` };
    if (n % POISON_EVERY === POISON_EVERY - 1) return { ...base, ...this.#random.pick(POISONS)(n), poison: true };
    const { text, labels } = this.#random.pick(this.#texts);
    const value = Buffer.from(JSON.stringify({ id: n, text }));
    return { ...base, value, outcome: { kind: 'labelled', labels }, poison: false };
  }
}
