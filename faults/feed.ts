import type { GoldenText } from './golden.js';
import type { Random } from './random.js';
import type { ExpectedOutcome } from './verifier.js';

export const PARTITIONS = 4;
/** More keys than partitions, and a key always goes to the same one. */
const KEYS = 37;
const POISON_EVERY = 20;
/** What the members are given as input.maxValueBytes. */
export const MOST_VALUE_BYTES = 16_384;

/** What has to become of a record. */
export interface Fed {
  /** Unique in the stage: 0, 1, 2, ... */
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

/** What can be wrong with a record, and what has to become of it. */
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

/** Records without end, the same for the same seed; one in twenty is poison. The `n`-th is always the same. */
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
