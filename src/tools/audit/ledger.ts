import type { PartitionRange } from '../../kafka/log-reader.js';
import { partitionId, type RecordPlace, recordId } from '../../ports.js';
import { Book, Mark } from './book.js';
import type { AuditFinding, AuditReport, FindingKind } from './report.js';

/** An input record. Fingerprints are numbers from 0 to 2³² - 1 that are equal for equal content. */
export interface InputEntry {
  readonly place: RecordPlace;
  readonly tombstone: boolean;
  /** Of key, timestamp and headers. */
  readonly carried: number;
  readonly value: number;
}

/** A label or a dead letter, and where it lies. */
export interface OutcomeEntry {
  readonly kind: 'labelled' | 'rejected';
  readonly source: RecordPlace;
  readonly at: RecordPlace;
  /** Undefined when the outcome does not carry what the input had: a dead letter that was cut. */
  readonly carried: number | undefined;
  /** Of the input's value, where the outcome carries it. */
  readonly value: number | undefined;
  /** Of all that is said about the input, without times. */
  readonly answer: number;
  /** Of the labels and the decision alone: what two models may agree on. */
  readonly verdict: number;
}

export interface LedgerOptions {
  readonly ranges: readonly PartitionRange[];
  /** Partitions of the output topics: a record keeps its partition number, modulo these. */
  readonly outputPartitions: ReadonlyMap<string, number>;
  /** True when answers of another topic will be told (`other`). */
  readonly compares?: boolean;
  /** Findings kept of each kind; all are counted. */
  readonly show?: number;
}

interface InputBook extends PartitionRange {
  readonly book: Book;
  /** By output partition the highest index among the first outcomes so far. */
  readonly highest: Map<string, number>;
}

/**
 * Keeps the books of a stage: which inputs there are, and what became of each. Inputs first, then outcomes in the order
 * of their partitions; what is found is counted as it comes, and missing ones when the report is asked for.
 *
 * Order counts among first outcomes: whatever repeats an earlier outcome after a restart is a duplicate, not disorder.
 */
export class AuditLedger {
  readonly #books = new Map<string, InputBook>();
  readonly #topics: ReadonlySet<string>;
  readonly #outputPartitions: ReadonlyMap<string, number>;
  readonly #compares: boolean;
  readonly #show: number;
  readonly #findings = new Map<FindingKind, AuditFinding[]>();
  readonly #counts = new Map<FindingKind, number>();
  #outside = 0;
  #onlyThere = 0;
  #compared = 0;
  #open = 0;

  constructor({ ranges, outputPartitions, compares = false, show = 10 }: LedgerOptions) {
    this.#outputPartitions = outputPartitions;
    this.#compares = compares;
    this.#show = show;
    this.#topics = new Set(ranges.map(({ topic }) => topic));
    for (const range of ranges) {
      this.#books.set(partitionId(range), { ...range, book: new Book({ withVerdicts: compares }), highest: new Map() });
    }
  }

  /** Inputs that no outcome has been told of yet. */
  get open(): number {
    return this.#open;
  }

  read({ place, tombstone, carried, value }: InputEntry): void {
    const input = this.#books.get(partitionId(place));
    if (!input || !isWithin(input, place.offset)) return;
    const index = indexOf(input, place.offset);
    if (input.book.marks(index) !== 0) return;
    input.book.mark(index, tombstone ? Mark.read | Mark.tombstone : Mark.read);
    input.book.set('carried', index, carried);
    input.book.set('values', index, value);
    if (!tombstone) this.#open += 1;
  }

  /** True when the outcome belongs to an input of the range. */
  outcome(entry: OutcomeEntry): boolean {
    const input = this.#inputOf(entry);
    if (!input) return false;
    const index = indexOf(input, entry.source.offset);
    this.#comparePartition(entry);
    this.#compareContent(entry, input, index);
    if ((input.book.marks(index) & (Mark.labelled | Mark.rejected)) !== 0) {
      const same = input.book.get('answers', index) === entry.answer;
      this.#found(same ? 'identicalDuplicates' : 'differingDuplicates', entry);
      return true;
    }
    this.#compareOrder(entry, input, index);
    input.book.mark(index, Mark[entry.kind]);
    input.book.set('answers', index, entry.answer);
    input.book.set('verdicts', index, entry.verdict);
    this.#open -= 1;
    return true;
  }

  /** A label of the topic that is compared with; to be told when all outcomes have been. */
  other(entry: OutcomeEntry): void {
    const input = this.#books.get(partitionId(entry.source));
    if (!input || !isWithin(input, entry.source.offset)) return;
    const index = indexOf(input, entry.source.offset);
    const marks = input.book.marks(index);
    if ((marks & Mark.read) === 0 || (marks & Mark.other) !== 0) return;
    input.book.mark(index, Mark.other);
    if ((marks & Mark.labelled) === 0) {
      this.#onlyThere += 1;
      this.#keep('against', { ...placesOf(entry), what: 'labelled there alone' });
      return;
    }
    this.#compared += 1;
    if (input.book.get('verdicts', index) !== entry.verdict) this.#found('against', entry, 'another answer');
  }

