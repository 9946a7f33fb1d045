import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExitCode, SiftlineError } from '../../../src/errors.js';
import { checkReplication, checkTopics } from '../../../src/tools/checks/topics.js';
import { configOf, type FakeTopic, fakeCluster, statuses, words } from './support.js';

const NAMES = ['siftline.texts', 'siftline.labels', 'siftline.rejected', 'siftline.metrics'];

function cluster(over: Readonly<Record<string, FakeTopic>> = {}, brokers = 3) {
  const topics = Object.fromEntries(NAMES.map(name => [name, { ...over[name] }]));
  return fakeCluster(topics, brokers);
}

async function warnings(over: Readonly<Record<string, FakeTopic>>): Promise<string> {
  const { findings } = await checkTopics(cluster(over), configOf());
  return findings
    .filter(({ status }) => status !== 'ok')
    .map(words)
    .join('\n');
}

test('topics as recommended are in order', async () => {
  const { findings } = await checkTopics(cluster(), configOf());
  assert.deepEqual(statuses(findings), ['ok', 'ok', 'ok', 'ok']);
});

test('each missing topic fails, an input with another remedy than an output', async () => {
  const { findings } = await checkTopics(fakeCluster({ 'siftline.labels': {} }), configOf());
  const failed = findings.filter(({ status }) => status === 'fail').map(words);
  assert.deepEqual(
    failed.map(line => line.split('\n')[0]),
    [
      'input topic siftline.texts does not exist',
      'rejected topic siftline.rejected does not exist',
      'metrics topic siftline.metrics does not exist',
    ],
  );
  assert.match(failed[0] ?? '', /input\.topics/);
  assert.match(failed[1] ?? '', /siftline topics/);
});

test('the metrics topic is not asked for when no windows are written', async () => {
  const config = configOf({ 'metrics.windowSeconds': '0' });
  const without = fakeCluster(Object.fromEntries(NAMES.slice(0, 3).map(name => [name, {}])));
  assert.deepEqual(statuses((await checkTopics(without, config)).findings), ['ok', 'ok', 'ok']);
});

test('fewer partitions than the input are folded, and it says how', async () => {
  const said = await warnings({ 'siftline.texts': { partitions: 12 }, 'siftline.labels': { partitions: 4 } });
  assert.match(said, /siftline\.labels: 1 setting differs/);
  assert.match(
    said,
    /partitions is 4, recommended 12 or more; otherwise input partitions share output partitions \(modulo 4\)/,
  );
});

test('a topic that takes smaller records than output.sendBytes is a warning', async () => {
  const said = await warnings({ 'siftline.labels': { settings: { 'max.message.bytes': '1000' } } });
  assert.match(said, /max\.message\.bytes is 1000, recommended 1048588 or more/);
});

test('more than recommended is as good, and endless retention too', async () => {
  const generous = { 'max.message.bytes': '9000000', 'retention.ms': '-1', 'min.insync.replicas': '3' };
  assert.equal(await warnings({ 'siftline.rejected': { settings: generous } }), '');
});

test('one replica is a warning that names exactly-once, whatever the number of brokers', async () => {
  const said = await warnings({
    'siftline.labels': { replicationFactor: 1, settings: { 'min.insync.replicas': '1' } },
  });
  assert.match(said, /siftline\.labels: replication factor 1.*exactly-once needs at least 2/);
});

test('two replicas where three are possible are a warning', async () => {
  const said = await warnings({ 'siftline.labels': { replicationFactor: 2 } });
  assert.match(said, /siftline\.labels: fewer replicas/);
});

test('more in-sync replicas than there are replicas fails: nothing can be written', async () => {
  const over = { 'siftline.labels': { replicationFactor: 1, settings: { 'min.insync.replicas': '2' } } };
  const { findings } = await checkTopics(cluster(over), configOf());
  const failed = findings.find(({ status }) => status === 'fail');
  assert.match(
    failed?.text ?? '',
    /min\.insync\.replicas is 2, but the topic has 1 replica, so nothing can be written/,
  );
});

test('partitions without a leader fail', async () => {
  assert.match(
    await warnings({ 'siftline.texts': { partitions: 3, leaderless: 2 } }),
    /2 of 3 partitions have no leader/,
  );
});

