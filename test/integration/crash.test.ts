import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { failPointEnv } from '../../faults/fail-points.js';
import { eventually } from '../support/kafka.js';
import { headerOf, labelOf } from '../support/outputs.js';
import { makeStage, startStage } from '../support/stage.js';

const RECORDS = 60;
const POISON = 23;

/** Topics with that many records, one of them with the key "poison", and a folder for the crash journal. */
async function crashStage(t: TestContext) {
  const stage = await makeStage();
  const { broker, topics } = stage;
  const messages = Array.from({ length: RECORDS }, (_, i) => ({
    key: i === POISON ? 'poison' : `good-${i}`,
    value: JSON.stringify({ id: i, text: `about food ${i}` }),
  }));
  await broker.produce(topics.input, messages);
  const folder = mkdtempSync(join(tmpdir(), 'siftline-crash-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const set = {
    'workers.crashFolder': folder,
    'workers.batchRecords': '16',
    'input.sessionTimeoutMs': '6000',
    'input.heartbeatIntervalMs': '500',
  };
  const start = (env: Record<string, string>) => startStage(t, stage, { set, env });
  const labelled = async () => {
    const offsets = (await broker.readAll(topics.labels)).map(record => labelOf(record).source.offset);
    return new Set(offsets).size;
  };
  return { broker, topics, folder, start, labelled };
}

test('a record that aborts the process is found, tried alone and in a child, and rejected; all others are labelled', async t => {
  const { broker, topics, start, labelled } = await crashStage(t);
  const env = failPointEnv('inferring=abort#poison', 'dist');
  // With its batch-mates, then twice alone.
  for (let died = 0; died < 3; died++) assert.equal(await start(env).exited, null, 'aborted');
  const last = start(env);
  await eventually('all others are labelled', async () => (await labelled()) === RECORDS - 1);
  const [rejected, ...more] = await broker.readAll(topics.rejected, { expect: 1 });
  assert.deepEqual(more, []);
  assert.equal(rejected?.key?.toString(), 'poison');
  assert.equal(rejected && headerOf(rejected, 'siftline.error.code'), 'PROCESS_CRASH');
  assert.match(
    String(rejected && headerOf(rejected, '__connect.errors.exception.message')),
    /that process died too \(SIGABRT\)/,
  );
  assert.equal(await last.kill('SIGTERM'), 0, last.stderr);
});

test('a record that was alone with the model when processes were killed from outside is labelled', async t => {
  const { broker, topics, folder, start, labelled } = await crashStage(t);
  const page = { underWay: [], suspects: [[[topics.input, 0, String(POISON)], 2, Date.now()]] };
  writeFileSync(join(folder, 'inference-99999999.json'), JSON.stringify(page));
  const instance = start({});
  await eventually('all are labelled', async () => (await labelled()) === RECORDS);
  assert.equal((await instance.event('crash_trial_over')).result, 'lived');
  assert.deepEqual(await broker.readAll(topics.rejected), []);
  assert.equal(await instance.kill('SIGTERM'), 0, instance.stderr);
});
