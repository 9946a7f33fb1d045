import type { PartitionRange } from '../../kafka/log-reader.js';
import { partitionId, type RecordPlace, recordId } from '../../ports.js';
import { Book, Mark } from './book.js';
import type { AuditFinding, AuditReport, FindingKind } from './report.js';

/** An input record. Fingerprints are numbers from 0 to 2³² - 1 that are equal for equal content. */
export interface InputEntry {
  readonly place: RecordPlace;
  /** True for a record that has nothing to classify: it has no outcome. */
  readonly skipped: boolean;
  /** The fingerprint of key, timestamp and headers. */
  readonly carried: number;
  /** The same with the time of the record's event, which labels have; undefined where it has none of its own. */
  readonly carriedByLabel?: number | undefined;
  readonly value: number;
}

/** A label or a dead letter, and its position. */
export interface OutcomeEntry {
  readonly kind: 'labelled' | 'rejected';
  readonly source: RecordPlace;
  readonly at: RecordPlace;
  /** Undefined if the outcome does not carry them: a dead letter that was cut. */
  readonly carried: number | undefined;
  /** The same with the event time in the label's value; undefined where that is the time of the record. */
  readonly carriedByValue?: number | undefined;
  /** The fingerprint of the input's value, where the outcome carries it. */
  readonly value: number | undefined;
  /** The fingerprint of the whole answer, without times. */
  readonly answer: number;
  /** The fingerprint of the labels and the decision alone, in which two models may agree. */
  readonly verdict: number;
}

export interface LedgerOptions {
  readonly ranges: readonly PartitionRange[];
  /** The partitions of each output topic. A record keeps its partition number, modulo this number. */
  readonly outputPartitions: ReadonlyMap<string, number>;
  /** True if answers of another topic follow (`other`). */
  readonly compares?: boolean;
  /** True if inputs may have `carriedByLabel`. */
  readonly eventTimes?: boolean;
  /** The number of findings to keep of each kind; all are counted. */
  readonly show?: number;
}

interface InputBook extends PartitionRange {
  readonly book: Book;
  /** By output partition, the highest index among the first outcomes so far. */
  readonly highest: Map<string, number>;
}

/**
 * Keeps the books of a stage: every input, and the outcomes that it has. Inputs are entered first, then outcomes in the
 * order of their partitions. Findings are counted as they come; missing outcomes are counted when the report is made.
 *
 * Order is judged among first outcomes. A later outcome of the same input, after a restart, is a duplicate and not out
 * of order.
 */
export class AuditLedger {
  readonly #books = new Map<string, InputBook>();
  readonly #topics: ReadonlySet<string>;
  readonly #outputPartitions: ReadonlyMap<string, number>;
  readonly #compares: boolean;
  readonly #eventTimes: boolean;
  readonly #show: number;
  readonly #findings = new Map<FindingKind, AuditFinding[]>();
  readonly #counts = new Map<FindingKind, number>();
  #outside = 0;
  #mendedTimes = 0;
  #onlyThere = 0;
  #compared = 0;
  #open = 0;

  constructor({ ranges, outputPartitions, compares = false, eventTimes = false, show = 10 }: LedgerOptions) {
    this.#outputPartitions = outputPartitions;
    this.#compares = compares;
    this.#eventTimes = eventTimes;
    this.#show = show;
    this.#topics = new Set(ranges.map(({ topic }) => topic));
    for (const range of ranges) {
      const book = new Book({ withVerdicts: compares, withEventTimes: eventTimes });
      this.#books.set(partitionId(range), { ...range, book, highest: new Map() });
    }
  }

  /** Returns the number of inputs without an outcome so far. */
  get open(): number {
    return this.#open;
  }

