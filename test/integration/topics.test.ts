import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addTopics } from '../../src/cli/topics.js';
import { ExitCode, type SiftlineError } from '../../src/errors.js';
import { KafkaAdmin } from '../../src/kafka/admin.js';
import { runCommand } from '../cli/in-process.js';
import { sharedBroker, type TestBroker, uniqueName } from '../support/kafka.js';

interface Names {
  readonly input: string;
  readonly labels: string;
  readonly rejected: string;
  readonly metrics: string;
}

function names(): Names {
  const id = uniqueName('topics');
  return { input: id, labels: `${id}.labels`, rejected: `${id}.rejected`, metrics: `${id}.metrics` };
}

async function topics(broker: TestBroker, { input, labels, rejected, metrics }: Names, ...argv: string[]) {
  const sets = Object.entries({ labelsTopic: labels, rejectedTopic: rejected, metricsTopic: metrics });
  const set = sets.flatMap(([field, topic]) => ['--set', `output.${field}=${topic}`]);
  return runCommand(addTopics, ['topics', '--brokers', broker.bootstrap, '--topics', input, ...set, ...argv]);
}

async function withAdmin<T>(broker: TestBroker, ask: (admin: KafkaAdmin) => Promise<T>): Promise<T> {
  const admin = await KafkaAdmin.open(broker.kafka(), [broker.bootstrap]);
  try {
    return await ask(admin);
  } finally {
    await admin.close();
  }
}

test('without --apply nothing is created, and the report has what would be', async () => {
  const broker = await sharedBroker();
  const mine = names();
  await broker.createTopics({ topic: mine.input, partitions: 3 });
  const { stdout, error } = await topics(broker, mine);
  assert.equal(error, undefined);
  assert.match(stdout, new RegExp(`^${mine.labels} +labels +to create +3 +1$`, 'm'));
  assert.match(
    stdout,
    new RegExp(`kafka-topics\\.sh --bootstrap-server ${broker.bootstrap} .* --topic ${mine.rejected} `),
  );
  const states = await withAdmin(broker, admin => admin.topics([mine.labels, mine.rejected, mine.metrics]));
  assert.equal(states.size, 0);
});

test('--apply creates topics that can be written at once, with their settings, and again it has nothing to do', async () => {
  const broker = await sharedBroker();
  const mine = names();
  await broker.createTopics({ topic: mine.input, partitions: 3 });
  const first = await topics(broker, mine, '--apply');
  assert.match(first.stdout, new RegExp(`created ${mine.labels}, ${mine.rejected}, ${mine.metrics}`));
  // Not within an hour of now, which brokers refuse by default.
  const messages = [0, Date.UTC(2999, 1, 1)].map(timestamp => ({ value: 'x', partition: 2, timestamp }));
  await broker.produce(mine.labels, messages);
  assert.equal((await broker.readAll(mine.labels, { expect: 2 })).length, 2);
  await withAdmin(broker, async admin => {
    const partitions = await admin.partitions([mine.labels, mine.rejected, mine.metrics]);
    assert.deepEqual([...partitions.values()], [3, 3, 1]);
    const rejected = await admin.settings(mine.rejected);
    assert.equal(rejected.get('retention.ms'), '1209600000');
    assert.equal(rejected.get('message.timestamp.type'), 'CreateTime');
  });
  const again = await topics(broker, mine, '--apply');
  assert.match(again.stdout, /all topics exist; nothing to do/);
});

test('a topic that is there is not changed, and what differs is said', async () => {
  const broker = await sharedBroker();
  const mine = names();
  const config = { 'retention.ms': '1000', 'cleanup.policy': 'compact' };
  await broker.createTopics({ topic: mine.input, partitions: 4 }, { topic: mine.labels, partitions: 2, config });
  const { stdout } = await topics(broker, mine, '--apply');
  assert.match(stdout, new RegExp(`^${mine.labels} +labels +exists +2 +1$`, 'm'));
  assert.match(
    stdout,
    /differs: partitions is 2, recommended 4 or more; otherwise input partitions share output partitions \(modulo 2\)/,
  );
  assert.match(stdout, /differs: cleanup\.policy is compact, recommended delete/);
  const settings = await withAdmin(broker, admin => admin.settings(mine.labels));
  assert.equal(settings.get('cleanup.policy'), 'compact');
});

test('a missing input is an error that creates nothing; --with-input creates it too', async () => {
  const broker = await sharedBroker();
  const mine = names();
  const refused = await topics(broker, mine, '--apply');
  const { code, exitCode } = refused.error as SiftlineError;
  assert.deepEqual([code, exitCode], ['TOPIC_MISSING', ExitCode.topic]);
  const { stdout } = await topics(broker, mine, '--apply', '--with-input', '--partitions', '2', '--json');
  const report = JSON.parse(stdout);
  assert.equal(report.applied, true);
  assert.deepEqual(
    report.topics.map((topic: { role: string; state: string; partitions: number }) => [
      topic.role,
      topic.state,
      topic.partitions,
    ]),
    [
      ['input', 'created', 2],
      ['labels', 'created', 2],
      ['rejected', 'created', 2],
      ['metrics', 'created', 1],
    ],
  );
  const found = await withAdmin(broker, admin => admin.topics([mine.input, mine.labels, mine.rejected, mine.metrics]));
  assert.equal(found.size, 4);
});

test('two that create the same topics at once both succeed', async () => {
  const broker = await sharedBroker();
  const mine = names();
  const both = await Promise.all(
    [1, 2].map(() => topics(broker, mine, '--apply', '--with-input', '--partitions', '1')),
  );
  assert.deepEqual(
    both.map(({ error }) => error),
    [undefined, undefined],
  );
});

test("what the brokers refuse is told in the topic's name", async () => {
  const broker = await sharedBroker();
  await withAdmin(broker, async admin => {
    const topic = { topic: uniqueName('refused'), partitions: 1, replicationFactor: 1, config: { 'no.such': '1' } };
    await assert.rejects(admin.create([topic]), { code: 'TOPIC_INVALID_CONFIG', message: new RegExp(topic.topic) });
    await assert.rejects(admin.create([{ ...topic, config: {}, replicationFactor: 99 }]), {
      code: 'TOPIC_INVALID_REPLICATION_FACTOR',
      exitCode: ExitCode.topic,
    });
  });
});