  /** An output record that cannot be read as a result. */
  unreadable(at: RecordPlace, why: string): void {
    this.#count('unreadable', { input: '', output: recordId(at), what: why });
  }

  report(): AuditReport {
    const sums = { input: 0, labelled: 0, rejected: 0, skipped: 0, missing: 0 };
    let onlyHere = 0;
    // Asked for a second time the missing ones may have come.
    this.#findings.delete('missing');
    const kept = [...(this.#findings.get('against') ?? [])];
    for (const input of this.#books.values()) {
      for (const [index, marks] of input.book.entries()) {
        const fate = fateOf(marks);
        sums.input += 1;
        sums[fate] += 1;
        if (fate === 'missing') this.#keep('missing', { input: nameAt(input, index) });
        if (!this.#compares || fate !== 'labelled' || (marks & Mark.other) !== 0) continue;
        onlyHere += 1;
        if (kept.length < this.#show) kept.push({ input: nameAt(input, index), what: 'labelled here alone' });
      }
    }
    const against = {
      compared: this.#compared,
      differing: this.#countOf('against'),
      onlyHere,
      onlyThere: this.#onlyThere,
    };
    return {
      ...sums,
      duplicates: { identical: this.#countOf('identicalDuplicates'), differing: this.#countOf('differingDuplicates') },
      outOfOrder: this.#countOf('outOfOrder'),
      differing: this.#countOf('differing'),
      stray: this.#countOf('stray'),
      wrongPartition: this.#countOf('wrongPartition'),
      unreadable: this.#countOf('unreadable'),
      outside: this.#outside,
      ...(this.#compares ? { against } : {}),
      findings: { ...Object.fromEntries(this.#findings), ...(kept.length > 0 ? { against: kept } : {}) },
    };
  }

  /** The book the outcome belongs in; without one it is stray, or of an input outside the range. */
  #inputOf(entry: OutcomeEntry): InputBook | undefined {
    const { source } = entry;
    if (!this.#topics.has(source.topic)) {
      this.#found('stray', entry, `${source.topic} is no input`);
      return undefined;
    }
    const input = this.#books.get(partitionId(source));
    if (!input || !isWithin(input, source.offset)) {
      this.#outside += 1;
      return undefined;
    }
    const marks = input.book.marks(indexOf(input, source.offset));
    if ((marks & Mark.read) === 0) this.#found('stray', entry, 'there is no such input record');
    else if ((marks & Mark.tombstone) !== 0) this.#found('stray', entry, 'the input is a tombstone');
    else return input;
    return undefined;
  }

  #comparePartition(entry: OutcomeEntry): void {
    const { source, at } = entry;
    const expected = source.partition % (this.#outputPartitions.get(at.topic) ?? source.partition + 1);
    if (at.partition !== expected) this.#found('wrongPartition', entry, `it belongs into partition ${expected}`);
  }

  #compareContent(entry: OutcomeEntry, { book }: InputBook, index: number): void {
    const { carried, value } = entry;
    const wrong = [
      ...(carried !== undefined && carried !== book.get('carried', index) ? ['key, timestamp or headers'] : []),
      ...(value !== undefined && value !== book.get('values', index) ? ['value'] : []),
    ];
    if (wrong.length > 0) this.#found('differing', entry, `${wrong.join(' and ')} not those of the input`);
  }

  #compareOrder(entry: OutcomeEntry, { highest, from }: InputBook, index: number): void {
    const output = partitionId(entry.at);
    const before = highest.get(output) ?? -1;
    if (index > before) highest.set(output, index);
    else this.#found('outOfOrder', entry, `it comes after that of offset ${from + BigInt(before)}`);
  }

  #found(kind: FindingKind, entry: OutcomeEntry, what?: string): void {
    this.#count(kind, { ...placesOf(entry), ...(what === undefined ? {} : { what }) });
  }

  #count(kind: FindingKind, finding: AuditFinding): void {
    this.#counts.set(kind, this.#countOf(kind) + 1);
    this.#keep(kind, finding);
  }

  #keep(kind: FindingKind, finding: AuditFinding): void {
    const kept = this.#findings.get(kind) ?? [];
    if (kept.length < this.#show) this.#findings.set(kind, [...kept, finding]);
  }

  #countOf(kind: FindingKind): number {
    return this.#counts.get(kind) ?? 0;
  }
}

function fateOf(marks: number): 'labelled' | 'rejected' | 'skipped' | 'missing' {
  if ((marks & Mark.labelled) !== 0) return 'labelled';
  if ((marks & Mark.rejected) !== 0) return 'rejected';
  return (marks & Mark.tombstone) !== 0 ? 'skipped' : 'missing';
}

function placesOf({ source, at }: OutcomeEntry): AuditFinding {
  return { input: recordId(source), output: recordId(at) };
}

function isWithin({ from, to }: PartitionRange, offset: bigint): boolean {
  return offset >= from && offset < to;
}

function indexOf({ from }: PartitionRange, offset: bigint): number {
  return Number(offset - from);
}

function nameAt({ topic, partition, from }: PartitionRange, index: number): string {
  return recordId({ topic, partition, offset: from + BigInt(index) });
}
