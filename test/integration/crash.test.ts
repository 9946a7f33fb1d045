import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Instance } from '../support/instance.js';
import { eventually, sharedBroker, uniqueName } from '../support/kafka.js';
import { fixtureModel } from '../support/models.js';
import { headerOf, labelOf, stageFields } from '../support/outputs.js';

const RECORDS = 60;

test('a record that aborts the process is found, tried alone and rejected; all others are labelled', async t => {
  const broker = await sharedBroker();
  const topics = {
    input: uniqueName('in'),
    labels: uniqueName('labels'),
    rejected: uniqueName('rejected'),
    metrics: uniqueName('metrics'),
  };
  await broker.createTopics(...Object.values(topics).map(topic => ({ topic })));
  const messages = Array.from({ length: RECORDS }, (_, i) => ({
    key: i === 23 ? 'poison' : `good-${i}`,
    value: JSON.stringify({ id: i, text: `about food ${i}` }),
  }));
  await broker.produce(topics.input, messages);
  const folder = mkdtempSync(join(tmpdir(), 'siftline-crash-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const set = {
    ...stageFields(topics, uniqueName('group')),
    'workers.crashFolder': folder,
    'workers.batchRecords': '16',
    'input.sessionTimeoutMs': '6000',
    'input.heartbeatIntervalMs': '500',
  };
  const env = { FAILPOINTS: 'inferring=abort#poison' };
  const start = () => Instance.start(t, { brokers: broker.bootstrap, model: fixtureModel('bert-two-tasks'), set, env });
  // With its batch-mates, then twice alone.
  for (let died = 0; died < 3; died++) assert.equal(await start().exited, null, 'aborted');
  const last = start();
  await eventually('all others are labelled', async () => {
    const ids = (await broker.readAll(topics.labels)).map(record => labelOf(record).source.offset);
    return new Set(ids).size === RECORDS - 1;
  });
  const [rejected, ...more] = await broker.readAll(topics.rejected, { expect: 1 });
  assert.deepEqual(more, []);
  assert.equal(rejected?.key?.toString(), 'poison');
  assert.equal(rejected && headerOf(rejected, 'siftline.error.code'), 'PROCESS_CRASH');
  assert.equal(await last.kill('SIGTERM'), 0, last.stderr);
});
