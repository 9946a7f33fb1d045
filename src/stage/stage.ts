/*
 * The stage as a service. States, reported as `phase` by `/readyz`:
 *
 * - *starting*: builds the parts in order; the group is joined last. Ends when all are built: *running*. Ends with
 *   `stop` or an error: *draining*.
 * - *running*: the pipeline works. Ends with `stop`, or when the pipeline ends or throws: *draining*.
 * - *draining*: the pipeline finishes what it has taken, then every part is closed, in reverse. Ends when `run`
 *   settles; a Service is not run again.
 */

import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { valueBytesOf } from '../consumer/buffer.js';
import type { KafkaSource } from '../consumer/kafka-source.js';
import type { StandingRecord } from '../consumer/partition-queue.js';
import { KafkaAdmin } from '../kafka/admin.js';
import { connectTo } from '../kafka/client.js';
import { onThrottled } from '../kafka/patches/index.js';
import type { Ledger } from '../observe/ledger.js';
import { droppedLines } from '../observe/log.js';
import { Recorder } from '../observe/recorder.js';
import { AdminServer, type HealthProbe } from '../observe/server.js';
import type { BatchTracer } from '../observe/tracing/batch-tracer.js';
import { createPolicy, type Policy } from '../policy/policy.js';
import type { Decoder, TopicPartition } from '../ports.js';
import { type BatchSize, batchSizeFor } from './batch-size.js';
import { Closers } from './closers.js';
import { openCrashGuard } from './crash/guard.js';
import { openFramings } from './parts/answers.js';
import { openLedger } from './parts/books.js';
import { type BuiltClassifier, buildExplainingClassifier } from './parts/classifier.js';
import {
  buildDecoder,
  buildSink,
  buildSource,
  connectRegistry,
  type KafkaContext,
  requireStageTopics,
  type StageSink,
} from './parts/kafka.js';
import { publishWindows, watchLag, watchUnread } from './parts/windows.js';
import { Pipeline, type PipelineEvents } from './pipeline.js';
import { RejectLimit } from './reject-limit.js';

/** Configures a Service. */
export interface ServiceOptions {
  readonly config: Config;
  readonly version: string;
  readonly log: Logger;
}

type Phase = 'starting' | 'running' | 'draining';

/**
 * Runs the whole stage: builds the parts in order, runs the pipeline, and closes the parts in reverse. Before the
 * consumer group is joined, the model is checked and warm, and the topics are known to exist.
 */
