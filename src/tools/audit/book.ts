/** Facts about one input record, as bits that are added up. */
export const Mark = { read: 1, skipped: 2, labelled: 4, rejected: 8, other: 16 } as const;

interface BookPage {
  readonly marks: Uint8Array;
  readonly carried: Uint32Array;
  readonly values: Uint32Array;
  readonly answers: Uint32Array;
  /** The verdicts; undefined unless another labels topic is compared. */
  readonly verdicts: Uint32Array | undefined;
  /** What labels carry, where it may differ from the record's own; undefined unless events have times of their own. */
  readonly carriedByLabel: Uint32Array | undefined;
}

const PAGE_BITS = 14;
const PAGE_RECORDS = 1 << PAGE_BITS;

export type Column = 'carried' | 'values' | 'answers' | 'verdicts' | 'carriedByLabel';

/** The columns that a book has only on demand. */
export interface BookOptions {
  readonly withVerdicts: boolean;
  readonly withEventTimes: boolean;
}

/**
 * Keeps the records of one input partition as columns of numbers, 13 bytes a record (4 more for each column on demand). The columns are
 * in pages, and a page exists only where records do: a compacted or sparse topic costs memory for its records, not for
 * the span of its offsets.
 */
export class Book {
  readonly #pages = new Map<number, BookPage>();
  readonly #options: BookOptions;

  constructor(options: BookOptions) {
    this.#options = options;
  }

  marks(index: number): number {
    return this.#pages.get(pageOf(index))?.marks[slotOf(index)] ?? 0;
  }

  mark(index: number, bits: number): void {
    const { marks } = this.#page(index);
    marks[slotOf(index)] = (marks[slotOf(index)] ?? 0) | bits;
  }

  get(column: Column, index: number): number {
    return this.#pages.get(pageOf(index))?.[column]?.[slotOf(index)] ?? 0;
  }

  set(column: Column, index: number, value: number): void {
    const numbers = this.#page(index)[column];
    if (numbers) numbers[slotOf(index)] = value;
  }

  /** Yields every record that has a mark, in order. */
  *entries(): Generator<readonly [index: number, marks: number]> {
    for (const number of [...this.#pages.keys()].sort((a, b) => a - b)) {
      const { marks } = this.#pages.get(number) as BookPage;
      for (let slot = 0; slot < PAGE_RECORDS; slot++) {
        const mark = marks[slot] ?? 0;
        if (mark !== 0) yield [number * PAGE_RECORDS + slot, mark];
      }
    }
  }

  #page(index: number): BookPage {
    const number = pageOf(index);
    const page = this.#pages.get(number) ?? newPage(this.#options);
    this.#pages.set(number, page);
    return page;
  }
}

function newPage({ withVerdicts, withEventTimes }: BookOptions): BookPage {
  return {
    marks: new Uint8Array(PAGE_RECORDS),
    carried: new Uint32Array(PAGE_RECORDS),
    values: new Uint32Array(PAGE_RECORDS),
    answers: new Uint32Array(PAGE_RECORDS),
    verdicts: withVerdicts ? new Uint32Array(PAGE_RECORDS) : undefined,
    carriedByLabel: withEventTimes ? new Uint32Array(PAGE_RECORDS) : undefined,
  };
}

/** Divides instead of shifting: an index may have more than 32 bits. */
function pageOf(index: number): number {
  return Math.floor(index / PAGE_RECORDS);
}

function slotOf(index: number): number {
  return index % PAGE_RECORDS;
}
