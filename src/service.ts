import type { Logger } from 'pino';
import { AdminServer, type Probe } from './admin/server.js';
import { buildClassifier } from './assembly/classifier.js';
import {
  buildDecoder,
  buildMetricsPublisher,
  buildSink,
  buildSource,
  instanceName,
  type KafkaContext,
  requireStageTopics,
} from './assembly/kafka.js';
import { connectRegistry, schemaIds } from './assembly/registry.js';
import { Closers } from './closers.js';
import type { Config } from './config/schema.js';
import type { KafkaSource } from './consumer/kafka-source.js';
import { lagOf } from './consumer/lag.js';
import { messageOf } from './errors.js';
import { KafkaAdmin } from './kafka/admin.js';
import { connectTo } from './kafka/client.js';
import { Recorder } from './metrics/recorder.js';
import { Windows } from './metrics/window.js';
import { Pipeline } from './pipeline.js';
import { createPolicy } from './policy/policy.js';
import type { KafkaSink } from './producer/kafka-sink.js';
import { shippedSchema } from './producer/schemas.js';

export interface ServiceOptions {
  readonly config: Config;
  readonly version: string;
  readonly log: Logger;
}

type Phase = 'starting' | 'running' | 'draining';

const LAG_EVERY_MS = 5_000;

/**
 * The stage, whole: builds the parts in order, runs the pipeline, and closes the parts in reverse. The model is checked
 * and warm, and the topics are there, before the consumer group is joined.
 */
