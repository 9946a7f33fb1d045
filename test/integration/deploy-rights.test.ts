import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AclEntry } from 'kafkajs';
import { loadConfig } from '../../src/config/load.js';
import type { Finding } from '../../src/observe/finding.js';
import { siftlineWith } from '../cli/process.js';
import { rightsOf, type StageRight } from '../deploy/rules/kafka.js';
import { guardedBroker } from '../support/guarded-broker.js';
import { Instance } from '../support/instance.js';
import { fixtureModel } from '../support/models.js';

/*
 * The rights of deploy/k8s and docs/kubernetes.md on a broker that asks for them: with all of them the stage overlay's
 * configuration works, exactly once; without any one of them `siftline check` fails.
 */

const OVERLAY = join('deploy', 'k8s', 'overlays', 'stage');
const RECORDS = 40;
const [ALLOW, LITERAL, PREFIXED] = [3, 3, 4];
const RESOURCES = { topic: 2, group: 3, transactionalId: 5 } as const;
const OPERATIONS: Readonly<Record<string, number>> = { Read: 3, Write: 4, Describe: 8 };

test('a stage needs the rights the manifests give it, all of them and no others', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-rights-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const password = join(folder, 'password');
  writeFileSync(password, 'open sesame\n');
  const env = { ...valuesOf(join(OVERLAY, 'siftline.env')), SIFTLINE_CONFIG: join(OVERLAY, 'siftline.yaml') };
  const { config } = loadConfig({ env });
  const user = config.input.group;
  const { broker, login } = await guardedBroker(t, user);
  const { labelsTopic, rejectedTopic, metricsTopic } = config.output;
  const topics = [...config.input.topics, labelsTopic, rejectedTopic, metricsTopic];
  await broker.createTopics(...topics.map(topic => ({ topic, partitions: 2 })));
  const admin = broker.kafka().admin();
  await admin.connect();
  t.after(() => admin.disconnect());
  const rights = rightsOf(config);
  await admin.createAcls({ acl: rights.flatMap(right => entriesOf(right, user)) });
  const stage = {
    brokers: login,
    model: fixtureModel('bert-two-tasks'),
    env,
    set: {
      'kafka.sasl.mechanism': 'plain',
      'kafka.sasl.username': user,
      'kafka.sasl.passwordFile': password,
      'workers.count': '1',
      'workers.crashFolder': folder,
      'metrics.windowSeconds': '1',
    },
  };

  await t.test('with them it works', async s => {
    const instance = Instance.start(s, stage);
    const messages = Array.from({ length: RECORDS }, (_, i) => ({ value: `{"text":"text ${i}"}`, partition: i % 2 }));
    await broker.produce(topics[0] ?? '', [...messages, { value: 'no JSON', partition: 0 }]);
    assert.equal((await broker.readAll(labelsTopic, { expect: RECORDS })).length, RECORDS);
    assert.equal((await broker.readAll(rejectedTopic, { expect: 1 })).length, 1);
    await broker.readAll(metricsTopic, { expect: 1 });
    assert.equal(await instance.kill('SIGTERM'), 0, instance.stderr);
  });

  await t.test('with them siftline check has nothing that fails', async () =>
    assert.deepEqual(await failing(stage), []),
  );

  for (const right of rights) {
    await t.test(`without ${right.operations.join(' and ')} on ${right.type} ${right.name} it fails`, async () => {
      await admin.deleteAcls({ filters: entriesOf(right, user) });
      assert.notDeepEqual(await failing(stage), []);
      await admin.createAcls({ acl: entriesOf(right, user) });
    });
  }
});

interface Stage {
  readonly brokers: string;
  readonly model: string;
  readonly env: Readonly<Record<string, string>>;
  readonly set: Readonly<Record<string, string>>;
}

/** What `siftline check` says fails, of what concerns the brokers. */
async function failing({ brokers, model, env, set }: Stage): Promise<string[]> {
  const sets = Object.entries({ 'metrics.port': '0', ...set }).flatMap(([field, value]) => [
    '--set',
    `${field}=${value}`,
  ]);
  const args = ['check', '--json', '--brokers', brokers, '--model', model, ...sets];
  const { stdout } = await siftlineWith(env, ...args);
  const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] };
  const ofBrokers = findings.filter(({ check }) => ['brokers', 'topics', 'rights', 'group'].includes(check));
  assert.ok(ofBrokers.length > 3, stdout);
  return ofBrokers.filter(({ status }) => status === 'fail').map(({ text }) => text);
}

function entriesOf({ type, name, pattern, operations }: StageRight, user: string): AclEntry[] {
  return operations.map(operation => ({
    resourceType: RESOURCES[type],
    resourceName: name,
    resourcePatternType: pattern === 'prefix' ? PREFIXED : LITERAL,
    principal: `User:${user}`,
    host: '*',
    operation: OPERATIONS[operation] ?? 0,
    permissionType: ALLOW,
  }));
}

/** Of lines NAME=value. */
function valuesOf(file: string): Record<string, string> {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return Object.fromEntries(lines.map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}
