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
 * What a stage does with a stream, done with files and with texts: the same decoder, classifier, policy and pipeline,
 * and no broker.
 */

export type { FileInput } from '../consumer/files/input.js';
export type { ModelFolder } from '../model/folder.js';
export { parseManifest, type TaskSpec } from '../model/manifest.js';
export { disableTelemetry } from '../workers/pool.js';
export { threadsForQuota } from '../workers/threads.js';

/** The name of standard input among the inputs. */
export const STDIN = 'stdin';

/** The files of these names; `-` is standard input. Throws INPUT_UNREADABLE or INPUT_FORMAT. */
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

/** Throws as a start does when there is no model of this name or at this place, or its folder is not as it should be. */
export async function requireModel(path: string): Promise<void> {
  await readModelFolder({ path, maxTokens: 128, verify: false });
}

/** A model with the policy over it: what gives a stage's answers, text by text. */
export interface Judging extends Omit<BuiltWorkers, 'pool' | 'setup' | 'cache'> {
  /** The policy of a configuration over the model's tasks. Throws POLICY_UNKNOWN. */
  readonly policyBy: (config: Config['policy']) => Policy & { readonly tasks: readonly Task[] };
  readonly size: BatchSize;
}

/** Reads and checks the model; its threads start when the classifier is opened. */
export async function buildJudging(config: Config, log: Logger): Promise<Judging> {
  const { classifier, folder, student } = await buildClassifier(config, log);
  const { tasks } = folder.info;
  const policyBy: Judging['policyBy'] = policy => ({
    ...createPolicy(policy, tasks, student?.tasks),
    tasks: effectiveTasks(policy, tasks),
  });
  return { classifier, folder, student, policyBy, size: batchSizeFor(config) };
}

/** A record of a file, and what decoding made of it. */
export interface DecodedRecord {
  readonly decoded: Decoded;
  readonly record: SourceRecord;
}

/** Records of files, decoded as `classify` decodes them, so many at once; `stop` ends them early. */
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

export interface FileJob {
  readonly config: Config;
  readonly inputs: readonly FileInput[];
  /** A file by its path, which appears when all is done, or a stream that is somebody else's to end. */
  readonly output: string | NodeJS.WritableStream;
  readonly events: FileEvents;
  readonly log: Logger;
}

export interface FileEvents {
  /** Everything is open, and records are about to be taken. */
  started(): void;
  /** `doneBytes` of the inputs have been dealt with. */
  stored(outcomes: readonly Outcome[], doneBytes: number): void;
}

/** Classifies the records of files into JSON lines, in their order: `classify`. */
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

  /** Where the lines are at the moment. */
  get outputName(): string {
    return this.#output.name;
  }

  /** Parts are opened in order, and closed in reverse whatever happens. Throws LEDGER_BROKEN, or what a stage throws. */
  async run(): Promise<void> {
    const { config, inputs, events, log } = this.#job;
    const closers = new Closers(log);
    const sink = new JsonlSink({ output: this.#output, nameFiles: inputs.length > 1, onGone: () => this.stop() });
    try {
      const { classifier, folder, student } = await buildExplainingClassifier(config, log);
      const { judge } = createPolicy(config.policy, folder.info.tasks, student?.tasks);
      await sink.open();
      // Closed last: batches under way when something fails still come through.
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

  /** Ends the reading; what has been read is still answered. */
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

/** A run over files has no metrics but its summary. */
const NO_EVENTS: PipelineEvents = {
  taken: () => {},
  revoked: () => {},
  stage: () => {},
  classified: () => {},
  stored: () => {},
};
