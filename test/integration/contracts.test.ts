import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka } from 'kafkajs';
import { pino } from 'pino';
import { recordsOnly } from '../../src/consumer/buffer.js';
import { KafkaSource } from '../../src/consumer/kafka-source.js';
import { CommittedOffsets } from '../../src/kafka/committed-offsets.js';
import { loadKafkajs } from '../../src/kafka/patches/index.js';
import type { SourceRecord } from '../../src/ports.js';
import { IdempotentProducer } from '../../src/producer/idempotent-producer.js';
import { KafkaSink, type KafkaSinkOptions } from '../../src/producer/kafka-sink.js';
import { shippedSchema } from '../../src/producer/schemas.js';
import { TransactionalProducer } from '../../src/producer/transactional-producer.js';
import { TransactionalSink } from '../../src/producer/transactional-sink.js';
import { type StoredOutcome, sinkContract } from '../contracts/sink.contract.js';
import { sourceContract } from '../contracts/source.contract.js';
import { sharedBroker, type TestBroker, uniqueName } from '../support/kafka.js';
import { firstAnswers } from '../support/label-record.js';
import { MEMORY_MODEL } from '../support/memory-classifier.js';
import { headerOf, labelOf } from '../support/outputs.js';

const log = pino({ level: 'silent' });
const COMMIT_MS = 20;

interface Group {
  readonly broker: TestBroker;
  readonly topic: string;
  readonly group: string;
}

async function openSource({ broker, topic, group }: Group, batchRecords: number, kafka = broker.kafka()) {
  const source = new KafkaSource({
    kafka,
    topics: [topic],
    group,
    fromBeginning: true,
    onLostOffsets: 'stop',
    readUncommitted: false,
    sessionTimeoutMs: 6_000,
    rebalanceTimeoutMs: 1_000,
    heartbeatIntervalMs: 100,
    metadataMaxAgeMs: 30_000,
    fetchMaxBytes: 1_000_000,
    fetchMaxWaitMs: 50,
    commitIntervalMs: COMMIT_MS,
    commits: true,
    limits: { records: 1_000, bytes: 1_000_000, batchRecords: 1_000, batchBytes: 1_000_000 },
    budget: recordsOnly(batchRecords),
    events: { assigned: () => {}, rebalanced: () => {}, committed: () => {}, lost: () => {} },
    log,
  });
  await source.open();
  return source;
}

async function committedBy({ broker, topic, group }: Group): Promise<Map<number, bigint>> {
  await sleep(COMMIT_MS * 10);
  const admin = broker.kafka().admin();
  await admin.connect();
  const [offsets] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
  await admin.disconnect();
  const known = (offsets?.partitions ?? []).filter(({ offset }) => offset !== '-1');
  return new Map(known.map(({ partition, offset }) => [partition, BigInt(offset)]));
}

async function append({ broker, topic }: Group, partition: number, count: number): Promise<void> {
  if (count === 0) return;
  const messages = Array.from({ length: count }, (_, i) => ({ partition, value: `text ${i}` }));
  await broker.produce(topic, messages);
}

sourceContract({
  name: 'KafkaSource on a broker',
  can: new Set(['append', 'gather', 'commit', 'rebalance']),
  rig: async (_, counts) => {
    const group: Group = { broker: await sharedBroker(), topic: uniqueName('source'), group: uniqueName('group') };
    await group.broker.createTopics({ topic: group.topic, partitions: counts.length });
    for (const [partition, count] of counts.entries()) await append(group, partition, count);
    return {
      open: batchRecords => openSource(group, batchRecords),
      append: (partition, count) => append(group, partition, count),
      committed: () => committedBy(group),
      rebalance: async () => {
        // Another member comes, for which the first one lets go of what it has, and leaves again.
        const other = await openSource(group, 2);
        await other.close();
      },
    };
  },
});

interface Outputs {
  readonly broker: TestBroker;
  readonly labels: string;
  readonly rejected: string;
  readonly options: Pick<KafkaSinkOptions, 'labels' | 'rejected' | 'answers' | 'rejector' | 'sendBytes' | 'log'>;
  stored(): Promise<StoredOutcome[]>;
}