test('settings this user may not see are skipped, not failed', async () => {
  const refuses = new SiftlineError({ code: 'TOPIC_AUTHORIZATION_FAILED', message: 'no', exitCode: ExitCode.broker });
  const { findings } = await checkTopics(cluster({ 'siftline.labels': { refuses } }), configOf());
  assert.ok(!statuses(findings).includes('fail'));
  assert.match(findings.find(({ status }) => status === 'skip')?.text ?? '', /siftline\.labels.*DescribeConfigs/);
});

test('settings the brokers do not know are no difference', async () => {
  const admin = cluster();
  const older = { ...admin, settings: async () => new Map([['cleanup.policy', 'delete']]) };
  assert.deepEqual(statuses((await checkTopics(older, configOf())).findings), ['ok', 'ok', 'ok', 'ok']);
});

test("an input topic's settings are its owner's", async () => {
  assert.equal(await warnings({ 'siftline.texts': { settings: { 'cleanup.policy': 'compact' } } }), '');
});

test('a topic this user may not see is told by itself, and the others are looked at', async () => {
  const error = new SiftlineError({
    code: 'TOPIC_AUTHORIZATION_FAILED',
    message: 'no; ask',
    exitCode: ExitCode.broker,
  });
  const all = cluster();
  const topics = (names: readonly string[]) =>
    names.includes('siftline.labels') ? Promise.reject(error) : all.topics(names);
  const { findings, existing } = await checkTopics({ ...all, topics }, configOf());
  assert.deepEqual(statuses(findings), ['fail', 'ok', 'ok', 'ok']);
  assert.deepEqual([...(existing ?? [])], ['siftline.texts', 'siftline.rejected', 'siftline.metrics']);
});

test('brokers that stop answering are one failure', async () => {
  const topics = () => Promise.reject(new Error('gone'));
  const { findings, existing } = await checkTopics({ ...cluster(), topics }, configOf());
  assert.deepEqual([statuses(findings), existing], [['fail'], undefined]);
});

const exactlyOnce = configOf({ delivery: 'exactly-once' });
const WRITTEN = ['siftline.labels', 'siftline.rejected', '__consumer_offsets', '__transaction_state'];
const replicated = (over: Readonly<Record<string, { replicationFactor?: number }>> = {}) =>
  fakeCluster(Object.fromEntries(WRITTEN.map(topic => [topic, { ...over[topic] }])));

test('at least once needs no second replica, and nothing is asked', async () => {
  const topics = () => assert.fail('asked');
  assert.deepEqual(await checkReplication({ topics }, configOf()), []);
});

test('two replicas of everything a transaction writes are in order', async () => {
  assert.deepEqual(statuses(await checkReplication(replicated(), exactlyOnce)), ['ok']);
});

for (const topic of WRITTEN) {
  test(`one replica of ${topic} alone is a warning that exactly once does not hold`, async () => {
    const findings = await checkReplication(replicated({ [topic]: { replicationFactor: 1 } }), exactlyOnce);
    assert.deepEqual(statuses(findings), ['warn']);
    assert.ok(words(findings[0] ?? assert.fail()).startsWith(`${topic}: one replica, so exactly-once does not hold:`));
  });
}

test('topics of the brokers that were not made yet are nothing to warn of', async () => {
  const young = fakeCluster({ 'siftline.labels': {}, 'siftline.rejected': {} });
  assert.deepEqual(statuses(await checkReplication(young, exactlyOnce)), ['ok']);
});

test('what this user may not see is told, and the rest is looked at', async () => {
  const { topics: ask } = replicated({ 'siftline.labels': { replicationFactor: 1 } });
  const topics = async (names: readonly string[]) => {
    const refused = { code: 'TOPIC_AUTHORIZATION_FAILED', message: 'no', exitCode: ExitCode.broker };
    if (names[0]?.startsWith('__')) throw new SiftlineError(refused);
    return ask(names);
  };
  const findings = await checkReplication({ topics }, exactlyOnce);
  assert.deepEqual(statuses(findings), ['warn', 'skip']);
  assert.match(findings[1]?.text ?? '', /__consumer_offsets, __transaction_state: replication not checked/);
});