export class Service {
  readonly #options: ServiceOptions;
  readonly #closers: Closers;
  readonly #batchSize: BatchSize;
  #phase: Phase = 'starting';
  #pipeline: Pipeline | undefined;
  #source: KafkaSource | undefined;
  #sink: StageSink | undefined;
  #cache: BuiltClassifier['cache'];
  #droppedLines = 0;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#closers = new Closers(options.log);
    this.#batchSize = batchSizeFor(options.config);
  }

  /**
   * Starts everything, works until `stop` is called or an error cannot be mended, then closes everything. Throws that
   * error.
   */
  async run(): Promise<void> {
    try {
      await this.#start();
      if (this.#phase === 'draining') return;
      this.#phase = 'running';
      await this.#pipeline?.run();
    } finally {
      this.#phase = 'draining';
      await this.#closers.close();
    }
  }

  /** Takes no more records. `run` returns when everything taken is stored and committed. */
  stop(): void {
    this.#phase = 'draining';
    if (this.#pipeline) this.#pipeline.stop();
    else this.#source?.stop();
  }

  async #start(): Promise<void> {
    const { config, log } = this.#options;
    let recorder: Recorder | undefined;
    const built = await buildExplainingClassifier(config, log, {
      crashed: () => recorder?.workerRestarted(),
      lookedUp: lookups => recorder?.lookedUp(lookups),
    });
    this.#cache = built.cache;
    recorder = this.#describe(built);
    const policy = createPolicy(config.policy, built.folder.info.tasks, built.student?.tasks);
    await this.#openAdminServer(recorder);
    const { admin, decoder, context } = await this.#openEdges(built, policy);
    this.#built(recorder, built.pool.arithmetic);
    // A member that joins only to leave again would make the whole group wait for a rebalance.
    if (this.#phase === 'draining') return;
    await this.#openSink(context, recorder);
    this.#closers.push('metrics records', await publishWindows(context, recorder, this.#measuring(recorder)));
    const source = await this.#openSource(decoder, recorder);
    this.#closers.push('lag', watchLag({ admin, group: config.input.group, source, recorder, log }));
    this.#closers.push('unread partitions', watchUnread({ admin, input: config.input, recorder, log }));
    const sink = this.#sink as StageSink;
    const { classifier } = built;
    const guarded = openCrashGuard(config, built, log);
    if (guarded) this.#closers.push('crash journal', async () => guarded.close());
    this.#pipeline = new Pipeline({
      source,
      decoder,
      classifier,
      guard: guarded?.guard,
      sink,
      judge: policy.judge,
      limit: new RejectLimit({ ...config.rejects, rejectedTopic: config.output.rejectedTopic }),
      events: this.#events(recorder),
      ledger: this.#ledger(recorder),
      tracer: await this.#openTracer(built),
    });
  }

  async #openTracer({ folder }: BuiltClassifier): Promise<BatchTracer | undefined> {
    const { config } = this.#options;
    if (config.tracing.exporter === 'none') return undefined;
    const [{ openTracing }, { BatchTracer }] = await Promise.all([
      import('../observe/tracing/tracing.js'),
      import('../observe/tracing/batch-tracer.js'),
    ]);
    const tracing = await openTracing(this.#options);
    if (!tracing) return undefined;
    this.#closers.push('traces', () => tracing.close());
    return new BatchTracer({ tracer: tracing.tracer, group: config.input.group, model: folder.info.name });
  }

  #describe({ folder, student, pool }: BuiltClassifier): Recorder {
    const recorder = new Recorder(folder.info.tasks);
    for (const { name, version, sha256, precision, identity } of student ? [folder.info, student] : [folder.info]) {
      recorder.registry.gauge('siftline_model_info').set({ name, version, sha256, precision }, 1);
      recorder.registry.gauge('siftline_model_identity_info').set({ name, identity }, 1);
    }
    this.#built(recorder);
    recorder.registry.gauge('siftline_workers').set(pool.threads);
    onThrottled(ms => recorder.registry.counter('siftline_throttled_seconds_total').inc(ms / 1000));
    return recorder;
  }

  /** Sets the build metric. The arithmetic is known once the threads have loaded the model. */
  #built(recorder: Recorder, arithmetic?: string): void {
    const program = { version: this.#options.version, node: process.version };
    recorder.built(arithmetic === undefined ? program : { ...program, arithmetic });
  }

  /**
   * Opens everything that can be checked before the group is joined: brokers, topics, registry, and the model, which is
   * warm and proved when this resolves.
   */
  async #openEdges(
    { classifier, folder, student, pool }: BuiltClassifier,
    policy: Policy,
  ): Promise<{ admin: KafkaAdmin; decoder: Decoder; context: KafkaContext }> {
    const { config, version, log } = this.#options;
    this.#closers.push('workers', () => classifier.close());
    const registry = await connectRegistry(config);
    this.#closers.push('registry', async () => registry?.close());
    const admin = await KafkaAdmin.open(connectTo(config.kafka, log), config.kafka.brokers);
    this.#closers.push('admin client', () => admin.close());
    const partitions = await requireStageTopics(admin, config);
    const framings = await openFramings(config, registry);
    await classifier.open();
    const { info: model } = folder;
    const tasks = model.tasks.map(task => task.name);
    log.info(
      {
        event: 'model_ready',
        model: model.name,
        version: model.version,
        student: student?.name,
        tasks,
        workers: pool.threads,
        arithmetic: pool.arithmetic,
      },
      'model loaded',
    );
    const { group } = config.input;
    const context = { config, group, model, student, policy, version, framings, partitions, log };
    return { admin, decoder: await buildDecoder(this.#options, registry), context };
  }

  async #openAdminServer(recorder: Recorder): Promise<void> {
    const { config, log } = this.#options;
    const measure = this.#measuring(recorder);
    const metrics = async () => {
      measure();
      return { contentType: recorder.registry.contentType, body: await recorder.registry.text() };
    };
    const server = new AdminServer({ live: () => this.#live(), ready: () => this.#ready(), metrics });
    const port = await server.open(config.metrics.host, config.metrics.port);
    this.#closers.push('admin server', () => server.close());
    log.info({ event: 'listening', host: config.metrics.host, port }, 'probes and metrics');
  }

  async #openSink(context: KafkaContext, recorder: Recorder): Promise<void> {
    const sink = await buildSink(context, {
      encoded: ms => recorder.stage('encode', ms),
      retried: () => recorder.registry.counter('siftline_publish_retries_total').inc(),
      transaction: outcome => recorder.registry.counter('siftline_transactions_total').inc({ outcome }),
    });
    this.#closers.push('sink', () => sink.close());
    await sink.open();
    this.#sink = sink;
  }

  async #openSource(decoder: Decoder, recorder: Recorder): Promise<KafkaSource> {
    const { registry } = recorder;
    const events = {
      assigned: (partitions: number) => registry.gauge('siftline_assigned_partitions').set(partitions),
      rebalanced: () => registry.counter('siftline_rebalances_total').inc(),
      committed: (ms: number) => recorder.committed(ms),
      lost: (place: TopicPartition, records: bigint) =>
        registry.counter('siftline_records_lost_total').inc({ ...place }, Number(records)),
    };
    const source = buildSource(this.#options, { decoder, events, budget: this.#batchSize });
    this.#source = source;
    this.#closers.push('source', () => source.close());
    if (this.#phase === 'draining') source.stop();
    await source.open();
    return source;
  }

  #events(recorder: Recorder): PipelineEvents {
    return {
      taken: records => recorder.taken(records),
      revoked: records => recorder.revoked(records),
      stage: (stage, ms) => recorder.stage(stage, ms),
      classified: (timings, records) => {
        recorder.classified(timings);
        this.#batchSize.observe(records.map(valueBytesOf), timings.tokeniseMs + timings.inferMs);
      },
      stored: outcomes => recorder.stored(outcomes),
    };
  }

  #ledger(recorder: Recorder): Ledger {
    return openLedger(this.#options.log, {
      moved: (place, fate, records) => recorder.moved(place, fate, records),
      broken: () => recorder.broken(),
    });
  }

  /** Returns a function that sets the gauges that are measured only when metrics are read. */
  #measuring({ registry }: Recorder): () => void {
    const { log } = this.#options;
    return () => {
      const held = this.#source?.held ?? { records: 0, bytes: 0, pausedPartitions: 0 };
      registry.gauge('siftline_held_records').set(held.records);
      registry.gauge('siftline_held_bytes').set(held.bytes);
      registry.gauge('siftline_paused_partitions').set(held.pausedPartitions);
      const waits = registry.gauge('siftline_registry_wait_seconds');
      waits.reset();
      for (const { topic, partition, seconds } of this.#source?.partitions.standing ?? [])
        waits.set({ topic, partition }, seconds);
      registry.gauge('siftline_cache_bytes').set(this.#cache?.bytes ?? 0);
      registry.gauge('siftline_ready').set(this.#ready().ok ? 1 : 0);
      const dropped = droppedLines(log);
      registry.counter('siftline_log_lines_dropped_total').inc(dropped - this.#droppedLines);
      this.#droppedLines = dropped;
    };
  }

  /**
   * Fails only when inference has work and makes no progress. An outage of brokers or registry is no reason for a
   * restart.
   */
  #live(): HealthProbe {
    const stalledMs = Math.round(this.#pipeline?.stalledMs ?? 0);
    return { ok: stalledMs < this.#options.config.health.stallSeconds * 1000, details: { stalledMs } };
  }

  /**
   * Succeeds when the phase is running, the group is joined and results are being stored. A partition that waits for the
   * registry does not count as long as another one works.
   */
  #ready(): HealthProbe {
    const { assigned = 0, standing = [] } = this.#source?.partitions ?? {};
    const waits = standing.filter(({ seconds }) => seconds >= WAITS_SECONDS);
    const details = {
      phase: this.#phase,
      joined: this.#source?.ready ?? false,
      storing: this.#sink?.ready ?? false,
      ...(waits.length > 0 && { assigned, waits: waits.slice(0, SHOWN_WAITS).map(waitInWords) }),
    };
    const works = waits.length === 0 || waits.length < assigned;
    return { ok: details.phase === 'running' && details.joined && details.storing && works, details };
  }
}

/** A schema that comes in less time is no wait to speak of. */
const WAITS_SECONDS = 1;
const SHOWN_WAITS = 20;

function waitInWords({ topic, partition, offset, seconds, awaits }: StandingRecord): string {
  return `${topic}, partition ${partition}, offset ${offset}: ${awaits} for ${Math.round(seconds)} s`;
}
