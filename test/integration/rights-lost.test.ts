import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ExitCode } from '../../src/errors.js';
import { loadKafkajs } from '../../src/kafka/patches/index.js';
import { guardedBroker } from '../support/guarded-broker.js';
import { eventually } from '../support/kafka.js';
import { range, TestStage } from '../support/stage.js';

const USER = 'User:app';
const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = loadKafkajs();
const { READ, WRITE } = AclOperationTypes;
const { GROUP, TOPIC, TRANSACTIONAL_ID } = AclResourceTypes;

interface Right {
  readonly resourceType: number;
  readonly operation: number;
  readonly resourceName: string;
}

/** Everything a stage needs, and nothing else. */
function rightsOf({
  topics,
  group,
}: TestStage): Record<'read' | 'group' | 'labels' | 'id' | 'rejected' | 'metrics', Right> {
  const write = (topic: string) => ({ resourceType: TOPIC, operation: WRITE, resourceName: topic });
  return {
    read: { resourceType: TOPIC, operation: READ, resourceName: topics.input },
    group: { resourceType: GROUP, operation: READ, resourceName: group },
    labels: write(topics.labels),
    rejected: write(topics.rejected),
    metrics: write(topics.metrics),
    id: { resourceType: TRANSACTIONAL_ID, operation: WRITE, resourceName: `${group}-${topics.input}-0` },
  };
}

const WHOSE = {
  principal: USER,
  host: '*',
  permissionType: AclPermissionTypes.ALLOW,
};

test('a right that is taken away from a stage at work', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-rights-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, 'open sesame');
  const { broker, login } = await guardedBroker(t, 'app');
  const access = {
    'kafka.sasl.mechanism': 'plain',
    'kafka.sasl.username': 'app',
    'kafka.sasl.passwordFile': passwordFile,
    'input.heartbeatIntervalMs': '500',
    'kafka.metadataMaxAgeMs': '1000',
  };

  /** Ten records are done, then the right goes, and ten more come. */
  const loses = async (scope: TestContext, which: keyof ReturnType<typeof rightsOf>, delivery: string) => {
    const stage = await TestStage.create(scope, {
      broker: { ...broker, bootstrap: login },
      set: { ...access, delivery },
    });
    const rights = rightsOf(stage);
    const acl = Object.values(rights).map(right => ({
      ...right,
      ...WHOSE,
      resourcePatternType: ResourcePatternTypes.LITERAL,
    }));
    await stage.admin(admin => admin.createAcls({ acl }));
    await stage.produce(0, 10);
    const instance = stage.start();
    await eventually('the first ten are done', async () => (await stage.committed()) === '10');
    const filter = { ...rights[which], ...WHOSE, resourcePatternType: ResourcePatternTypes.LITERAL };
    await stage.admin(admin => admin.deleteAcls({ filters: [filter] }));
    await stage.produce(10, 20);
    assert.equal(await instance.exited, ExitCode.broker, instance.stderr);
    const [labels, committed] = [await stage.labels(), Number(await stage.committed())];
    // At least once, records that are stored may have gone without their commit.
    assert.deepEqual(labels.slice(0, committed), range(0, committed));
    if (delivery === 'exactly-once') assert.equal(labels.length, committed);
    const line = instance.stderr.split('\n').find(each => each.startsWith('siftline: ')) ?? instance.stderr;
    return { line, stage };
  };

  for (const delivery of ['at-least-once', 'exactly-once']) {
    await t.test(`Write on the labels topic (${delivery})`, async scope => {
      const { line, stage } = await loses(scope, 'labels', delivery);
      assert.match(line, /TOPIC_AUTHORIZATION_FAILED/);
      assert.ok(line.includes(`; give this user Describe and Write on topic ${stage.topics.labels}`), line);
      assert.equal(await stage.committed(), '10');
    });

    await t.test(`Read on the input topic (${delivery})`, async scope => {
      const { line, stage } = await loses(scope, 'read', delivery);
      assert.ok(line.includes(`; give this user Describe and Read on topic ${stage.topics.input}`), line);
    });

    await t.test(`Read on the group (${delivery})`, async scope => {
      const { line, stage } = await loses(scope, 'group', delivery);
      assert.ok(line.includes(`; give this user Describe and Read on the consumer group ${stage.group}`), line);
    });
  }

  await t.test('Write on the transactional ids', async scope => {
    const { line, stage } = await loses(scope, 'id', 'exactly-once');
    assert.match(
      line,
      /TRANSACTIONAL_ID_AUTHORIZATION_FAILED: .*; give this user Describe and Write on the transactional ids/,
    );
    assert.equal(await stage.committed(), '10');
  });
});