export class Service {
  readonly #options: ServiceOptions;
  readonly #closers: Closers;
  #phase: Phase = 'starting';
  #pipeline: Pipeline | undefined;
  #source: KafkaSource | undefined;
  #sink: KafkaSink | undefined;
  #recorder: Recorder | undefined;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#closers = new Closers(options.log);
  }

  /** Starts everything and works until `stop` is called or something cannot be mended, then closes everything. */
  async run(): Promise<void> {
    try {
      const pipeline = await this.#start();
      if (this.#phase === 'draining') return;
      this.#phase = 'running';
      await pipeline.run();
    } finally {
      this.#phase = 'draining';
      await this.#closers.close();
    }
  }

  /** No more records are taken; `run` returns when what was taken is stored and committed. */
  stop(): void {
    this.#phase = 'draining';
    this.#source?.stop();
  }

  async #start(): Promise<Pipeline> {
    const { config, version, log } = this.#options;
    const { classifier, pool, folder } = await buildClassifier(config, log, () =>
      this.#recorder?.registry.counter('siftline_worker_restarts_total').inc(),
    );
    const recorder = this.#record(new Recorder(folder.info.tasks));
    const policy = createPolicy(config.policy, folder.info.tasks);
    await this.#openAdmin(recorder);
    this.#closers.push('workers', () => classifier.close());
    const registry = connectRegistry(config);
    const schemas = { labels: shippedSchema('classification'), metrics: shippedSchema('metrics-window') };
    const kafka = connectTo(config.kafka, log);
    const admin = await KafkaAdmin.open(kafka, config.kafka.brokers);
    this.#closers.push('admin client', () => admin.close());
    const [partitions, ids] = await Promise.all([
      requireStageTopics(admin, config),
      schemaIds(config, registry, schemas),
      classifier.open(),
    ]);
    const { info: model } = folder;
    log.info(
      {
        event: 'model_ready',
        model: model.name,
        version: model.version,
        tasks: model.tasks.map(task => task.name),
        workers: pool.threads,
      },
      'model loaded',
    );
    recorder.registry.gauge('siftline_workers').set(pool.threads);
    recorder.registry
      .gauge('siftline_model_info')
      .set({ name: model.name, version: model.version, sha256: model.sha256, precision: model.precision }, 1);
    const context: KafkaContext = { config, model, version, schemas, schemaIds: ids, partitions, log };
    const sink = buildSink(context, {
      encoded: ms => recorder.stage('encode', ms),
      retried: () => recorder.registry.counter('siftline_publish_retries_total').inc(),
    });
    this.#sink = sink;
    await sink.open();
    this.#closers.push('sink', () => sink.close());
    await this.#publishWindows(context, recorder);
    const source = await this.#openSource(recorder);
    this.#closers.push(
      'lag',
      every(LAG_EVERY_MS, () => this.#lookAtLag(admin, recorder)),
    );
    this.#pipeline = new Pipeline({
      source,
      decoder: buildDecoder(config, registry),
      classifier,
      judge: scored => policy.judge(scored),
      sink,
      events: {
        taken: records => recorder.taken(records),
        revoked: records => recorder.revoked(records),
        stage: (stage, ms) => recorder.stage(stage, ms),
        classified: timings => recorder.classified(timings),
        stored: outcomes => recorder.stored(outcomes),
        waiting: error =>
          log.warn({ event: 'decode_waits', error: messageOf(error) }, 'waiting for the schema registry'),
      },
    });
    return this.#pipeline;
  }

  #record(recorder: Recorder): Recorder {
    this.#recorder = recorder;
    recorder.registry.gauge('siftline_build_info').set({ version: this.#options.version, node: process.version }, 1);
    return recorder;
  }

  async #openAdmin(recorder: Recorder): Promise<void> {
    const { config, log } = this.#options;
    const server = new AdminServer({
      live: () => this.#live(),
      ready: () => this.#ready(),
      metrics: async () => {
        this.#measure(recorder);
        return { contentType: recorder.registry.contentType, body: await recorder.registry.text() };
      },
    });
    const port = await server.open(config.metrics.host, config.metrics.port);
    this.#closers.push('admin server', () => server.close());
    log.info({ event: 'listening', host: config.metrics.host, port }, 'probes and metrics');
  }

  async #openSource(recorder: Recorder): Promise<KafkaSource> {
    const { config, log } = this.#options;
    const source = buildSource(
      { config, log },
      {
        assigned: partitions => recorder.registry.gauge('siftline_assigned_partitions').set(partitions),
        rebalanced: () => recorder.registry.counter('siftline_rebalances_total').inc(),
        committed: ms => recorder.committed(ms),
      },
    );
    this.#source = source;
    this.#closers.push('source', () => source.close());
    if (this.#phase === 'draining') source.stop();
    await source.open();
    return source;
  }

  async #publishWindows(context: KafkaContext, recorder: Recorder): Promise<void> {
    const { config, model } = context;
    const { windowSeconds } = config.metrics;
    if (windowSeconds === 0) return;
    const windows = new Windows(recorder, { instance: instanceName(config), stage: config.name, model });
    await windows.begin();
    const publisher = buildMetricsPublisher(context, connectTo(config.kafka, context.log), () =>
      recorder.registry.counter('siftline_metrics_windows_lost_total').inc(),
    );
    const publish = async () => {
      this.#measure(recorder);
      await publisher.publish(await windows.take());
    };
    const stopTimer = every(windowSeconds * 1000, publish);
    this.#closers.push('metrics records', async () => {
      await stopTimer();
      await publish();
      await publisher.close();
    });
  }

  async #lookAtLag(admin: KafkaAdmin, recorder: Recorder): Promise<void> {
    const { config, log } = this.#options;
    const gauge = recorder.registry.gauge('siftline_consumer_lag_records');
    try {
      const lags = await lagOf(admin, config.input.group, this.#source?.positions() ?? []);
      gauge.reset();
      for (const { topic, partition, records } of lags) gauge.set({ topic, partition }, Number(records));
    } catch (error) {
      log.debug({ event: 'lag_unknown', error: messageOf(error) }, 'lag could not be read');
    }
  }

  #measure({ registry }: Recorder): void {
    const held = this.#source?.held ?? { records: 0, bytes: 0, pausedPartitions: 0 };
    registry.gauge('siftline_held_records').set(held.records);
    registry.gauge('siftline_held_bytes').set(held.bytes);
    registry.gauge('siftline_paused_partitions').set(held.pausedPartitions);
    registry.gauge('siftline_ready').set(this.#ready().ok ? 1 : 0);
  }

  /** Fails only when inference has work and nothing moves; an outage of brokers or registry is no reason to restart. */
  #live(): Probe {
    const stalledMs = Math.round(this.#pipeline?.stalledMs ?? 0);
    return { ok: stalledMs < this.#options.config.health.stallSeconds * 1000, details: { stalledMs } };
  }

  #ready(): Probe {
    const details = {
      phase: this.#phase,
      joined: this.#source?.ready ?? false,
      storing: this.#sink?.ready ?? false,
    };
    return { ok: details.phase === 'running' && details.joined && details.storing, details };
  }
}

/** Runs a task again and again, an interval after it last ended; the returned function stops it and waits for the last. */
function every(ms: number, task: () => Promise<void>): () => Promise<void> {
  let stopped = false;
  let running = Promise.resolve();
  const again = () => {
    if (stopped) return;
    running = task().finally(() => {
      if (!stopped) timer = setTimeout(again, ms);
    });
  };
  let timer = setTimeout(again, ms);
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await running;
  };
}
