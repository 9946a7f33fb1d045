import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExitCode, SiftlineError } from '../../../src/errors.js';
import { checkReplication } from '../../../src/tools/checks/exactly-once.js';
import { configOf, fakeCluster, statuses, words } from './support.js';

const config = configOf({ delivery: 'exactly-once' });
const ALL = ['siftline.labels', 'siftline.rejected', '__consumer_offsets', '__transaction_state'];
const cluster = (over: Readonly<Record<string, { replicationFactor?: number }>> = {}) =>
  fakeCluster(Object.fromEntries(ALL.map(topic => [topic, { ...over[topic] }])));

test('at least once needs no second replica, and nothing is asked', async () => {
  const topics = () => assert.fail('asked');
  assert.deepEqual(await checkReplication({ topics }, configOf()), []);
});

test('two replicas of everything a transaction writes are in order', async () => {
  assert.deepEqual(statuses(await checkReplication(cluster(), config)), ['ok']);
});

for (const topic of ALL) {
  test(`one replica of ${topic} alone is a warning that exactly once does not hold`, async () => {
    const findings = await checkReplication(cluster({ [topic]: { replicationFactor: 1 } }), config);
    assert.deepEqual(statuses(findings), ['warn']);
    assert.ok(
      words(findings[0] ?? assert.fail()).startsWith(`exactly once does not hold with one replica (${topic}):`),
    );
  });
}

test('topics of the brokers that were not made yet are nothing to warn of', async () => {
  const young = fakeCluster({ 'siftline.labels': {}, 'siftline.rejected': {} });
  assert.deepEqual(statuses(await checkReplication(young, config)), ['ok']);
});

test('what this user may not see is told, and the rest is looked at', async () => {
  const { topics: ask } = cluster({ 'siftline.labels': { replicationFactor: 1 } });
  const topics = async (names: readonly string[]) => {
    const refused = { code: 'TOPIC_AUTHORIZATION_FAILED', message: 'no', exitCode: ExitCode.broker };
    if (names[0]?.startsWith('__')) throw new SiftlineError(refused);
    return ask(names);
  };
  const findings = await checkReplication({ topics }, config);
  assert.deepEqual(statuses(findings), ['warn', 'skip']);
  assert.match(findings[1]?.text ?? '', /__consumer_offsets, __transaction_state not looked at/);
});
