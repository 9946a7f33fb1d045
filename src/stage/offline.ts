import { Readable } from 'node:stream';
import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { recordsOnly, valueBytesOf } from '../consumer/buffer.js';
import { type FileFormat, type FileInput, fileInput, streamInput } from '../consumer/files/input.js';
import { createFileDecoder, FileSource } from '../consumer/files/source.js';
import { readModelFolder } from '../model/folder.js';
import { createPolicy, effectiveTasks, type Policy } from '../policy/policy.js';
import type { Decoded, Outcome, SourceRecord, Task } from '../ports.js';
import { fileOutput, type JsonlOutput, JsonlSink, streamOutput } from '../producer/jsonl-sink.js';
import type { BatchSize } from './batch-size.js';
import { batchSizeFor } from './batch-size.js';
import { Closers } from './closers.js';
import { Books } from './parts/books.js';
import { type BuiltWorkers, buildClassifier, buildExplainingClassifier } from './parts/classifier.js';
import { Pipeline, type PipelineEvents } from './pipeline.js';

/*
 * The work of a stage on files and texts: the same decoder, classifier, policy and pipeline, without a broker.
 */

export type { FileInput } from '../consumer/files/input.js';
export type { ModelFolder } from '../model/folder.js';
export { parseManifest, type TaskSpec } from '../model/manifest.js';
export { disableTelemetry } from '../workers/pool.js';
export { threadsForQuota } from '../workers/threads.js';

/** Name of standard input among the inputs. */
export const STDIN = 'stdin';

/** Opens the files with these names; `-` is standard input. Throws INPUT_UNREADABLE or INPUT_FORMAT. */
export function inputsFrom(
  names: readonly string[],
  format: FileFormat | undefined,
  stdin: NodeJS.ReadableStream,
): Promise<FileInput[]> {
  const readable = stdin instanceof Readable ? stdin : Readable.from(stdin);
  return Promise.all(
    names.map(async name => (name === '-' ? streamInput(STDIN, readable, format) : fileInput(name, format))),
  );
}

/**
 * Checks that a model exists at this path, or under this name, and that its folder is complete. Throws what reading the
 * folder at a start throws.
 */
export async function requireModel(path: string): Promise<void> {
  await readModelFolder({ path, maxTokens: 128, verify: false });
}

/** Bundles a model and its policy, which together give a stage's answers, text by text. */
export interface Judging extends Omit<BuiltWorkers, 'pool' | 'setup' | 'cache'> {
  /** Returns the policy of a configuration for the model's tasks. Throws POLICY_UNKNOWN. */
  readonly policyBy: (config: Config['policy']) => Policy & { readonly tasks: readonly Task[] };
  /** Size of the batches. */
  readonly size: BatchSize;
}

/** Reads and checks the model. Its threads start when the classifier is opened. */
export async function buildJudging(config: Config, log: Logger): Promise<Judging> {
  const { classifier, folder, student } = await buildClassifier(config, log);
  const { tasks } = folder.info;
  const policyBy: Judging['policyBy'] = policy => ({
    ...createPolicy(policy, tasks, student?.tasks),
    tasks: effectiveTasks(policy, tasks),
  });
  return { classifier, folder, student, policyBy, size: batchSizeFor(config) };
}

/** Holds a record of a file with its decoded value. */
export interface DecodedRecord {
  readonly decoded: Decoded;
  readonly record: SourceRecord;
}

/** Reads records of files in batches of `batchRecords`, decoded as `classify` decodes them. `stop` ends them early. */
export function decodedRecords(
  inputs: readonly FileInput[],
  { input, workers: { batchBytes } }: Config,
  batchRecords: number,
): { batches(): AsyncGenerator<readonly DecodedRecord[]>; stop(): void } {
  const source = new FileSource({ inputs, ...input, batchBytes, budget: recordsOnly(batchRecords) });
  const decoder = createFileDecoder(inputs, input);
  return {
    async *batches() {
      try {
        for (let batch = await source.take(); batch; batch = await source.take()) {
          yield batch.records.map(record => ({ record, decoded: decoder.decode(record) }));
          source.done(batch);
        }
      } finally {
        await source.close();
      }
    },
    stop: () => source.stop(),
  };
}

/** Configures a FileRun. */
export interface FileJob {
  readonly config: Config;
  readonly inputs: readonly FileInput[];
  /** Path of a file, which appears when everything is done, or a stream, which the caller ends. */
  readonly output: string | NodeJS.WritableStream;
  readonly events: FileEvents;
  readonly log: Logger;
}

export interface FileEvents {
  /** Called when everything is open and records are about to be taken. */
  started(): void;
  /** Called for each batch that is stored; `doneBytes` of the inputs are done by then. */
  stored(outcomes: readonly Outcome[], doneBytes: number): void;
}

/** Classifies the records of files into JSON lines, in order: the command `classify`. */
export class FileRun {
  readonly #job: FileJob;
  readonly #output: JsonlOutput;
  readonly #budget: BatchSize;
  readonly #source: FileSource;
  readonly #books: Books;

  constructor(job: FileJob) {
    const { config, inputs, output, log } = job;
    this.#job = job;
    this.#output = typeof output === 'string' ? fileOutput(output) : streamOutput('standard output', output);
    this.#budget = batchSizeFor(config);
    const { batchBytes } = config.workers;
    this.#source = new FileSource({ inputs, ...config.input, batchBytes, budget: this.#budget });
    this.#books = new Books(log);
  }

  /** Name of the file or stream that holds the lines after a run that failed; undefined when it was removed. */
  get left(): string | undefined {
    return this.#output.left;
  }

  /**
   * Opens the parts in order, runs the pipeline, and closes the parts in reverse whatever happens. Throws
   * LEDGER_BROKEN, or what a stage throws.
   */
  async run(): Promise<void> {
    const { config, inputs, events, log } = this.#job;
    const closers = new Closers(log);
    const sink = new JsonlSink({ output: this.#output, nameFiles: inputs.length > 1, onGone: () => this.stop() });
    try {
      const { classifier, folder, student } = await buildExplainingClassifier(config, log);
      const { judge } = createPolicy(config.policy, folder.info.tasks, student?.tasks);
      await sink.open();
      // Closed last, so that batches under way are still stored when something fails.
      closers.push('output', () => sink.close());
      closers.push('workers', () => classifier.close());
      await classifier.open();
      closers.push('source', () => this.#source.close());
      events.started();
      const decoder = createFileDecoder(inputs, config.input);
      const ends = { source: this.#source, sink, ledger: this.#books.ledger };
      await new Pipeline({ ...ends, decoder, classifier, judge, events: this.#events() }).run();
      this.#books.requireBalanced();
      await sink.complete();
    } finally {
      await closers.close();
    }
  }

  /** Ends the reading. Records that have been read are still answered. */
  stop(): void {
    this.#source.stop();
  }

  #events(): PipelineEvents {
    return {
      ...NO_EVENTS,
      classified: ({ tokeniseMs, inferMs }, records) =>
        this.#budget.observe(records.map(valueBytesOf), tokeniseMs + inferMs),
      stored: outcomes => this.#job.events.stored(outcomes, this.#source.doneBytes),
    };
  }
}

/** Ignores every event: a run over files has no metrics but its summary. */
const NO_EVENTS: PipelineEvents = {
  taken: () => {},
  revoked: () => {},
  stage: () => {},
  classified: () => {},
  stored: () => {},
};
