import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Instance } from '../support/instance.js';
import { eventually, freshBroker, uniqueName } from '../support/kafka.js';
import { fixtureModel } from '../support/models.js';
import { labelOf, stageFields } from '../support/outputs.js';

async function status(instance: Instance, probe: string): Promise<number> {
  return (await fetch(`${await instance.url()}/${probe}`)).status;
}

test('a broker that dies and comes back loses nothing: not ready meanwhile, always live, never restarted', async t => {
  const broker = await freshBroker(t, {
    properties: { 'broker.session.timeout.ms': '2000', 'broker.heartbeat.interval.ms': '500' },
  });
  const topics = { input: 'texts', labels: 'labels', rejected: 'rejected', metrics: 'metrics' };
  await broker.createTopics(...Object.values(topics).map(topic => ({ topic, partitions: 2 })));
  const texts = (from: number) =>
    Array.from({ length: 500 }, (_, i) => ({
      value: JSON.stringify({ id: from + i, text: `about food ${from + i}` }),
    }));
  await broker.produce('texts', texts(0));
  const set = {
    ...stageFields(topics, uniqueName('group')),
    'workers.batchRecords': '16',
    'input.sessionTimeoutMs': '6000',
    'input.heartbeatIntervalMs': '1000',
  };
  const instance = Instance.start(t, { brokers: broker.bootstrap, model: fixtureModel('bert-two-tasks'), set });
  await eventually('it has begun', async () => (await instance.metric('siftline_records_total')) > 50);
  broker.kill();
  await eventually('it says that it is not ready', async () => (await status(instance, 'readyz')) === 503);
  assert.equal(await status(instance, 'livez'), 200);
  await broker.restart();
  await broker.produce('texts', texts(500));
  await eventually('all are labelled', async () => {
    const labels = await broker.readAll('labels');
    return new Set(labels.map(record => labelOf(record).id)).size === 1_000;
  });
  await eventually('it is ready again', async () => (await status(instance, 'readyz')) === 200);
  assert.equal(await instance.kill('SIGTERM'), 0, instance.stderr);
});

test('SIGTERM while the broker is away ends in time, with the code that says so', async t => {
  const broker = await freshBroker(t);
  const topics = { input: 'texts', labels: 'labels', rejected: 'rejected', metrics: 'metrics' };
  await broker.createTopics(...Object.values(topics).map(topic => ({ topic })));
  const set = { ...stageFields(topics, 'group'), 'shutdown.drainSeconds': '3' };
  const instance = Instance.start(t, { brokers: broker.bootstrap, model: fixtureModel('bert-two-tasks'), set });
  await instance.event('assigned');
  broker.kill();
  const started = Date.now();
  const code = await instance.kill('SIGTERM');
  assert.ok(code === 0 || code === 9, `exit code ${code}`);
  assert.ok(Date.now() - started < 8_000, 'it took longer than the drain deadline and a moment');
});
