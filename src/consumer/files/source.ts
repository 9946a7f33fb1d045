/**
 * Reads files as a Source, one file after the other.
 *
 * The states of the source:
 *
 * - *reading*: `take` reads on until a full batch waits for each thread, or LINGER_MS have passed. A new file is begun
 *   when the one before has ended. The end of the last file moves it to *ended*, an error to *failed*, and `stop` to
 *   *stopped*.
 * - *failed*: records that were read before the error are handed out. Once all of them are done, `take` throws it.
 * - *ended*: the records that wait are handed out; then `take` resolves with undefined.
 * - *stopped*: the open file is closed, and `take` resolves with undefined. Batches that were handed out may be done.
 *
 * Inside *reading*, a batch whose first record is in another file than the batch before waits until all earlier batches
 * are done. Batches keep their order through the pipeline only within one partition, that is one file.
 */

import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { SiftlineError } from '../../errors.js';
import type { Batch, Decoder, Occupancy, Source, SourceRecord } from '../../ports.js';
import { type BatchBudget, BatchRoom, ONE_THREAD, shareOf, valueBytesOf } from '../buffer.js';
import { createDecoder, type DecodeOptions } from '../decode/decode.js';
import { ALWAYS_READY, rejected } from '../decode/value-reader.js';
import { Signal } from '../signal.js';
import { columnPath } from './csv.js';
import { type FileInput, unreadable } from './input.js';
import type { FileValue } from './lines.js';
import { fieldsIn, valuesIn } from './texts.js';

export interface FileSourceOptions {
  readonly inputs: readonly FileInput[];
  readonly textFields: readonly string[];
  readonly maxValueBytes: number;
  /** Limits the next batch. */
  readonly budget: BatchBudget;
  readonly batchBytes: number;
}

interface FileBatch extends Batch {
  /** The bytes of all files up to about the end of the batch. */
  readonly readBytes: number;
}

interface Read {
  readonly record: SourceRecord;
  /** The bytes that were read of all files when the record was found. */
  readonly readBytes: number;
}

/**
 * The time that a batch which is not full waits for more records. It is short, so that a typed line is answered at
 * once.
 */
const LINGER_MS = 50;

/**
 * Reads records from files: the topic is the file's name, the partition is its place among the inputs, and the offset
 * is the line, from 0. It reads only as far as `take` asks, a batch for each thread, so a file of any size takes the
 * memory of those batches. It has no offsets to commit and no rebalances: every batch stays current.
 */
export class FileSource implements Source {
  readonly #options: FileSourceOptions;
  readonly #signal = new Signal();
  readonly #records: AsyncGenerator<SourceRecord>;
  #waiting: Read[] = [];
  #next: Promise<IteratorResult<SourceRecord, unknown>> | undefined;
  #stream: Readable | undefined;
  #lastFile = 0;
  #outstanding = 0;
  #readBytes = 0;
  #doneBytes = 0;
  #failure: unknown;
  #stopped = false;

  constructor(options: FileSourceOptions) {
    this.#options = options;
    this.#records = this.#read();
  }

  async open(): Promise<void> {}

  /** The bytes of the files up to the last batch that is done. */
  get doneBytes(): number {
    return this.#doneBytes;
  }

