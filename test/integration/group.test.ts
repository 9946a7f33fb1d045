import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadKafkajs } from '../../src/kafka/patches/index.js';
import { eventually, type TestBroker, type TestScope, uniqueName } from '../support/kafka.js';
import { range, TestStage } from '../support/stage.js';

/** Two stages of one group on topics of their own, each with two partitions. */
async function twoInOneGroup(t: TestScope) {
  const group = uniqueName('group');
  const set = { 'input.group': group, 'input.heartbeatIntervalMs': '500' };
  const one = await TestStage.create(t, { partitions: 2, set });
  const two = await TestStage.create(t, { partitions: 2, set });
  return { group, one, two };
}

async function produce(stage: TestStage, from: number, to: number): Promise<void> {
  for (const partition of [0, 1]) await stage.produce(from, to, partition);
}

/** Labels of the records `from` up to `to`, in both partitions. */
async function labelled(stage: TestStage, to: number): Promise<void> {
  const expected = [...range(0, to), ...range(0, to)];
  await eventually(`${to} records of both partitions`, async () => (await stage.labels()).length >= expected.length);
  assert.deepEqual(await stage.labels(), expected);
}

test('two stages of one group that read different topics each read all of their own', async t => {
  const { one, two } = await twoInOneGroup(t);
  const first = one.start();
  await first.event('assigned');
  await produce(one, 0, 20);
  await labelled(one, 20);
  // The second is not the leader: what it reads is known to the leader only when it asks.
  const second = two.start();
  await second.event('assigned');
  for (const stage of [one, two]) await produce(stage, stage === one ? 20 : 0, 40);
  await labelled(one, 40);
  await labelled(two, 40);
  assert.equal(await first.kill('SIGTERM'), 0, first.stderr);
  await produce(two, 40, 50);
  await labelled(two, 50);
  assert.equal(await second.kill('SIGTERM'), 0, second.stderr);
});

test('a roll-out that adds a topic loses nothing, and tells what nobody reads while an older instance leads', async t => {
  const { group, one, two } = await twoInOneGroup(t);
  const older = await olderInstance(one.broker, group, one.topics.input);
  t.after(() => older.disconnect());
  for (const stage of [one, two]) await produce(stage, 0, 20);
  const newer = two.start({ 'input.topics': `${one.topics.input},${two.topics.input}` });
  const { partitions } = await newer.event('partitions_unread');
  assert.deepEqual(
    partitions,
    [0, 1].map(partition => `${two.topics.input}/${partition}`),
  );
  assert.equal(await newer.metric('siftline_unread_partitions'), 2);
  await older.disconnect();
  await eventually('all is labelled', async () => (await two.labels()).length >= 80);
  assert.deepEqual(
    (await two.labels()).toSorted((a, b) => a - b),
    range(0, 20).flatMap(id => [id, id, id, id]),
  );
  await eventually('all is read', async () => (await newer.metric('siftline_unread_partitions')) === 0);
  assert.equal(await newer.kill('SIGTERM'), 0, newer.stderr);
});

/** A member with the assignor of kafkajs, as siftline had it up to 0.1; it leads the group and commits nothing. */
async function olderInstance(broker: TestBroker, groupId: string, topic: string) {
  const { PartitionAssigners } = loadKafkajs();
  const consumer = broker.kafka().consumer({
    groupId,
    partitionAssigners: [PartitionAssigners.roundRobin],
    heartbeatInterval: 500,
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const joined = new Promise(resolve => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.run({ autoCommit: false, eachMessage: async () => {} });
  await joined;
  return consumer;
}
