import type { Logger } from 'pino';
import type { RegistryClient } from '../../avro/registry.js';
import type { Config } from '../../config/schema.js';
import { readSecret } from '../../config/secrets.js';
import type { BatchBudget } from '../../consumer/buffer.js';
import { createDecoder } from '../../consumer/decode/decode.js';
import type { SchemaWait } from '../../consumer/decode/schemas.js';
import { KafkaSource, type SourceEvents, type StoredBefore } from '../../consumer/kafka-source.js';
import { type KafkaAdmin, requireTopics } from '../../kafka/admin.js';
import { connectTo } from '../../kafka/client.js';
import { limitBatches, loadKafkajs } from '../../kafka/patches/index.js';
import { routeTopics } from '../../policy/decision-rule.js';
import type { Decoder, ModelInfo, Sink, TopicPartition } from '../../ports.js';
import { IdempotentProducer } from '../../producer/idempotent-producer.js';
import { KafkaSink } from '../../producer/kafka-sink.js';
import type { Answerer } from '../../producer/label-record.js';
import type { ResultsOptions } from '../../producer/results.js';
import type { TransactionalSinkOptions } from '../../producer/transactional-sink.js';
import { buildAnswers, buildRoutes, type OutputFramings } from './answers.js';

/** Holds what the Kafka side of the stage is built from. */
export interface KafkaContext {
  readonly config: Config;
  readonly model: ModelInfo;
  /** The small model of a cascade; undefined without one. */
  readonly student: ModelInfo | undefined;
  readonly version: string;
  readonly policy: Answerer['policy'];
  readonly framings: OutputFramings;
  /** The group whose committed offsets move with the results; undefined in a replay, which moves none. */
  readonly group: string | undefined;
  /** Number of partitions of every topic that is read or written. */
  readonly partitions: ReadonlyMap<string, number>;
  readonly log: Logger;
}

