import { setTimeout as sleep } from 'node:timers/promises';
import type { Fetched, LogReader, PartitionRange } from '../../kafka/log-reader.js';
import type { Decoder, SourceRecord } from '../../ports.js';
import type { LabelReader } from '../../producer/label-reader.js';
import { AuditLedger } from './ledger.js';
import { type AuditComparison, labelReader, type ReadOutcome, readInput, rejectedReader } from './outcomes.js';
import type { AuditReport } from './report.js';

export interface AuditOptions extends AuditComparison {
  readonly reader: Pick<LogReader, 'read' | 'bounds'>;
  readonly inputs: readonly PartitionRange[];
  /** The outputs, up to their ends at the start of the audit. */
  readonly labels: readonly PartitionRange[];
  readonly rejected: readonly PartitionRange[];
  /** The labels of another topic, to compare answers with. */
  readonly against?: readonly PartitionRange[] | undefined;
  readonly outputPartitions: ReadonlyMap<string, number>;
  readonly labelReader: LabelReader;
  /** The decoder of the stage, where its input has envelopes: they say which records have no outcome. */
  readonly decoder?: Decoder | undefined;
  readonly show: number;
  /** Keeps reading until no outcome of the inputs has come for this long. */
  readonly idleMs?: number | undefined;
}

/** The number of partitions that are read at once: while the brokers answer for one, another is compared. */
const CONCURRENT = 4;
const LOOK_MS = 250;

/** Compares the inputs that were read with the outputs that were written, and reports every difference. */
export async function audit(options: AuditOptions): Promise<AuditReport> {
  const { inputs, outputPartitions, against, decoder, show } = options;
  const ledger = new AuditLedger({
    ranges: inputs,
    outputPartitions,
    compares: against !== undefined,
    eventTimes: decoder !== undefined,
    show,
  });
  await readAll(prepared(options), inputs, record => ledger.read(readInput(record, options, decoder)));
  const tell = (read: (record: SourceRecord) => ReadOutcome) => (record: SourceRecord) =>
    told(ledger, record, read(record));
  const label = tell(labelReader(options.labelReader, options));
  const letter = tell(rejectedReader(options));
  await readAll(options, options.labels, label);
  await readAll(options, options.rejected, letter);
  if (options.idleMs !== undefined) await readOn(options, options.idleMs, { label, letter });
  if (against) await compare(options, against, ledger);
  return ledger.report();
}

/** Reads only batches that the decoder has been prepared for. */
function prepared(options: AuditOptions): AuditOptions {
  const { reader, decoder } = options;
  if (!decoder) return options;
  const read: AuditOptions['reader']['read'] = async function* (range) {
    for await (const fetched of reader.read(range)) {
      while (!fetched.records.every(record => decoder.isReady(record))) await decoder.prepare(fetched.records);
      yield fetched;
    }
  };
  return { ...options, reader: { bounds: topic => reader.bounds(topic), read } };
}

/** Counts a record, and returns true if it is an outcome of one of the inputs. */
type Tell = (record: SourceRecord) => boolean;

function told(ledger: AuditLedger, record: SourceRecord, read: ReadOutcome): boolean {
  if (read.kind !== 'unreadable') return ledger.outcome(read);
  ledger.unreadable(record, read.why);
  return false;
}

async function compare(options: AuditOptions, against: readonly PartitionRange[], ledger: AuditLedger): Promise<void> {
  const read = labelReader(options.labelReader, options);
  await readAll(options, against, record => {
    const entry = read(record);
    if (entry.kind === 'unreadable') ledger.unreadable(record, entry.why);
    else ledger.other(entry);
  });
}

/** Reads new records of the outputs, again and again, until no outcome of the inputs has come for a while. */
async function readOn(options: AuditOptions, idleMs: number, tell: { label: Tell; letter: Tell }): Promise<void> {
  let [labels, rejected] = [options.labels, options.rejected];
  for (let last = performance.now(); performance.now() - last < idleMs; await sleep(LOOK_MS)) {
    let fresh = false;
    const noting = (each: Tell) => (record: SourceRecord) => {
      if (each(record)) fresh = true;
    };
    labels = await grown(options.reader, labels);
    rejected = await grown(options.reader, rejected);
    await readAll(options, labels, noting(tell.label));
    await readAll(options, rejected, noting(tell.letter));
    if (fresh) last = performance.now();
  }
}

/** Returns the records after the ends of the ranges, in partitions that were empty too. */
async function grown(reader: AuditOptions['reader'], before: readonly PartitionRange[]): Promise<PartitionRange[]> {
  const topics = [...new Set(before.map(({ topic }) => topic))];
  const now = (await Promise.all(topics.map(topic => reader.bounds(topic)))).flat();
  return before.map(range => {
    const end = now.find(each => each.topic === range.topic && each.partition === range.partition)?.to ?? range.to;
    return { ...range, from: range.to, to: end };
  });
}

async function readAll(
  { reader }: AuditOptions,
  ranges: readonly PartitionRange[],
  look: (record: SourceRecord) => void,
): Promise<void> {
  const waiting = [...ranges];
  const lane = async () => {
    for (let range = waiting.shift(); range; range = waiting.shift()) await each(reader.read(range), look);
  };
  await Promise.all(Array.from({ length: CONCURRENT }, lane));
}

async function each(batches: AsyncGenerator<Fetched>, look: (record: SourceRecord) => void): Promise<void> {
  for await (const { records } of batches) for (const record of records) look(record);
}
