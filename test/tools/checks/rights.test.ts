import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Right } from '../../../src/kafka/rights.js';
import { type RightsProbe, tryRights } from '../../../src/tools/checks/rights.js';
import { configOf, statuses, words } from './support.js';

const allowed: Right = { kind: 'allowed' };
const EXISTING = new Set(['siftline.texts', 'siftline.labels', 'siftline.rejected', 'siftline.metrics']);

function user(over: Partial<RightsProbe> = {}): RightsProbe {
  const always = async () => allowed;
  return {
    mayFindGroup: always,
    mayRead: always,
    mayWrite: always,
    mayWriteIdempotently: always,
    mayTakeOver: always,
    ...over,
  };
}

const refused = (type: string) => async (): Promise<Right> => ({ kind: 'refused', type });

test('a user with every right gets one finding that names what was tried', async () => {
  const findings = await tryRights(user(), configOf(), EXISTING);
  assert.deepEqual(statuses(findings), ['ok']);
  assert.match(findings[0]?.text ?? '', /read siftline\.texts as group siftline, write siftline\.labels/);
});

test('a topic that may not be written fails by name, the others are still tried', async () => {
  const mayWrite = async (topic: string): Promise<Right> =>
    topic === 'siftline.labels' ? { kind: 'refused', type: 'TOPIC_AUTHORIZATION_FAILED' } : allowed;
  const findings = await tryRights(user({ mayWrite }), configOf(), EXISTING);
  assert.deepEqual(statuses(findings), ['ok', 'fail']);
  assert.match(findings[0]?.text ?? '', /write siftline\.rejected/);
  assert.match(
    words(findings[1] ?? assert.fail()),
    /may not write siftline\.labels .*\ngive this user Write on the topic/,
  );
});

test('reading needs rights on topic and group, and the remedy names the one that is missing', async () => {
  const of = async (type: string) =>
    (await tryRights(user({ mayRead: refused(type) }), configOf(), EXISTING)).at(-1)?.remedy;
  assert.equal(await of('TOPIC_AUTHORIZATION_FAILED'), 'give this user Read on the topic');
  assert.equal(await of('GROUP_AUTHORIZATION_FAILED'), 'give this user Read on the consumer group');
});

test('a group that may not be found fails once, and reading is not tried', async () => {
  const mayFindGroup = refused('GROUP_AUTHORIZATION_FAILED');
  const findings = await tryRights(user({ mayFindGroup, mayRead: () => assert.fail() }), configOf(), EXISTING);
  assert.deepEqual(statuses(findings), ['ok', 'fail']);
  assert.match(findings[1]?.text ?? '', /find group siftline/);
});

test('an answer that tells nothing is a warning, not a verdict', async () => {
  const mayWrite = async (): Promise<Right> => ({ kind: 'unclear', error: new Error('busy') });
  const findings = await tryRights(user({ mayWrite }), configOf(), EXISTING);
  assert.deepEqual(statuses(findings), ['ok', 'warn', 'warn', 'warn']);
  assert.match(words(findings[1] ?? assert.fail()), /could not find out whether this user may .*: busy/);
});

test('transactional ids are tried with exactly-once only, one of each input topic', async () => {
  const exactly = configOf({ delivery: 'exactly-once', 'input.topics': 'a,b', 'kafka.transactionalIdPrefix': 'mine' });
  const tried: string[] = [];
  const mayTakeOver = async (id: string): Promise<Right> => {
    tried.push(id);
    return id === 'mine-b-0' ? { kind: 'refused', type: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED' } : allowed;
  };
  const findings = await tryRights(user({ mayTakeOver }), exactly, EXISTING);
  assert.deepEqual(tried, ['mine-a-0', 'mine-b-0']);
  assert.deepEqual(statuses(findings), ['ok', 'fail']);
  assert.match(findings[0]?.text ?? '', /use the transactional id mine-a-0/);
  assert.match(words(findings[1] ?? assert.fail()), /id mine-b-0 .*\ngive this user .* that start with mine-$/);
  await tryRights(user({ mayTakeOver: () => assert.fail() }), configOf(), EXISTING);
});

test('topics that do not exist are not tried', async () => {
  const findings = await tryRights(user({ mayWrite: () => assert.fail() }), configOf(), new Set(['siftline.texts']));
  assert.deepEqual(statuses(findings), ['ok']);
});