async function outputs(partitions: number): Promise<Outputs> {
  const broker = await sharedBroker();
  const [labels, rejected] = [uniqueName('labels'), uniqueName('rejected')];
  await broker.createTopics(
    { topic: labels, partitions, config: { 'max.message.bytes': '50000' } },
    { topic: rejected, partitions },
  );
  const options = {
    labels: { name: labels, partitions },
    rejected: { name: rejected, partitions },
    answers: firstAnswers({
      schema: shippedSchema('classification'),
      schemaId: 1,
      model: MEMORY_MODEL,
      policy: 'test',
    }),
    rejector: { name: 'test', clientId: 'test', version: '0', modelSha256: MEMORY_MODEL.sha256 },
    sendBytes: 1_000_000,
    log,
  };
  const stored = async () => [
    ...(await broker.readAll(labels)).map(storedLabel),
    ...(await broker.readAll(rejected)).map(storedRejection),
  ];
  return { broker, labels, rejected, options, stored };
}

const PRODUCER = { compression: loadKafkajs().CompressionTypes.None, requestTimeoutMs: 10_000, log };

sinkContract({
  name: 'KafkaSink on a broker',
  can: new Set(['refuse', 'keep originals']),
  rig: async (t, partitions) => {
    const { broker, options, stored } = await outputs(partitions);
    const producer = new IdempotentProducer({ kafka: broker.kafka(), ...PRODUCER });
    const sink = new KafkaSink({ ...options, producer, events: { encoded: () => {}, retried: () => {} } });
    await sink.open();
    t.after(() => sink.close());
    return { sink, stored };
  },
});

sinkContract({
  name: 'TransactionalSink on a broker',
  can: new Set(['refuse', 'keep originals']),
  rig: async (t, partitions) => {
    const { broker, options, stored } = await outputs(partitions);
    // The offsets that go along are of real topics, or the coordinator refuses them.
    const names = Array.from({ length: partitions }, (_, partition) => `input-${partition}`);
    await broker.createTopics(...names.map(topic => ({ topic, partitions: 2 })));
    const group = uniqueName('group');
    const kafka = broker.kafka();
    const offsets = new CommittedOffsets(kafka, group);
    const sink = new TransactionalSink({
      ...options,
      shared: offsets,
      maxRecords: 1_000,
      producerFor: input =>
        new TransactionalProducer({
          kafka,
          group,
          input,
          transactionalId: `${group}-${input.topic}-${input.partition}`,
          committed: () => offsets.of(input),
          transactionTimeoutMs: 10_000,
          ...PRODUCER,
        }),
      events: { encoded: () => {}, retried: () => {}, transaction: () => {} },
    });
    await sink.open();
    t.after(() => sink.close());
    return { sink, stored };
  },
});

function storedLabel(record: SourceRecord): StoredOutcome {
  return { partition: record.partition, offset: labelOf(record).source.offset, kind: 'labelled' };
}

function storedRejection(record: SourceRecord): StoredOutcome {
  return {
    partition: record.partition,
    offset: BigInt(headerOf(record, '__connect.errors.offset') ?? -1),
    kind: 'rejected',
    reason: headerOf(record, 'siftline.error.code') ?? '',
    original: record,
  };
}

/** A client whose consumers count what they fetch. */
function counting(kafka: Kafka, fetched: () => void): Kafka {
  const consumer: Kafka['consumer'] = options => {
    const made = kafka.consumer(options);
    made.on(made.events.FETCH, fetched);
    return made;
  };
  return Object.assign(Object.create(kafka), { consumer });
}

test('while no thread is free, fetches are no closer together than a pause', async t => {
  const group: Group = { broker: await sharedBroker(), topic: uniqueName('pause'), group: uniqueName('group') };
  await group.broker.createTopics({ topic: group.topic, partitions: 1 });
  let fetches = 0;
  const kafka = counting(group.broker.kafka(), () => {
    fetches += 1;
  });
  const source = await openSource(group, 1_000, kafka);
  t.after(() => source.close());
  const taking = source.take(() => ({ threads: 1, free: 0 }));
  const producer = group.broker.kafka().producer();
  await producer.connect();
  t.after(() => producer.disconnect());
  const [from, before] = [performance.now(), fetches];
  for (let i = 0; i < 100; i++) await producer.send({ topic: group.topic, messages: [{ value: `text ${i}` }] });
  const pauses = (performance.now() - from) / 10;
  assert.ok(fetches - before <= pauses + 2, `${fetches - before} fetches in ${pauses} pauses`);
  assert.ok(fetches - before >= 3, 'it goes on fetching');
  source.stop();
  assert.equal(await taking, undefined);
});
