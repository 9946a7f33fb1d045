import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { RegistryClient } from '../../avro/registry.js';
import type { Config } from '../../config/schema.js';
import type { BatchBudget } from '../../consumer/buffer.js';
import { createDecoder } from '../../consumer/decode/decode.js';
import { KafkaSource, type SourceEvents } from '../../consumer/kafka-source.js';
import { type KafkaAdmin, requireTopics } from '../../kafka/admin.js';
import { connectTo, type Kafka } from '../../kafka/client.js';
import { CommittedOffsets } from '../../kafka/committed-offsets.js';
import { limitBatches, loadKafkajs } from '../../kafka/patches/index.js';
import type { Decoder, ModelInfo, Sink, TopicPartition } from '../../ports.js';
import { IdempotentProducer } from '../../producer/idempotent-producer.js';
import { KafkaSink } from '../../producer/kafka-sink.js';
import { MetricsPublisher } from '../../producer/metrics-publisher.js';
import type { ResultsOptions } from '../../producer/results.js';
import { TransactionalProducer } from '../../producer/transactional-producer.js';
import { TransactionalSink, type TransactionalSinkOptions } from '../../producer/transactional-sink.js';
import type { OutputSchemas } from './registry.js';

/** What the Kafka side of the stream is built from. */
export interface KafkaContext {
  readonly config: Config;
  readonly model: ModelInfo;
  /** The small model of a cascade. */
  readonly student: ModelInfo | undefined;
  readonly version: string;
  readonly schemas: OutputSchemas;
  readonly schemaIds: { readonly labels: number; readonly metrics: number };
  /** Partitions of every topic that is read or written. */
  readonly partitions: ReadonlyMap<string, number>;
  readonly log: Logger;
}

export interface SourceParts {
  readonly events: SourceEvents;
  readonly budget: BatchBudget;
}

export function buildSource({ config, log }: Pick<KafkaContext, 'config' | 'log'>, parts: SourceParts): KafkaSource {
  const { input, workers } = config;
  limitBatches(input.maxBatchBytes);
  return new KafkaSource({
    ...input,
    kafka: connectTo(config.kafka, log),
    metadataMaxAgeMs: config.kafka.metadataMaxAgeMs,
    fromBeginning: input.startFrom === 'earliest',
    readUncommitted: input.isolation === 'read_uncommitted',
    commits: config.delivery === 'at-least-once',
    limits: {
      records: input.bufferRecords,
      bytes: input.bufferBytes,
      batchRecords: workers.batchRecords,
      batchBytes: workers.batchBytes,
    },
    ...parts,
    log,
  });
}

export function buildDecoder({ input }: Pick<Config, 'input'>, registry: RegistryClient | undefined): Decoder {
  return createDecoder({ ...input, schemas: registry });
}

/** The topics a stage reads and writes exist, and this user may see them; their partitions. */
export function requireStageTopics(
  admin: KafkaAdmin,
  { input, output, metrics }: Config,
): Promise<Map<string, number>> {
  const written = [
    output.labelsTopic,
    output.rejectedTopic,
    ...(metrics.windowSeconds > 0 ? [output.metricsTopic] : []),
  ];
  return requireTopics(admin, [...input.topics, ...written]);
}

/** What a stage publishes through: a sink that says whether it works. */
export type StageSink = Sink & { readonly ready: boolean };

export function buildSink(context: KafkaContext, events: TransactionalSinkOptions['events']): StageSink {
  const { config, log } = context;
  const options = { ...resultsOptions(context), sendBytes: config.output.sendBytes, events, log };
  if (config.delivery === 'exactly-once') return transactionalSink(context, options);
  const producer = new IdempotentProducer({ kafka: connectTo(config.kafka, log), ...producerOptions(context) });
  return new KafkaSink({ ...options, producer });
}

function resultsOptions({
  config,
  model,
  student,
  partitions,
  schemas,
  schemaIds,
  version,
}: KafkaContext): ResultsOptions {
  const topic = (name: string) => ({ name, partitions: partitions.get(name) ?? 1 });
  return {
    labels: topic(config.output.labelsTopic),
    rejected: topic(config.output.rejectedTopic),
    encoder: { schema: schemas.labels, schemaId: schemaIds.labels, model, student, policy: config.policy.version },
    rejector: {
      name: config.input.group,
      clientId: config.kafka.clientId,
      version,
      modelSha256: model.sha256,
    },
  };
}

function producerOptions({ config, log }: KafkaContext) {
  return {
    compression: compressionType(config.output.compression),
    requestTimeoutMs: config.kafka.requestTimeoutMs,
    log,
  };
}

function transactionalSink(
  context: KafkaContext,
  options: ResultsOptions & Pick<TransactionalSinkOptions, 'sendBytes' | 'events' | 'log'>,
): TransactionalSink {
  const { config, log } = context;
  const { group } = config.input;
  // One client for the producers of all partitions: they share what they know of the cluster.
  const kafka = connectTo(config.kafka, log);
  const offsets = new CommittedOffsets(kafka, group);
  const producerFor = (input: TopicPartition) =>
    new TransactionalProducer({
      kafka,
      group,
      input,
      transactionalId: transactionalIdOf(config, input),
      transactionTimeoutMs: config.kafka.transactionTimeoutMs,
      committed: () => offsets.of(input),
      ...producerOptions(context),
    });
  return new TransactionalSink({
    ...options,
    producerFor,
    shared: offsets,
    maxRecords: config.workers.batchRecords * 2,
  });
}

/** One per input partition: whoever holds it may store the partition's results. */
export function transactionalIdOf(
  { kafka, input }: Pick<Config, 'kafka' | 'input'>,
  { topic, partition }: TopicPartition,
): string {
  return `${kafka.transactionalIdPrefix ?? input.group}-${topic}-${partition}`;
}

/** One name per process: two instances on one host, or one restarted, are told apart. */
export function instanceName({ kafka }: Pick<Config, 'kafka'>): string {
  return `${kafka.clientId}@${hostname()}:${process.pid}`;
}

export function buildMetricsPublisher(context: KafkaContext, kafka: Kafka, onLost: () => void): MetricsPublisher {
  const { config, partitions, schemas, schemaIds, log } = context;
  const topic = config.output.metricsTopic;
  return new MetricsPublisher({
    kafka,
    topic,
    partitions: partitions.get(topic) ?? 1,
    instance: instanceName(config),
    schema: schemas.metrics,
    schemaId: schemaIds.metrics,
    onLost,
    log,
  });
}

/** kafkajs' number of the codec. */
export function compressionType(name: Config['output']['compression']): number {
  const { CompressionTypes } = loadKafkajs();
  const types = {
    none: CompressionTypes.None,
    gzip: CompressionTypes.GZIP,
    snappy: CompressionTypes.Snappy,
    lz4: CompressionTypes.LZ4,
    zstd: CompressionTypes.ZSTD,
  };
  return types[name];
}
