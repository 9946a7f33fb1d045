import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeStage, startStage } from '../support/stage.js';

test('a stage whose input turns into something else stops, and goes on behind what it has stored', async t => {
  const stage = await makeStage();
  const { broker, topics } = stage;
  const [good, bad] = [100, 5_000];
  const value = (i: number) => (i < good ? JSON.stringify({ id: i, text: `about food ${i}` }) : `plain ${i}`);
  const messages = Array.from({ length: good + bad }, (_, i) => ({ key: String(i), value: value(i) }));
  await broker.produce(topics.input, messages);
  const set = {
    'rejects.maxRatio': '0.9',
    'rejects.windowRecords': '50',
    'workers.batchRecords': '16',
  };
  const start = () => startStage(t, stage, { set });
  const rejected = async () => (await broker.readAll(topics.rejected)).map(({ key }) => Number(key));

  const first = start();
  assert.equal(await first.exited, 10, first.stderr);
  assert.match(first.stderr, /siftline: REJECT_LIMIT: \d+ of the last 50 records were rejected \(VALUE_NOT_JSON \d+\)/);
  const once = await rejected();
  assert.ok(once.length >= 46 && once.length < bad / 2, `${once.length} were rejected`);
  assert.equal((await broker.readAll(topics.labels)).length, good);

  const second = start();
  assert.equal(await second.exited, 10, second.stderr);
  const twice = await rejected();
  assert.ok(twice.length > once.length);
  assert.deepEqual(
    twice,
    twice.map((_, i) => good + i),
    'none is missing, none comes twice',
  );
});
