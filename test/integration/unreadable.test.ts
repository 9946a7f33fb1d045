import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadKafkajs } from '../../src/kafka/patches/index.js';
import { labelOf } from '../support/outputs.js';
import { makeStage, startStage } from '../support/stage.js';
import { zstdOf } from '../support/zstd.js';

const GOOD = 800;
const MAX_BATCH_BYTES = 2 * 1024 * 1024;

/** zstd is written by hand here, since Node 20 cannot. */
const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = loadKafkajs();
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async ({ buffer }: { buffer: Buffer }) => zstdOf(buffer),
  decompress: async () => assert.fail('only the stage reads it'),
});

const CASES = [
  ['at-least-once', 'gzip', CompressionTypes.GZIP],
  ['exactly-once', 'zstd', CompressionTypes.ZSTD],
] as const;

for (const [delivery, codec, compression] of CASES)
  test(`a ${codec} batch that unpacks to too much ends the stage with its place, once what lies before it is committed (${delivery})`, async t => {
    const stage = await makeStage();
    const { broker, topics, group } = stage;
    const good = (i: number) => ({
      key: String(i),
      value: JSON.stringify({ id: i, text: `about food ${i} `.repeat(40) }),
    });
    await broker.produce(
      topics.input,
      Array.from({ length: GOOD }, (_, i) => good(i)),
    );
    const kafka = new Kafka({ brokers: broker.bootstrap.split(','), logLevel: logLevel.NOTHING });
    const [producer, admin] = [kafka.producer(), kafka.admin()];
    await Promise.all([producer.connect(), admin.connect()]);
    t.after(() => Promise.all([producer.disconnect(), admin.disconnect()]));
    const value = Buffer.alloc(MAX_BATCH_BYTES / 2);
    await producer.send({
      topic: topics.input,
      compression,
      messages: [{ value }, { value }],
    });
    await broker.produce(topics.input, [good(GOOD + 2)]);

    // One slow thread: records are still under way when the batch behind them is fetched.
    const set = { delivery, 'workers.batchRecords': '16', 'workers.count': '1' };
    const limited = { ...set, 'input.maxBatchBytes': String(MAX_BATCH_BYTES) };
    const start = (set: Record<string, string>) => startStage(t, stage, { set });
    const offsets = async () =>
      (await broker.readAll(topics.labels)).map(record => Number(labelOf(record).source.offset));

    const first = start(limited);
    assert.equal(await first.exited, 6, first.stderr);
    const place = `topic ${topics.input}, partition 0, offsets ${GOOD} to ${GOOD + 1}: a ${codec} record batch unpacks to more`;
    assert.ok(first.stderr.includes(`siftline: BATCH_TOO_LARGE: ${place}`), first.stderr);
    const before = Array.from({ length: GOOD }, (_, i) => i);
    assert.deepEqual(await offsets(), before);
    const [committed] = await admin.fetchOffsets({ groupId: group, topics: [topics.input] });
    assert.equal(committed?.partitions[0]?.offset, String(GOOD));

    const goTo = (offset: number) =>
      admin.setOffsets({
        groupId: group,
        topic: topics.input,
        partitions: [{ partition: 0, offset: String(offset) }],
      });
    await goTo(GOOD + 2);
    const second = start(limited);
    await broker.readAll(topics.labels, { expect: GOOD + 1 });
    assert.equal(await second.kill('SIGTERM'), 0, second.stderr);
    assert.deepEqual(await offsets(), [...before, GOOD + 2]);

    // The other way past it: a limit that holds it. Zeros are no JSON.
    await goTo(GOOD);
    const third = start(set);
    await broker.readAll(topics.rejected, { expect: 2 });
    assert.equal(await third.kill('SIGTERM'), 0, third.stderr);
  });
