import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { failPointEnv } from '../../faults/fail-points.js';
import type { Instance } from '../support/instance.js';
import { eventually, freshBroker } from '../support/kafka.js';
import { labelOf } from '../support/outputs.js';
import { range, TestStage } from '../support/stage.js';

/** So that a stage does not wait half a minute to see what has become of its topics. */
const QUICK = { 'kafka.metadataMaxAgeMs': '1000', 'input.heartbeatIntervalMs': '500' };

async function live(instance: Instance): Promise<boolean> {
  return (await fetch(`${await instance.url()}/livez`)).status === 200;
}

async function remove(stage: TestStage, topic: string): Promise<void> {
  await stage.admin(admin => admin.deleteTopics({ topics: [topic] }));
}

async function within<T>(promise: Promise<T>, limitMs = 30_000): Promise<T | 'late'> {
  return Promise.race([promise, sleep(limitMs, 'late' as const, { ref: false })]);
}

test('topics that change under a stage', async t => {
  // Such a broker makes a deleted topic anew for whoever asks for it: a stage must not.
  const broker = await freshBroker(t, { properties: { 'auto.create.topics.enable': 'true' } });

  for (const delivery of ['at-least-once', 'exactly-once']) {
    const create = (scope: TestContext) => TestStage.create(scope, { broker, set: { ...QUICK, delivery } });
    /** A stage that has done ten records. */
    const begun = async (scope: TestContext) => {
      const stage = await create(scope);
      await stage.produce(0, 10);
      const instance = stage.start();
      await eventually('the first ten are done', async () => (await stage.committed()) === '10');
      return { stage, instance };
    };

    await t.test(
      `an input topic that is deleted is waited for; made anew, it is read from its beginning (${delivery})`,
      async scope => {
        const { stage, instance } = await begun(scope);
        await remove(stage, stage.topics.input);
        await instance.event('topic_missing');
        await eventually('it is not ready', async () => (await instance.metric('siftline_ready')) === 0);
        assert.ok(await live(instance));
        await stage.broker.createTopics({ topic: stage.topics.input });
        await stage.produce(10, 15);
        await eventually('the new ones are done', async () => (await instance.metric('siftline_records_total')) === 15);
        assert.equal(await instance.kill('SIGTERM'), 0, instance.stderr);
        assert.deepEqual(await stage.labels(), range(0, 15));
        assert.equal(await stage.committed(), '5');
      },
    );

    await t.test(
      `an input topic made anew while records of the old one are under way ends the stage at its lost offset (${delivery})`,
      async scope => {
        const stage = await create(scope);
        await stage.produce(0, 10);
        const instance = stage.start({}, failPointEnv('classified=stop@1', 'dist'));
        await eventually('it has stopped itself', () => instance.state === 'T');
        await remove(stage, stage.topics.input);
        await stage.broker.createTopics({ topic: stage.topics.input });
        await stage.produce(10, 13);
        instance.signal('SIGCONT');
        assert.equal(await within(instance.exited), 6, instance.stderr);
        assert.match(
          instance.stderr,
          /OFFSET_LOST.*offset 10 is next.*only 0 to 3: the topic was deleted and created again/,
        );
        assert.deepEqual(await stage.labels(), range(0, 10));
      },
    );

    await t.test(
      `a labels topic that is deleted is waited for, and nothing is committed past it (${delivery})`,
      async scope => {
        const { stage, instance } = await begun(scope);
        await remove(stage, stage.topics.labels);
        await stage.produce(10, 30);
        await eventually('sends fail', async () => (await instance.metric('siftline_publish_retries_total')) > 0);
        assert.equal(await instance.metric('siftline_ready'), 0);
        assert.ok(await live(instance));
        assert.equal(await stage.committed(), '10');
        assert.match(JSON.stringify(await instance.event('publish_failed')), new RegExp(stage.topics.labels));
        await stage.broker.createTopics({ topic: stage.topics.labels });
        await eventually('all is committed', async () => (await stage.committed()) === '30');
        assert.equal(await instance.kill('SIGTERM'), 0, instance.stderr);
        assert.deepEqual(await stage.labels(), range(10, 30));
      },
    );

    await t.test(
      `partitions that are added are read without a restart, and what leads to them stays (${delivery})`,
      async scope => {
        const { stage, instance } = await begun(scope);
        const grow = (topic: string) => ({ topic, count: 3 });
        await stage.admin(admin =>
          admin.createPartitions({ topicPartitions: [grow(stage.topics.input), grow(stage.topics.labels)] }),
        );
        await stage.produce(10, 20, 0);
        await stage.produce(20, 30, 2);
        await eventually('all are done', async () => (await stage.committed(2)) === '10');
        assert.equal(await instance.metric('siftline_assigned_partitions'), 3);
        assert.equal(await instance.kill('SIGTERM'), 0, instance.stderr);
        const labels = await stage.broker.readAll(stage.topics.labels);
        const ids = labels.map(record => Number(labelOf(record).source.textId));
        assert.deepEqual(
          ids.sort((a, b) => a - b),
          range(0, 30),
        );
        assert.ok(
          labels.every(({ partition }) => partition === 0),
          'results stay in the partitions there were',
        );
      },
    );
  }
});