  read({ place, skipped, carried, carriedByLabel = carried, value }: InputEntry): void {
    const input = this.#books.get(partitionId(place));
    if (!input || !isWithin(input, place.offset)) return;
    const index = indexOf(input, place.offset);
    if (input.book.marks(index) !== 0) return;
    input.book.mark(index, skipped ? Mark.read | Mark.skipped : Mark.read);
    input.book.set('carried', index, carried);
    if (this.#eventTimes) input.book.set('carriedByLabel', index, carriedByLabel);
    input.book.set('values', index, value);
    if (!skipped) this.#open += 1;
  }

  /** Enters an outcome. Returns true if it belongs to an input of the range. */
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

  /** Enters a label of the topic that is compared with. Called after all outcomes have been entered. */
  other(entry: OutcomeEntry): void {
    const input = this.#books.get(partitionId(entry.source));
    if (!input || !isWithin(input, entry.source.offset)) return;
    const index = indexOf(input, entry.source.offset);
    const marks = input.book.marks(index);
    if ((marks & Mark.read) === 0 || (marks & Mark.other) !== 0) return;
    input.book.mark(index, Mark.other);
    if ((marks & Mark.labelled) === 0) {
      this.#onlyThere += 1;
      this.#keep('against', { ...placesOf(entry), what: 'labelled only in the other topic' });
      return;
    }
    this.#compared += 1;
    if (input.book.get('verdicts', index) !== entry.verdict) this.#found('against', entry, 'another answer');
  }

  /** Enters an output record that cannot be read as a result. */
  unreadable(at: RecordPlace, why: string): void {
    this.#count('unreadable', { input: '', output: recordId(at), what: why });
  }

  report(): AuditReport {
    const sums = { input: 0, labelled: 0, rejected: 0, skipped: 0, missing: 0 };
    let onlyHere = 0;
    // The report may be asked for a second time, when missing outcomes have come.
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
        if (kept.length < this.#show) kept.push({ input: nameAt(input, index), what: 'labelled only in this topic' });
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
      mendedTimes: this.#mendedTimes,
      outside: this.#outside,
      ...(this.#compares ? { against } : {}),
      findings: { ...Object.fromEntries(this.#findings), ...(kept.length > 0 ? { against: kept } : {}) },
    };
  }

  /**
   * Returns the book that the outcome belongs to. Without one, the outcome is stray, or belongs to an input outside the
   * range.
   */
  #inputOf(entry: OutcomeEntry): InputBook | undefined {
    const { source } = entry;
    if (!this.#topics.has(source.topic)) {
      this.#found('stray', entry, `${source.topic} is not an input topic`);
      return undefined;
    }
    const input = this.#books.get(partitionId(source));
    if (!input || !isWithin(input, source.offset)) {
      this.#outside += 1;
      return undefined;
    }
    const marks = input.book.marks(indexOf(input, source.offset));
    if ((marks & Mark.read) === 0) this.#found('stray', entry, 'the input record does not exist');
    else if ((marks & Mark.skipped) !== 0) this.#found('stray', entry, 'the input has nothing to classify');
    else return input;
    return undefined;
  }

  #comparePartition(entry: OutcomeEntry): void {
    const { source, at } = entry;
    const expected = source.partition % (this.#outputPartitions.get(at.topic) ?? source.partition + 1);
    if (at.partition !== expected) this.#found('wrongPartition', entry, `it belongs in partition ${expected}`);
  }

  #compareContent(entry: OutcomeEntry, { book }: InputBook, index: number): void {
    const { kind, carried, value } = entry;
    const expected = book.get(this.#eventTimes && kind === 'labelled' ? 'carriedByLabel' : 'carried', index);
    const isMended = carried !== expected && entry.carriedByValue === expected;
    if (isMended) this.#mendedTimes += 1;
    const wrong = [
      ...(carried !== undefined && carried !== expected && !isMended ? ['key, timestamp or headers'] : []),
      ...(value !== undefined && value !== book.get('values', index) ? ['value'] : []),
    ];
    if (wrong.length > 0) this.#found('differing', entry, `${wrong.join(' and ')} differ from the input`);
  }

  #compareOrder(entry: OutcomeEntry, { highest, from }: InputBook, index: number): void {
    const output = partitionId(entry.at);
    const before = highest.get(output) ?? -1;
    if (index > before) highest.set(output, index);
    else this.#found('outOfOrder', entry, `it comes after the outcome of offset ${from + BigInt(before)}`);
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
  return (marks & Mark.skipped) !== 0 ? 'skipped' : 'missing';
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