export interface SourceParts {
  readonly decoder: Decoder;
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
    storedBefore: config.delivery === 'exactly-once' ? storedResultsOf({ config, log }) : undefined,
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

/** Returns the search for results of the group; its code is loaded when a partition has no committed offset. */
function storedResultsOf({ config, log }: Pick<KafkaContext, 'config' | 'log'>): StoredBefore {
  return async missing => {
    const [{ LogReader }, { findStoredResults }, { offsets, producerFor }] = await Promise.all([
      import('../../kafka/log-reader.js'),
      import('./stored-results.js'),
      transactionalProducers({ config, log }),
    ]);
    const { kafka, input, output } = config;
    const reader = await LogReader.open({
      kafka: connectTo(kafka, log),
      brokers: kafka.brokers,
      readUncommitted: false,
      fetchBytes: SEARCH_FETCH_BYTES,
    });
    const takeOver = async (where: TopicPartition) => {
      const producer = producerFor(where);
      try {
        return await producer.takeOver();
      } finally {
        await producer.close();
      }
    };
    try {
      const prefix = output.schemaVersion === 1 ? 'siftline.' : `${output.field}.`;
      const outputs = [
        { topic: output.labelsTopic, prefix },
        { topic: output.rejectedTopic, prefix: 'siftline.' },
      ];
      return await findStoredResults({ reader, group: input.group, outputs, takeOver, log }, missing);
    } finally {
      await Promise.all([reader.close(), offsets.close()]);
    }
  };
}

const SEARCH_FETCH_BYTES = 1024 * 1024;

/** Builds the decoder of the input. The Avro code is loaded only for Avro input. */
export async function buildDecoder(
  { config, log }: Pick<KafkaContext, 'config' | 'log'>,
  schemas: RegistryClient | undefined,
): Promise<Decoder> {
  const { input, registry, output } = config;
  const options = { ...input, include: output.include, redact: output.redact };
  if (input.format !== 'avro') return createDecoder(options);
  const { createAvroReader } = await import('../../consumer/decode/avro.js');
  const waits = (wait: SchemaWait) => log.warn({ event: 'decode_waits', ...wait }, 'waiting for the schema registry');
  const { giveUpSeconds } = registry;
  return createDecoder({ ...options, avro: schemas && createAvroReader(schemas, { giveUpSeconds, waits }) });
}

/**
 * Checks that the topics of a stage exist and that this user may see them. Returns the number of partitions of each.
 * Throws TOPIC_MISSING.
 */
export function requireStageTopics(
  admin: KafkaAdmin,
  { input, output, metrics }: Config,
): Promise<Map<string, number>> {
  const written = [
    output.labelsTopic,
    output.rejectedTopic,
    ...routeTopics(output.routes),
    ...(metrics.windowSeconds > 0 ? [output.metricsTopic] : []),
  ];
  return requireTopics(admin, [...input.topics, ...written]);
}

/** A sink that also says whether it works. */
export type StageSink = Sink & { readonly ready: boolean };

export async function buildSink(context: KafkaContext, events: TransactionalSinkOptions['events']): Promise<StageSink> {
  const { config, log } = context;
  const options = { ...(await resultsOptions(context)), sendBytes: config.output.sendBytes, events, log };
  if (config.delivery === 'exactly-once') return transactionalSink(context, options);
  const producer = new IdempotentProducer({ kafka: connectTo(config.kafka, log), ...producerOptions(context) });
  return new KafkaSink({ ...options, producer });
}

async function resultsOptions(context: KafkaContext): Promise<ResultsOptions> {
  const { config, model, student, partitions, framings, policy, version, group } = context;
  const answerer = { model, student, policy, group };
  const topic = (name: string) => ({ name, partitions: partitions.get(name) ?? 1 });
  return {
    labels: topic(config.output.labelsTopic),
    rejected: topic(config.output.rejectedTopic),
    answers: await buildAnswers(config, answerer, framings),
    routes: await buildRoutes(config, answerer, topic),
    rejector: {
      name: config.input.group,
      clientId: config.kafka.clientId,
      version,
      modelSha256: model.sha256,
      springHeaders: config.output.springHeaders,
      group,
    },
  };
}

function producerOptions({ config, log }: Pick<KafkaContext, 'config' | 'log'>) {
  return {
    compression: compressionType(config.output.compression),
    requestTimeoutMs: config.kafka.requestTimeoutMs,
    log,
  };
}

/** Builds the sink for exactly-once delivery; its code is loaded only for that. */
async function transactionalSink(
  context: KafkaContext,
  options: ResultsOptions & Pick<TransactionalSinkOptions, 'sendBytes' | 'events' | 'log'>,
): Promise<StageSink> {
  const [{ TransactionalSink }, { offsets, producerFor }] = await Promise.all([
    import('../../producer/transactional-sink.js'),
    transactionalProducers(context),
  ]);
  return new TransactionalSink({
    ...options,
    producerFor,
    shared: offsets,
    maxRecords: context.config.workers.batchRecords * 2,
  });
}

/** Makes what writes the transactions of input partitions; `offsets` is shared, and closed by its user. */
async function transactionalProducers({ config, log }: Pick<KafkaContext, 'config' | 'log'>) {
  const [{ CommittedOffsets }, { TransactionalProducer }] = await Promise.all([
    import('../../kafka/committed-offsets.js'),
    import('../../producer/transactional-producer.js'),
  ]);
  const { group } = config.input;
  // The producers of all partitions share one client, and with it the metadata of the cluster.
  const kafka = connectTo(config.kafka, log);
  const offsets = new CommittedOffsets(kafka, group);
  const producerFor = (input: TopicPartition) =>
    new TransactionalProducer({
      kafka,
      group,
      input,
      transactionalId: transactionalIdOf(config, input),
      otherId: otherTransactionalIdOf(config, input),
      transactionTimeoutMs: config.kafka.transactionTimeoutMs,
      committed: () => offsets.of(input),
      ...producerOptions({ config, log }),
    });
  return { offsets, producerFor };
}

/**
 * Returns the transactional id of an input partition. The instance that holds the partition stores its results under
 * it, and fences the instance before it.
 *
 *     spelling 1 = prefix "-" topic "-" partition      "a" and "b-c" give what "a-b" and "c" give
 *     spelling 2 = prefix "-:" topic ":" partition     read from the end, it has one meaning: no topic holds a colon
 */
export function transactionalIdOf(
  { kafka, input }: Pick<Config, 'kafka' | 'input'>,
  { topic, partition }: TopicPartition,
  spelling = kafka.transactionalIdSpelling ?? 1,
): string {
  const prefix = kafka.transactionalIdPrefix ?? input.group;
  return spelling === 2 ? `${prefix}-:${topic}:${partition}` : `${prefix}-${topic}-${partition}`;
}

/**
 * Returns the id of an input partition in the other spelling; undefined where no spelling is given, since nothing has
 * been changed there.
 */
export function otherTransactionalIdOf(
  config: Pick<Config, 'kafka' | 'input'>,
  input: TopicPartition,
): string | undefined {
  const { transactionalIdSpelling: spelling } = config.kafka;
  return spelling === undefined ? undefined : transactionalIdOf(config, input, spelling === 2 ? 1 : 2);
}

/** Returns kafkajs' number of the codec. */
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

/** Returns the client of the configured registry, or undefined without one. Its code is loaded only with one. */
export async function connectRegistry({ registry }: Pick<Config, 'registry'>): Promise<RegistryClient | undefined> {
  if (!registry.url) return undefined;
  const { RegistryClient } = await import('../../avro/registry.js');
  const { username, passwordFile, bearerTokenFile } = registry;
  return new RegistryClient({
    url: registry.url,
    basic:
      username && passwordFile ? () => `${username}:${readSecret(passwordFile, 'registry.passwordFile')}` : undefined,
    bearer: bearerTokenFile ? () => readSecret(bearerTokenFile, 'registry.bearerTokenFile') : undefined,
    timeoutMs: registry.timeoutMs,
    attempts: registry.retries + 1,
  });
}
