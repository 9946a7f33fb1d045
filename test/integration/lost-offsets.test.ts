import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Admin } from 'kafkajs';
import { pino } from 'pino';
import { failPointEnv } from '../../faults/fail-points.js';
import { configSchema } from '../../src/config/schema.js';
import { KafkaSource } from '../../src/consumer/kafka-source.js';
import type { Instance } from '../support/instance.js';
import { eventually, type TestBroker } from '../support/kafka.js';
import { labelOf, type StageTopics } from '../support/outputs.js';
import { makeStage, range, startStage, TestStage } from '../support/stage.js';

interface Stage {
  readonly broker: TestBroker;
  readonly topics: StageTopics;
  start(set: Record<string, string>, env?: Record<string, string>): Instance;
  deleteBefore(offset: number): Promise<void>;
  produce(from: number, to: number): Promise<void>;
  committed(): Promise<string | undefined>;
  /** In the name of the group, while nobody is in it. */
  commit(offset: string): Promise<void>;
  /** The ids of what was labelled, in the order it was stored. */
  labels(): Promise<number[]>;
}

async function stage(t: TestContext): Promise<Stage> {
  const made = await makeStage();
  const { broker, topics, group } = made;
  const asAdmin = async <T>(ask: (admin: Admin) => Promise<T>): Promise<T> => {
    const admin = broker.kafka().admin();
    await admin.connect();
    try {
      return await ask(admin);
    } finally {
      await admin.disconnect();
    }
  };
  return {
    broker,
    topics,
    deleteBefore: offset =>
      asAdmin(async admin => {
        // Loads what kafkajs knows of the topic, without which it cannot delete in it.
        await admin.fetchTopicOffsets(topics.input);
        await admin.deleteTopicRecords({
          topic: topics.input,
          partitions: [{ partition: 0, offset: String(offset) }],
        });
      }),
    start: (set, env = {}) => startStage(t, made, { set, env }),
    produce: (from, to) =>
      broker.produce(
        topics.input,
        Array.from({ length: to - from }, (_, i) => ({ value: JSON.stringify({ id: from + i, text: 'about food' }) })),
      ),
    commit: offset =>
      asAdmin(admin =>
        admin.setOffsets({ groupId: group, topic: topics.input, partitions: [{ partition: 0, offset }] }),
      ),
    committed: () =>
      asAdmin(async admin => {
        const [found] = await admin.fetchOffsets({ groupId: group, topics: [topics.input] });
        return found?.partitions[0]?.offset;
      }),
    labels: async () => (await broker.readAll(topics.labels)).map(record => Number(labelOf(record).source.textId)),
  };
}

/** Ten records are done and committed, ten more come while the stage is down, and the oldest fifteen are deleted. */
async function passedByRetention(run: Stage, set: Record<string, string> = {}): Promise<void> {
  await run.produce(0, 10);
  const first = run.start(set);
  await eventually('the first ten are done', async () => (await first.metric('siftline_records_total')) === 10);
  assert.equal(await first.kill('SIGTERM'), 0, first.stderr);
  assert.equal(await run.committed(), '10');
  await run.produce(10, 20);
  await run.deleteBefore(15);
}

describe('a committed offset that retention has passed', () => {
  test('stops the stage, which says what is missing and how to go on, and commits nothing', async t => {
    const run = await stage(t);
    await passedByRetention(run);
    const second = run.start({});
    assert.equal(await second.exited, 6, second.stderr);
    assert.match(second.stderr, /partition 0: offset 10 is next .* only 15 to 20: retention has deleted 5 offsets/);
    assert.match(second.stderr, /input\.onLostOffsets.*kafka-consumer-groups\.sh/);
    assert.equal(await run.committed(), '10');
    assert.deepEqual(await run.labels(), range(0, 10));
  });

  for (const delivery of ['at-least-once', 'exactly-once']) {
    test(`is passed over with earliest, told and counted (${delivery})`, async t => {
      const run = await stage(t);
      await passedByRetention(run, { delivery });
      const second = run.start({ delivery, 'input.onLostOffsets': 'earliest' });
      const { wanted, from, records } = await second.event('offset_lost');
      assert.deepEqual([wanted, from, records], ['10', '15', 5]);
      await eventually('the rest is done', async () => (await second.metric('siftline_records_total')) === 5);
      assert.equal(await second.metric('siftline_records_lost_total'), 5);
      assert.equal(await second.kill('SIGTERM'), 0, second.stderr);
      assert.deepEqual(await run.labels(), [...range(0, 10), ...range(15, 20)]);
      assert.equal(await run.committed(), '20');
    });
  }

  for (const delivery of ['at-least-once', 'exactly-once']) {
    test(`with latest goes on behind what is there, and a restart does not lose more (${delivery})`, async t => {
      const run = await stage(t);
      await passedByRetention(run, { delivery });
      const set = { delivery, 'input.onLostOffsets': 'latest' };
      const second = run.start(set);
      const { from, records } = await second.event('offset_lost');
      assert.deepEqual([from, records], ['20', 10]);
      await eventually('the new position is committed', async () => (await run.committed()) === '20');
      assert.equal(await second.kill('SIGTERM'), 0, second.stderr);
      await run.produce(20, 25);
      const third = run.start(set);
      await eventually('the new ones are done', async () => (await third.metric('siftline_records_total')) === 5);
      assert.equal(await third.metric('siftline_records_lost_total'), 0);
      assert.equal(await third.kill('SIGTERM'), 0, third.stderr);
      assert.deepEqual(await run.labels(), [...range(0, 10), ...range(20, 25)]);
    });
  }
});