  /** Throws INPUT_UNREADABLE, or the error of a malformed file, once every record before it is done. */
  async take(occupancy: () => Occupancy = () => ONE_THREAD): Promise<FileBatch | undefined> {
    await this.#gather(occupancy().threads);
    const taken = this.#cut(occupancy());
    if (this.#mustWait(taken)) await this.#signal.until(() => this.#outstanding === 0 || this.#stopped);
    if (this.#stopped) return undefined;
    if (taken.length > 0) return this.#handOut(taken);
    if (this.#failure) throw this.#failure;
    return undefined;
  }

  /** Does nothing: the records of a file do not trickle in, so `take` never waits for a thread. */
  look(): void {}

  isCurrent(): boolean {
    return true;
  }

  done(batch: Batch): void {
    this.#outstanding -= 1;
    this.#doneBytes = Math.max(this.#doneBytes, (batch as FileBatch).readBytes);
    this.#signal.raise();
  }

  /** Does nothing: a file has no other owner. */
  lose(): void {}

  stop(): void {
    this.#stopped = true;
    // Ends a read that may wait for a pipe or a terminal.
    this.#stream?.destroy();
    this.#signal.raise();
  }

  async close(): Promise<void> {
    this.stop();
  }

  /** Reads on until a full batch waits for each thread, or for LINGER_MS. Reads nothing at the end of the input. */
  async #gather(threads: number): Promise<void> {
    const { budget, batchBytes } = this.#options;
    const most = {
      records: budget.records * threads,
      ms: budget.ms * threads,
      msOf: (bytes: number) => budget.msOf(bytes),
    };
    const room = new BatchRoom(most, batchBytes * threads);
    let isFull = this.#waiting.some(({ record }) => !admitted(record, room));
    let lingered: Promise<undefined> | undefined;
    while (!isFull && !room.isFull) {
      if (this.#waiting.length > 0) lingered ??= sleep(LINGER_MS, undefined);
      this.#next ??= this.#nextRecord();
      const next = await (lingered ? Promise.race([this.#next, lingered]) : this.#next);
      if (!next) break;
      this.#next = undefined;
      if (next.done) break;
      this.#waiting.push({ record: next.value, readBytes: this.#readBytes });
      isFull = !admitted(next.value, room);
    }
  }

  /** Takes the next batch from the records that wait. */
  #cut(occupancy: Occupancy): Read[] {
    const { budget, batchBytes } = this.#options;
    const sizes = this.#waiting.map(({ record }) => valueBytesOf(record));
    const room = new BatchRoom(shareOf(budget, sizes, occupancy), batchBytes);
    const end = this.#waiting.findIndex(({ record }) => !admitted(record, room));
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : end);
  }

  /**
   * Returns true when the records must wait until every earlier batch is done. Batches of one file keep their order
   * through the pipeline; the first batch of the next file must wait for them. A failure waits as well.
   */
  #mustWait([first]: readonly Read[]): boolean {
    return first ? first.record.partition !== this.#lastFile : this.#failure !== undefined;
  }

  #handOut(taken: readonly Read[]): FileBatch {
    const { record, readBytes } = taken.at(-1) as Read;
    this.#lastFile = record.partition;
    this.#outstanding += 1;
    const records = taken.map(each => each.record);
    return { epoch: 1, records, next: [], readBytes: this.#waiting.length > 0 ? readBytes : this.#readBytes };
  }

  /** Reads one record. A failure is remembered, and ends the input. */
  #nextRecord(): Promise<IteratorResult<SourceRecord, unknown>> {
    return this.#records.next().catch(error => {
      this.#failure = error;
      return { done: true, value: undefined };
    });
  }

  async *#read(): AsyncGenerator<SourceRecord> {
    for (const [partition, input] of this.#options.inputs.entries()) {
      if (this.#stopped) return;
      const stream = input.open();
      this.#stream = stream;
      try {
        const values = valuesIn(input, this.#counted(stream), this.#options);
        for await (const found of values) yield recordOf(input, partition, found);
      } catch (error) {
        throw error instanceof SiftlineError ? error : unreadable(input.name, error);
      } finally {
        stream.destroy();
      }
    }
  }

  async *#counted(stream: Readable): AsyncGenerator<Buffer> {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      this.#readBytes += chunk.length;
      yield chunk;
    }
  }
}

/** Adds the record to the batch, and returns false when it must wait for the next batch. */
function admitted(record: SourceRecord, room: BatchRoom): boolean {
  const bytes = valueBytesOf(record);
  const ms = room.msOf(bytes);
  if (!room.fits(ms)) return false;
  room.add(ms, bytes);
  return true;
}

function recordOf({ name }: FileInput, partition: number, { line, value }: FileValue): SourceRecord {
  return { topic: name, partition, offset: BigInt(line), timestamp: -1n, key: null, value, headers: [] };
}

/**
 * Decodes the records of a FileSource over the same inputs, each in its file's format (CSV rows are JSON). A record
 * beyond the limit may be the head of a longer line, so its rejection does not say how long the line was. Throws
 * INPUT_ENVELOPE for an envelope and a file that can have none.
 */
export function createFileDecoder(inputs: readonly FileInput[], options: Omit<DecodeOptions, 'format'>): Decoder {
  const { envelope = 'none' } = options;
  const bare = envelope === 'none' ? undefined : inputs.find(({ format }) => format !== 'jsonl');
  if (bare) throw noEnvelope(bare, envelope);
  const decoders = {
    text: createDecoder({ ...options, format: 'text', envelope: 'none' }),
    jsonl: createDecoder({ ...options, format: 'json' }),
    csv: createDecoder({ ...columnsOnly(options), format: 'json', envelope: 'none' }),
  };
  return {
    ...ALWAYS_READY,
    decode: record => {
      if ((record.value?.length ?? 0) > options.maxValueBytes) {
        return rejected('VALUE_TOO_LARGE', `longer than ${options.maxValueBytes} bytes (input.maxValueBytes)`);
      }
      return decoders[inputs[record.partition]?.format ?? 'jsonl'].decode(record);
    },
  };
}

function columnsOnly<T extends Omit<DecodeOptions, 'format'>>(options: T): T {
  const { idField } = options;
  return { ...fieldsIn('csv', options), ...(idField && { idField: columnPath(idField) }) };
}

function noEnvelope({ name, format }: FileInput, envelope: string): SiftlineError {
  return SiftlineError.usage(
    'INPUT_ENVELOPE',
    `${name}: is read as ${format}, and input.envelope is ${envelope}; only JSON lines have an envelope: give --input-format jsonl, or --envelope none`,
  );
}
