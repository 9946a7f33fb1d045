import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Instance } from '../support/instance.js';
import { eventually, sharedBroker, uniqueName } from '../support/kafka.js';
import { shippedModel } from '../support/models.js';
import { labelOf, type StageTopics, stageFields, windowOf } from '../support/outputs.js';

const TEXTS = [
  'The senate passed the budget after a long debate',
  'go home',
  'Liverpool win the cup on penalties',
  'New phone has a folding screen',
  'What scientists found on the moon, and why markets fell',
];
const COUNT = 400;

test('a stage with a cascade computes a text once, and every label names the model that answered', async t => {
  const broker = await sharedBroker();
  const names = ['texts', 'labels', 'rejected', 'metrics'].map(uniqueName);
  const [input = '', labels = '', rejected = '', metrics = ''] = names;
  const topics: StageTopics = { input, labels, rejected, metrics };
  await broker.createTopics(...names.map(topic => ({ topic, partitions: topic === metrics ? 1 : 2 })));
  const messages = Array.from({ length: COUNT }, (_, i) => ({
    key: `key-${i}`,
    value: JSON.stringify({ id: i, text: TEXTS[i % TEXTS.length] }),
  }));
  await broker.produce(input, messages);
  const instance = Instance.start(t, {
    brokers: broker.bootstrap,
    model: shippedModel('english'),
    set: {
      ...stageFields(topics, uniqueName('group')),
      'model.cascade.path': shippedModel('english-small'),
      'model.tasks': 'news',
      'metrics.windowSeconds': '1',
    },
  });
  await eventually('all are labelled', async () => (await instance.metric('siftline_records_total')) >= COUNT, 90_000);

  const found = (await broker.readAll(labels, { expect: COUNT })).map(labelOf);
  assert.equal(found.length, COUNT);
  const byText = new Map<string, Set<string>>();
  for (const { source, model, tasks } of found) {
    const text = TEXTS[Number(source.textId) % TEXTS.length] ?? '';
    const answer = JSON.stringify([model.name, model.sha256, tasks[0]?.label, tasks[0]?.score]);
    byText.set(text, (byText.get(text) ?? new Set()).add(answer));
  }
  assert.ok(
    [...byText.values()].every(answers => answers.size === 1),
    'a text has one answer',
  );
  const students = found.filter(({ model }) => model.name === 'english-small').length;
  assert.ok(students > 0 && students < COUNT, `${students} of ${COUNT}`);

  const text = await (await fetch(`${await instance.url()}/metrics`)).text();
  const value = (series: string) =>
    Number(
      text
        .split('\n')
        .find(line => line.startsWith(`${series} `))
        ?.split(' ')[1],
    );
  assert.equal(value('siftline_cascade_texts_total{answered_by="student"}'), students);
  assert.equal(value('siftline_cascade_texts_total{answered_by="full"}'), COUNT - students);
  const [hit, merged, miss] = ['hit', 'merged', 'miss'].map(result =>
    value(`siftline_cache_texts_total{result="${result}"}`),
  );
  assert.deepEqual([miss, Number(hit) + Number(merged)], [TEXTS.length, COUNT - TEXTS.length]);
  assert.ok(value('siftline_cache_bytes') > TEXTS.length * 500);

  assert.equal(await instance.kill('SIGTERM'), 0);
  const windows = (await broker.readAll(metrics, {})).map(windowOf);
  const sum = (name: string, key: string) =>
    windows.reduce((total, window) => total + Number((window[name] as Record<string, bigint>)[key] ?? 0n), 0);
  assert.deepEqual([sum('cache', 'miss'), sum('cascade', 'student')], [TEXTS.length, students]);
  assert.ok(Number(windows.at(-1)?.cacheBytes) > 0);
});