test('a stage that stops at work has stored and committed what it read before', async t => {
  const run = await stage(t);
  for (let i = 0; i < 100; i += 10) await run.produce(i, i + 10);
  const small = { 'input.fetchMaxBytes': '1024', 'input.bufferRecords': '5', 'workers.batchRecords': '2' };
  const instance = run.start(small, failPointEnv('classified=stop@3', 'dist'));
  await eventually('it has stopped itself', () => instance.state === 'T');
  await run.deleteBefore(80);
  instance.signal('SIGCONT');
  assert.equal(await instance.exited, 6, instance.stderr);
  const wanted = /offset (\d+) is next/.exec(instance.stderr)?.[1];
  assert.deepEqual(await run.labels(), range(0, Number(wanted)));
  assert.equal(await run.committed(), wanted);
});

for (const delivery of ['at-least-once', 'exactly-once']) {
  test(`retention that overtakes a stage at work costs only what was not read (${delivery})`, async t => {
    const run = await stage(t);
    // Ten fetches, of which a stage with this buffer has read a few when it is held up.
    for (let i = 0; i < 100; i += 10) await run.produce(i, i + 10);
    const small = { 'input.fetchMaxBytes': '1024', 'input.bufferRecords': '5', 'workers.batchRecords': '2' };
    const set = { delivery, 'input.onLostOffsets': 'earliest', ...small };
    const instance = run.start(set, failPointEnv('classified=stop@3', 'dist'));
    await eventually('it has stopped itself', () => instance.state === 'T');
    await run.deleteBefore(80);
    instance.signal('SIGCONT');
    const { wanted, from, records } = await instance.event('offset_lost');
    const read = Number(wanted);
    assert.ok(read > 0 && read < 80, `${wanted} is next`);
    assert.deepEqual([from, records], ['80', 80 - read]);
    await eventually('the rest is done', async () => (await instance.metric('siftline_records_total')) === read + 20);
    assert.equal(await instance.kill('SIGTERM'), 0, instance.stderr);
    assert.deepEqual(await run.labels(), [...range(0, read), ...range(80, 100)]);
    assert.equal(await run.committed(), '100');
  });

  test(`a topic that ends before the committed offset, since it was made anew, is read from its beginning with earliest (${delivery})`, async t => {
    const run = await stage(t);
    await run.produce(0, 3);
    await run.commit('100');
    const instance = run.start({ delivery, 'input.onLostOffsets': 'earliest' });
    const { wanted, from, records } = await instance.event('offset_lost');
    assert.deepEqual([wanted, from, records], ['100', '0', 0]);
    await eventually('all are done', async () => (await run.labels()).length === 3);
    assert.equal(await instance.kill('SIGTERM'), 0, instance.stderr);
    assert.deepEqual(await run.labels(), range(0, 3));
    assert.equal(await run.committed(), '3');
  });
}

