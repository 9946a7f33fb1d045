import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExitCode, SiftlineError } from '../../../src/errors.js';
import type { NewTopic } from '../../../src/kafka/admin.js';
import {
  type CreateAdmin,
  createCommand,
  createTopics,
  type MissingTopic,
  planTopics,
} from '../../../src/tools/checks/topic-plan.js';
import { configOf, fakeCluster } from './support.js';

const TWO_INPUTS = configOf({ 'input.topics': 'a,b' });

async function missing(admin: ReturnType<typeof fakeCluster>, options = {}, config = TWO_INPUTS) {
  const plan = await planTopics(admin, config, options);
  return plan.filter((topic): topic is MissingTopic => topic.state === 'missing');
}

function settingsOf({ settings }: MissingTopic): Record<string, string> {
  return Object.fromEntries(settings.map(({ name, value }) => [name, value]));
}

test('outputs get the partitions of the largest input, metrics one', async () => {
  const plan = await missing(fakeCluster({ a: { partitions: 6 }, b: { partitions: 24 } }));
  assert.deepEqual(
    plan.map(({ role, partitions }) => [role, partitions]),
    [
      ['labels', 24],
      ['rejected', 24],
      ['metrics', 1],
    ],
  );
});

test('a number of partitions that is given goes before the input, but not for metrics', async () => {
  const plan = await missing(fakeCluster({ a: { partitions: 6 }, b: {} }), { partitions: 3 });
  assert.deepEqual(
    plan.map(({ partitions }) => partitions),
    [3, 3, 1],
  );
});

for (const [brokers, factor, insync] of [
  [1, 1, '1'],
  [2, 2, '1'],
  [3, 3, '2'],
  [9, 3, '2'],
] as const) {
  test(`on ${brokers} brokers a topic has ${factor} replicas, ${insync} of them in sync`, async () => {
    const [labels] = await missing(fakeCluster({ a: {}, b: {} }, brokers));
    assert.ok(labels);
    assert.deepEqual([labels.replicationFactor, settingsOf(labels)['min.insync.replicas']], [factor, insync]);
  });
}

test('more replicas than brokers are refused before anything is asked of them', async () => {
  const error = await missing(fakeCluster({ a: {}, b: {} }, 2), { replicationFactor: 3 }).catch(e => e);
  assert.equal(error.code, 'TOPIC_REPLICATION');
  assert.match(error.message, /needs as many brokers, but 2 are up; give at most 2/);
});

test('a missing input is an error that names it, unless inputs are to be created', async () => {
  const error = await missing(fakeCluster({ a: {} })).catch(e => e);
  assert.equal(error.code, 'TOPIC_MISSING');
  assert.match(error.message, /input topic b not found.*--with-input/);
  const plan = await missing(fakeCluster({}), { withInput: true });
  assert.deepEqual(
    plan.slice(0, 2).map(({ topic, role, partitions }) => [topic, role, partitions]),
    [
      ['a', 'input', 12],
      ['b', 'input', 12],
    ],
  );
});

test('topics are made for records of the configured size and any event time', async () => {
  const config = configOf({ 'output.sendBytes': '5000000' });
  const [labels, rejected, metrics] = await missing(fakeCluster({ 'siftline.texts': {} }), {}, config);
  assert.ok(labels && rejected && metrics);
  assert.deepEqual(settingsOf(labels), {
    'cleanup.policy': 'delete',
    'min.insync.replicas': '2',
    'compression.type': 'producer',
    'max.message.bytes': '5051024',
    'message.timestamp.type': 'CreateTime',
    'message.timestamp.before.max.ms': '9223372036854775807',
    'message.timestamp.after.max.ms': '9223372036854775807',
  });
  assert.equal(settingsOf(rejected)['retention.ms'], String(14 * 86_400_000));
  assert.equal(settingsOf(metrics)['retention.ms'], String(7 * 86_400_000));
});

test("the line for Kafka's own tools says the same, with the client's credentials where there are any", async () => {
  const [labels] = await missing(fakeCluster({ a: { partitions: 2 }, b: {} }, 1));
  assert.ok(labels);
  const line = createCommand({ ...labels, settings: labels.settings.slice(0, 2) }, { bootstrap: 'k:1', login: true });
  assert.equal(
    line,
    'kafka-topics.sh --bootstrap-server k:1 --command-config client.properties --create --if-not-exists --topic siftline.labels --partitions 2 --replication-factor 1 --config cleanup.policy=delete --config min.insync.replicas=1',
  );
  assert.doesNotMatch(createCommand(labels, { bootstrap: 'k:1', login: false }), /command-config/);
});

/** Brokers that refuse settings by name, as ones before Kafka 3.6 do. */
function creator(refuses: RegExp) {
  const created: NewTopic[] = [];
  const events: string[] = [];
  const admin: CreateAdmin = {
    create: async topics => {
      for (const topic of topics) {
        if (Object.keys(topic.config).some(name => refuses.test(name))) {
          throw new SiftlineError({ code: 'TOPIC_INVALID_CONFIG', message: 'no', exitCode: ExitCode.topic });
        }
        created.push(topic);
      }
    },
    awaitLeaders: async topics => {
      events.push(`${created.length} created, then waited for ${topics.join()}`);
    },
  };
  return { admin, created, events };
}

test('all topics are created, then all are waited for', async () => {
  const { admin, created, events } = creator(/never/);
  await createTopics(admin, await missing(fakeCluster({ a: {}, b: {} })));
  assert.equal(created[0]?.config['message.timestamp.after.max.ms'], '9223372036854775807');
  assert.deepEqual(events, ['3 created, then waited for siftline.labels,siftline.rejected,siftline.metrics']);
});

test('brokers that do not know the limits of event times get topics without them', async () => {
  const { admin, created } = creator(/message\.timestamp\.(before|after)/);
  await createTopics(admin, await missing(fakeCluster({ a: {}, b: {} })));
  assert.deepEqual(
    created.map(({ topic }) => topic),
    ['siftline.labels', 'siftline.rejected', 'siftline.metrics'],
  );
  assert.equal(created[0]?.config['max.message.bytes'], '1048588');
});

test('another setting that is refused is an error', async () => {
  const { admin } = creator(/cleanup/);
  const plan = await missing(fakeCluster({ a: {}, b: {} }));
  await assert.rejects(createTopics(admin, plan), { code: 'TOPIC_INVALID_CONFIG' });
});
