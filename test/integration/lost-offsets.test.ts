import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { Admin } from 'kafkajs';
import { failPointEnv } from '../../faults/fail-points.js';
import type { Instance } from '../support/instance.js';
import { eventually, type TestBroker } from '../support/kafka.js';
import { labelOf, type StageTopics } from '../support/outputs.js';
import { makeStage, startStage } from '../support/stage.js';

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

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
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
