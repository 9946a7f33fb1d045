/*
 * A replay of a range. States of a Replay:
 *
 * - *opening*: looks for topics and range, loads the model, opens the sink. Ends with success: *running*. Ends with an
 *   error, or with `stop`: *closed*.
 * - *running*: reads the range, classifies, publishes. Ends at the end of the range: *closed*, and `finished` is true.
 *   Ends with `stop`, when everything taken is stored: *closed*.
 * - *closed*: every part is closed, in reverse. `summary` is valid.
 */

import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { valueBytesOf } from '../consumer/buffer.js';
import { RangeSource } from '../consumer/range-source.js';
import type { PartitionRange } from '../kafka/log-reader.js';
import { formatOffsets, type RangeBounds } from '../kafka/range.js';
import { createPolicy, type Policy } from '../policy/policy.js';
import type { Sink } from '../ports.js';
import { type BatchSize, batchSizeFor } from './batch-size.js';
import { Closers } from './closers.js';
import { openFramings } from './parts/answers.js';
import { Books } from './parts/books.js';
import { type BuiltClassifier, buildExplainingClassifier } from './parts/classifier.js';
import { buildDecoder, buildSink, connectRegistry, requireStageTopics } from './parts/kafka.js';
import { openReading, type TopicReading } from './parts/reading.js';
import { Pipeline, type PipelineEvents } from './pipeline.js';
import { RejectLimit } from './reject-limit.js';
import { rangesToRead } from './topics.js';

/** Configures a Replay. */
export interface ReplayOptions {
  /** The configuration; its output topics are written to. */
  readonly config: Config;
  readonly bounds: RangeBounds;
  /** The only partitions to read; all when undefined. */
  readonly partitions: readonly number[] | undefined;
  readonly version: string;
  readonly log: Logger;
}

/** Counts the records of a replay by their outcome. */
export interface ReplaySummary {
  readonly consumed: number;
  readonly labelled: number;
  readonly rejected: number;
  readonly skipped: number;
  /** False when the replay was stopped before the end of the range. */
  readonly finished: boolean;
  /** First offset of each partition that is not done, in the form that `--from` takes; undefined when finished. */
  readonly next?: string;
}

/**
 * Classifies a range of the input topics again, with the parts of a live run: the same decoder, policy, sink and limit
 * on rejected records, and the same ids. Only the source differs: it reads explicit offsets and belongs to no group, so
 * the live stage and its committed offsets are not touched.
 */
export class Replay {
  readonly #options: ReplayOptions;
  readonly #closers: Closers;
  readonly #batchSize: BatchSize;
  readonly #books: Books;
  #source: RangeSource | undefined;
  #pipeline: Pipeline | undefined;
  #stopped = false;
  #finished = false;

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#closers = new Closers(options.log);
    this.#batchSize = batchSizeFor(options.config);
    this.#books = new Books(options.log);
  }

  /**
   * Runs the replay. Throws TOPIC_MISSING, RANGE_EMPTY, LEDGER_BROKEN, or what a live run throws; `summary` is valid in
   * every case.
   */
  async run(): Promise<void> {
    try {
      // Errors in topics and range are reported before the model is loaded.
      const { reading, ranges } = await this.#openRange();
      const built = await this.#openClassifier();
      const policy = createPolicy(this.#options.config.policy, built.folder.info.tasks, built.student?.tasks);
      const sink = await this.#openSink(reading, built, policy);
      if (this.#stopped) return;
      await this.#carry(built, { reading, ranges, sink, policy });
    } finally {
      await this.#closers.close();
    }
  }

  /** Takes no more records. Records that were taken are still stored. */
  stop(): void {
    this.#stopped = true;
    this.#pipeline?.stop();
  }

  /** Counts so far, and the offsets to go on from. */
  get summary(): ReplaySummary {
    const next = formatOffsets(this.#source?.positions() ?? []);
    const { revoked: _, ...counts } = this.#books.counts;
    return { ...counts, finished: this.#finished, ...(this.#finished || next === '' ? {} : { next }) };
  }

  async #openRange(): Promise<{ reading: TopicReading; ranges: readonly PartitionRange[] }> {
    const { config, bounds, partitions, log } = this.#options;
    const { input } = config;
    const reading = await openReading({
      config,
      topics: input.topics,
      readUncommitted: input.isolation === 'read_uncommitted',
      fetchBytes: Math.min(input.fetchMaxBytes, FETCH_BYTES),
      closers: this.#closers,
      log,
    });
    const ranges = await rangesToRead(reading.reader, { ...bounds, topics: input.topics, partitions });
    return { reading, ranges };
  }

  async #openClassifier(): Promise<BuiltClassifier> {
    const { config, log } = this.#options;
    const built = await buildExplainingClassifier(config, log);
    this.#closers.push('workers', () => built.classifier.close());
    return built;
  }

  async #openSink(
    { admin }: TopicReading,
    { classifier, folder, student }: BuiltClassifier,
    policy: Policy,
  ): Promise<Sink> {
    const { config, version, log } = this.#options;
    const partitions = await requireStageTopics(admin, config);
    const framings = await openFramings(config, await connectRegistry(config));
    await classifier.open();
    // A transaction would commit offsets of the live group.
    const atLeastOnce = { ...config, delivery: 'at-least-once' } as const;
    const sink = await buildSink(
      {
        config: atLeastOnce,
        group: undefined,
        model: folder.info,
        student,
        policy,
        version,
        framings,
        partitions,
        log,
      },
      { encoded: () => {}, retried: () => {}, transaction: () => {} },
    );
    this.#closers.push('sink', () => sink.close());
    await sink.open();
    return sink;
  }

  async #carry({ classifier }: BuiltClassifier, { reading, ranges, sink, policy }: ReplayParts): Promise<void> {
    const { config } = this.#options;
    const { input, workers } = config;
    const registry = await connectRegistry(config);
    this.#closers.push('registry', async () => registry?.close());
    const decoder = await buildDecoder(this.#options, registry);
    const source = new RangeSource({
      decoder,
      ranges,
      read: (range, signal) => reading.reader.read(range, signal),
      limits: {
        records: input.bufferRecords,
        bytes: input.bufferBytes,
        batchRecords: workers.batchRecords,
        batchBytes: workers.batchBytes,
      },
      budget: this.#batchSize,
    });
    this.#source = source;
    this.#closers.push('source', () => source.close());
    await source.open();
    this.#pipeline = new Pipeline({
      source,
      decoder,
      classifier,
      judge: policy.judge,
      sink,
      limit: new RejectLimit({ ...config.rejects, rejectedTopic: config.output.rejectedTopic }),
      events: this.#events(),
      ledger: this.#books.ledger,
    });
    await this.#pipeline.run();
    this.#books.requireBalanced();
    this.#finished = !this.#stopped;
  }

  #events(): PipelineEvents {
    return {
      taken: () => {},
      revoked: () => {},
      stage: () => {},
      classified: ({ tokeniseMs, inferMs }, records) =>
        this.#batchSize.observe(records.map(valueBytesOf), tokeniseMs + inferMs),
      stored: () => {},
    };
  }
}

/** Bytes of one fetch; small, because all partitions are read at the same time. */
const FETCH_BYTES = 1024 * 1024;

/** Names what a replay carries records from and to, and by which policy. */
interface ReplayParts {
  readonly reading: TopicReading;
  readonly ranges: readonly PartitionRange[];
  readonly sink: Sink;
  readonly policy: Policy;
}
