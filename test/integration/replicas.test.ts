import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster, findKafka } from '../../faults/cluster.js';
import { eventually, testBroker } from '../support/kafka.js';
import { range, TestStage } from '../support/stage.js';

const TOPIC = 2;

/** How many of its replicas must have a record before it counts as stored. */
function setInSync(stage: TestStage, topic: string, replicas: number): Promise<unknown> {
  const configEntries = [{ name: 'min.insync.replicas', value: String(replicas) }];
  return stage.admin(admin =>
    admin.alterConfigs({ validateOnly: false, resources: [{ type: TOPIC, name: topic, configEntries }] }),
  );
}

async function inSync(stage: TestStage): Promise<number> {
  const { topics } = await stage.admin(admin => admin.fetchTopicMetadata({ topics: [stage.topics.labels] }));
  return topics[0]?.partitions[0]?.isr.length ?? 0;
}

/** Brokers kept for replicas are ended here: one broker alone takes every record, whatever its topic asks for. */
test('a labels topic with too few replicas in sync', async t => {
  const cluster = await Cluster.start(await findKafka(() => {}, process.env.TEST_KAFKA_VERSION || undefined), 3);
  t.after(() => cluster.stop());
  const broker = testBroker(cluster);
  const stages: Array<{ delivery: string; stage: TestStage }> = [];
  for (const delivery of ['at-least-once', 'exactly-once']) {
    const stage = await TestStage.create(t, { broker, set: { delivery, 'kafka.requestTimeoutMs': '3000' } });
    await stage.produce(0, 10);
    // The first use makes the topics of offsets and transactions, which takes all three brokers.
    const instance = stage.start();
    await eventually('ten are done', async () => (await stage.committed()) === '10');
    assert.equal(await instance.kill('SIGTERM'), 0, instance.stderr);
    stages.push({ delivery, stage });
  }
  await cluster.nodes[2]?.end('SIGKILL');

  for (const { delivery, stage } of stages) {
    await t.test(`holds the stage up until there are enough again (${delivery})`, async () => {
      await eventually('two replicas are left', async () => (await inSync(stage)) === 2);
      const instance = stage.start();
      await stage.produce(10, 20);
      await eventually('two are enough', async () => (await stage.committed()) === '20');
      await setInSync(stage, stage.topics.labels, 3);
      await stage.produce(20, 40);
      await eventually('sends fail', async () => (await instance.metric('siftline_publish_retries_total')) > 0);
      assert.match(JSON.stringify(await instance.event('publish_failed')), /fewer in-sync replicas/);
      assert.equal(await instance.metric('siftline_ready'), 0);
      assert.equal((await fetch(`${await instance.url()}/livez`)).status, 200);
      assert.equal(await stage.committed(), '20');
      await setInSync(stage, stage.topics.labels, 2);
      await eventually('all is committed', async () => (await stage.committed()) === '40');
      assert.equal(await instance.kill('SIGTERM'), 0, instance.stderr);
      const labels = await stage.labels();
      if (delivery === 'exactly-once') assert.deepEqual(labels, range(0, 40));
      // At least once, what a broker had written before it took the new setting in is stored again.
      else assert.deepEqual([...new Set(labels)], range(0, 40));
    });
  }
});