describe('a committed offset that is gone, exactly once', () => {
  const delivery = 'exactly-once';
  /** A stage that has stored ten records, the last of them a dead letter, and whose offsets an admin then deletes. */
  const forgotten = async (t: TestContext, partitions = 1) => {
    const run = await TestStage.create(t, { partitions, set: { delivery } });
    await run.produce(0, 9);
    await run.broker.produce(run.topics.input, [{ partition: 0, value: 'not JSON' }]);
    const first = run.start();
    await eventually('the first ten are done', async () => (await run.committed()) === '10');
    assert.equal(await first.kill('SIGTERM'), 0, first.stderr);
    await forget(run);
    return run;
  };
  const forget = async (run: TestStage) => {
    await run.admin(admin => admin.deleteGroups([run.group]));
    assert.equal(await run.committed(), '-1');
  };

  test('stops the stage by default, which names where to go on, and nothing is answered again', async t => {
    const run = await forgotten(t);
    await run.produce(10, 12);
    const second = run.start();
    assert.equal(await second.exited, 6, second.stderr);
    assert.match(second.stderr, /OFFSET_LOST.*no committed offset, but has stored results up to offset 9/);
    assert.match(second.stderr, /--reset-offsets --to-offset 10 --execute/);
    assert.deepEqual(await run.labels(), range(0, 9));
    assert.equal(await run.committed(), '-1');
    await run.admin(admin =>
      admin.setOffsets({ groupId: run.group, topic: run.topics.input, partitions: [{ partition: 0, offset: '10' }] }),
    );
    const third = run.start();
    await eventually('it has gone on', async () => (await run.committed()) === '12');
    assert.equal(await third.kill('SIGTERM'), 0, third.stderr);
    assert.deepEqual(await run.labels(), [...range(0, 9), ...range(10, 12)]);
  });

  test('with earliest the records are answered again, and told', async t => {
    const run = await forgotten(t);
    const second = run.start({ 'input.onLostOffsets': 'earliest', 'input.startFrom': 'latest' });
    const { wanted, from, records } = await second.event('offset_lost');
    assert.deepEqual([wanted, from, records], ['10', '0', 0]);
    await eventually('all are done again', async () => (await run.committed()) === '10');
    assert.equal(await second.kill('SIGTERM'), 0, second.stderr);
    assert.deepEqual(await run.labels(), [...range(0, 9), ...range(0, 9)]);
  });

  test('with latest what came meanwhile is passed over and counted, and a restart passes over no more', async t => {
    const run = await forgotten(t);
    await run.produce(10, 15);
    const set = { 'input.onLostOffsets': 'latest' };
    const second = run.start(set);
    const { wanted, records } = await second.event('offset_lost');
    assert.deepEqual([wanted, records], ['10', 5]);
    assert.equal(await second.metric('siftline_records_lost_total'), 5);
    assert.equal(await second.kill('SIGTERM'), 0, second.stderr);
    await run.produce(15, 18);
    const third = run.start(set);
    await eventually('the new ones are done', async () => (await third.metric('siftline_records_total')) === 3);
    assert.equal(await third.kill('SIGTERM'), 0, third.stderr);
    assert.deepEqual(await run.labels(), [...range(0, 9), ...range(15, 18)]);
  });

  test('another group on the same topics is new, and begins where it is told to', async t => {
    const run = await forgotten(t);
    for (const [startFrom, expected] of [
      ['earliest', [...range(0, 9), ...range(0, 9)]],
      ['latest', [...range(0, 9), ...range(0, 9)]],
    ] as const) {
      const other = run.start({ 'input.group': `${run.group}.${startFrom}`, 'input.startFrom': startFrom });
      const done = startFrom === 'earliest' ? 10 : 0;
      await other.event('assigned');
      await eventually('it has done them', async () => (await other.metric('siftline_records_total')) === done);
      assert.equal(await other.kill('SIGTERM'), 0, other.stderr);
      assert.deepEqual(await run.labels(), expected);
    }
  });

  test('stops no partition that the group has never answered, beside one that it has', async t => {
    const run = await forgotten(t, 2);
    await run.produce(20, 25, 1);
    const second = run.start({ 'input.onLostOffsets': 'latest' });
    await eventually('the other partition is done', async () => (await run.committed(1)) === '5');
    assert.equal(await run.committed(), '10');
    assert.equal(await second.kill('SIGTERM'), 0, second.stderr);
    assert.deepEqual(await run.labels(), [...range(0, 9), ...range(20, 25)]);
  });

  test('gone only until its former owner is shut out, is gone on from: its transaction was committed meanwhile', async t => {
    const run = await TestStage.create(t);
    await run.produce(0, 10);
    const { topics, group } = run;
    let asked = 0;
    const source = new KafkaSource({
      ...configSchema.parse({}).input,
      kafka: run.broker.kafka(),
      topics: [topics.input],
      group,
      fromBeginning: true,
      onLostOffsets: 'stop',
      readUncommitted: false,
      metadataMaxAgeMs: 30_000,
      commits: false,
      limits: { records: 100, bytes: 1_000_000, batchRecords: 100, batchBytes: 1_000_000 },
      storedBefore: async ([missing]) => {
        asked += 1;
        if (asked === 1) throw new Error('the first time the brokers are away');
        const lost = { topic: topics.input, partition: 0, wanted: 4n, low: 0n, high: 10n };
        return new Map(missing ? [[`${topics.input}/0`, { ...lost, committed: 4n }]] : []);
      },
      events: { assigned: () => {}, rebalanced: () => {}, committed: () => {}, lost: () => {} },
      log: pino({ level: 'silent' }),
    });
    t.after(() => source.close());
    await source.open();
    const batch = await source.take();
    assert.deepEqual([asked, batch?.records[0]?.offset], [2, 4n]);
  });

  test('at least once begins as before: records may be answered again', async t => {
    const run = await forgotten(t);
    const second = run.start({ delivery: 'at-least-once' });
    await eventually('all are done again', async () => (await run.committed()) === '10');
    assert.equal(await second.kill('SIGTERM'), 0, second.stderr);
    assert.deepEqual(await run.labels(), [...range(0, 9), ...range(0, 9)]);
  });
});
