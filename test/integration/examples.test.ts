import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { recordId, type SourceRecord } from '../../src/ports.js';
import { Example } from '../support/example.js';
import { headerOf, labelOf } from '../support/outputs.js';

/** The decision of each text, in the order of the ids. */
function decisionsOf(records: readonly SourceRecord[]): Map<string, string | null> {
  const decisions = records.map(labelOf).map(({ source, decision }) => [source.textId ?? 'no id', decision] as const);
  return new Map(decisions.sort());
}

function idsWith(decision: string, decisions: ReadonlyMap<string, string | null>): string[] {
  return [...decisions].filter(([, each]) => each === decision).map(([id]) => id);
}

test('examples/moderation: its decisions are those of its README, and each of them but allow is explained', async t => {
  const example = await Example.copy(t, 'moderation');
  await example.follow({ 'siftline.yaml': 21 });
  const records = await example.records('comments.labels');
  assert.equal(records.length, 21);
  const decisions = decisionsOf(records);
  const [, allowed, ...others] =
    /(\d+) are allowed, (\d+) go to review \(([^)]+)\) and (\d+) are blocked \(([^)]+)\)/.exec(example.readme) ?? [];
  const [reviewed, toReview = '', blocked, toBlock = ''] = others;
  assert.equal(idsWith('allow', decisions).length, Number(allowed));
  assert.deepEqual(idsWith('review', decisions), toReview.split(', '));
  assert.deepEqual(idsWith('block', decisions), toBlock.split(', '));
  assert.deepEqual(
    [toReview, toBlock].map(ids => ids.split(', ').length),
    [Number(reviewed), Number(blocked)],
  );
  const labels = records.map(labelOf);
  for (const { source, decision, tasks, explanations } of labels) {
    const given = decision === 'allow' ? [] : ['toxic'];
    assert.deepEqual(tasks[0]?.labels, given, `${source.textId}`);
    assert.deepEqual(
      explanations.map(({ label }) => label),
      given,
      `${source.textId}`,
    );
  }
  const last = labels.find(({ source }) => source.textId === 'c-16')?.explanations[0]?.words[0];
  const text = 'you have no idea what you are talking about, fool';
  assert.ok(readFileSync('examples/moderation/texts.jsonl', 'utf8').includes(`{"id": "c-16", "text": "${text}"}`));
  assert.equal(text.slice(last?.start, last?.end), 'fool', 'the strongest word of c-16 is the last one');
  const printed = example.stdout.get('siftline classify -c siftline.yaml texts.jsonl') ?? '';
  const lines = printed
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));
  assert.deepEqual(
    new Map(lines.map(({ id, decision }) => [id, decision])),
    decisions,
    'classify says what run stores',
  );
});

test('examples/news: every article has the category of the README, and the one without text is rejected', async t => {
  const example = await Example.copy(t, 'news');
  await example.follow({ 'siftline.yaml': 16 });
  const labels = (await example.records('articles.labels')).map(labelOf);
  const found = labels.map(({ source, tasks }) => `${source.textId} \`${tasks[0]?.label}\``);
  const promised = [...example.readme.matchAll(/\d+ `[a-z]+`/g)].map(([each]) => each);
  assert.equal(promised.length, 16);
  assert.deepEqual(found.sort(), promised.sort());
  const score = (id: string) => labels.find(({ source }) => source.textId === id)?.tasks[0]?.score.toFixed(2);
  assert.match(example.readme, new RegExp(`${score('1')} for article 1, ${score('14')} for article 14`));
  const rejected = await example.records('articles.rejected');
  assert.deepEqual(
    rejected.map(record => headerOf(record, 'siftline.error.code')),
    ['TEXT_EMPTY'],
  );
  assert.match(example.stdout.get('siftline dlq list -c siftline.yaml') ?? '', /TEXT_EMPTY +decode +1\b/);
});

test('examples/chain: the second stage labels what the first one passed on, and reads it to its end', async t => {
  const example = await Example.copy(t, 'chain');
  await example.follow({ 'siftline.yaml': 8, 'long.yaml': 4 });
  const short = decisionsOf(await example.records('posts.labels'));
  assert.deepEqual([...short.keys()], ['p-01', 'p-02', 'p-04', 'p-05', 'p-07', 'p-09', 'p-10', 'p-12']);
  assert.deepEqual([idsWith('block', short), idsWith('review', short)], [['p-02', 'p-10'], ['p-07']]);
  const records = await example.records('posts.long.labels');
  const long = decisionsOf(records);
  assert.deepEqual([...long.keys()], ['p-03', 'p-06', 'p-08', 'p-11']);
  assert.deepEqual([idsWith('block', long), idsWith('allow', long)], [['p-06'], ['p-03', 'p-08', 'p-11']]);
  const last = records.map(labelOf).find(({ source }) => source.textId === 'p-06');
  assert.equal(last?.windows, 2);
  assert.equal(last?.tasks[0]?.window?.index, 1);
  assert.match(last?.source.topic ?? '', /^posts\.long-/);
  const posts = new Map((await example.records('posts')).map(post => [recordId(post), JSON.parse(`${post.value}`).id]));
  for (const record of records) {
    const place = ['topic', 'partition', 'offset'].map(part => headerOf(record, `__connect.errors.${part}`));
    assert.equal(posts.get(place.join('-')), labelOf(record).source.textId, 'the headers lead back to the post');
  }
  assert.deepEqual(await example.records('posts.rejected'), []);
});

test('examples/own-model: the imported folder labels the tickets as a person did, all but the one of the README', async t => {
  const example = await Example.copy(t, 'own-model');
  await example.follow({ 'siftline.yaml': 26 });
  const evaluated =
    example.stdout.get('siftline eval --model ./model --data texts.jsonl --text body --label kind') ?? '';
  const [, accuracy, from, to] = /accuracy +([\d.]+) +([\d.]+) to ([\d.]+)/.exec(evaluated) ?? [];
  assert.ok(example.readme.includes(`accuracy ${accuracy}`), evaluated);
  assert.ok(example.readme.includes(`from ${from} to ${to}`), evaluated);
  const lines = readFileSync('examples/own-model/texts.jsonl', 'utf8').trimEnd().split('\n');
  const kinds = new Map(lines.map(line => JSON.parse(line)).map(({ id, kind }) => [id, kind]));
  const labels = (await example.records('tickets.labels')).map(labelOf);
  assert.equal(labels.length, 26);
  const wrong = labels.filter(({ source, tasks }) => tasks[0]?.label !== kinds.get(source.textId));
  const said = wrong.map(({ source, tasks }) => [source.textId, tasks[0]?.label, kinds.get(source.textId)]);
  const [, ...promised] = /(t-\d+) is the wrong one, `(\w+)` in place of `(\w+)`/.exec(example.readme) ?? [];
  assert.deepEqual(said, [promised]);
});

test('the schema that the first line of each example names is there', () => {
  const files = readdirSync('examples', { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.yaml'));
  assert.ok(files.length >= 5, files.join(' '));
  for (const file of files.map(each => join('examples', each))) {
    const [, schema = ''] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(readFileSync(file, 'utf8')) ?? [];
    assert.ok(schema && existsSync(join(dirname(file), schema)), `${file}: ${schema}`);
  }
});
