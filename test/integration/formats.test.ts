import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frame } from '../../src/avro/framing.js';
import { buildType } from '../../src/avro/type.js';
import { loadKafkajs } from '../../src/kafka/patches/index.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { Instance } from '../support/instance.js';
import {
  eventually,
  type OutMessage,
  sharedBroker,
  type TestBroker,
  type TestScope,
  type TopicSpec,
  uniqueName,
} from '../support/kafka.js';
import { fixtureModel } from '../support/models.js';
import { headerOf, labelOf, schemaIdOf, stageFields } from '../support/outputs.js';

const MODEL = fixtureModel('bert-two-tasks');

interface StageOptions {
  readonly set?: Readonly<Record<string, string>>;
  readonly labelsConfig?: TopicSpec['config'];
  readonly inputConfig?: TopicSpec['config'];
}

/** A stage over fresh topics, fed with messages, until each of them has its outcome; what came out. */
async function outcomesOf(
  t: TestScope,
  messages: readonly OutMessage[],
  { set = {}, labelsConfig, inputConfig }: StageOptions = {},
) {
  const broker: TestBroker = await sharedBroker();
  const topics = {
    input: uniqueName('texts'),
    labels: uniqueName('labels'),
    rejected: uniqueName('rejected'),
    metrics: uniqueName('metrics'),
  };
  await broker.createTopics(
    { topic: topics.input, ...(inputConfig ? { config: inputConfig } : {}) },
    { topic: topics.labels, ...(labelsConfig ? { config: labelsConfig } : {}) },
    { topic: topics.rejected },
    { topic: topics.metrics },
  );
  await broker.produce(topics.input, messages, { compression: loadKafkajs().CompressionTypes.GZIP });
  const instance = Instance.start(t, {
    brokers: broker.bootstrap,
    model: MODEL,
    set: { ...stageFields(topics, uniqueName('group')), ...set },
  });
  await eventually(
    'every record has its outcome',
    async () => (await instance.metric('siftline_records_total')) === messages.length,
  );
  assert.equal(await instance.kill('SIGTERM'), 0, instance.stderr);
  return {
    inputs: await broker.readAll(topics.input),
    labels: await broker.readAll(topics.labels),
    rejected: await broker.readAll(topics.rejected),
    stderr: instance.stderr,
  };
}

test('plain text is labelled, and bytes that are no UTF-8 are rejected', async t => {
  const messages = [{ value: 'a plain text about food' }, { value: Buffer.from([0xc3, 0x28]) }, { value: '  \n ' }];
  const { labels, rejected } = await outcomesOf(t, messages, { set: { 'input.format': 'text' } });
  assert.equal(labels.length, 1);
  assert.deepEqual(
    rejected.map(record => headerOf(record, 'siftline.error.code')),
    ['VALUE_NOT_UTF8', 'TEXT_EMPTY'],
  );
});

test('several nested fields make one text, with the id of another field', async t => {
  const messages = [{ value: JSON.stringify({ key: { id: 7 }, post: { title: 'food', body: ['x', 'travel'] } }) }];
  const set = { 'input.textFields': 'post.title,post.body.1', 'input.idField': 'key.id' };
  const { labels } = await outcomesOf(t, messages, { set });
  const label = labels[0] && labelOf(labels[0]);
  assert.equal(label?.source.textId, '7');
  assert.ok((label?.tokens ?? 0) > 3);
});

test('long texts are read in windows, and their labels say how many and which of them decided', async t => {
  const messages = [
    { value: 'a plain text about food' },
    { value: 'the '.repeat(100) },
    { value: 'the '.repeat(5_000) },
  ];
  const set = { 'input.format': 'text', 'model.longTexts': 'windows', 'model.windowStrideTokens': '8' };
  const { labels } = await outcomesOf(t, messages, { set: { ...set, 'model.maxWindows': '4' } });
  const read = labels.map(labelOf).sort((a, b) => a.tokens - b.tokens);
  assert.deepEqual(
    read.map(({ windows, truncated }) => [windows, truncated]),
    [
      [1, false],
      [2, false],
      [4, true],
    ],
  );
  assert.deepEqual([read[1]?.tokens, read[2]?.tokens], [102, 62 + 3 * 54 + 2]);
  assert.ok(read[0]?.tasks.every(({ window }) => window === null));
  for (const { window } of read[2]?.tasks ?? []) assert.equal(window?.fromToken, (window?.index ?? -1) * 54);
});

test('Avro from a registry is labelled under registered schemas; unknown ids and bombs are rejected and the process lives', async t => {
  const registry = await FakeRegistry.start();
  t.after(() => registry.close());
  const schema = {
    type: 'record',
    name: 'Post',
    fields: [
      { name: 'id', type: 'long' },
      { name: 'text', type: ['null', 'string'], default: null },
      { name: 'tags', type: { type: 'array', items: 'string' }, default: [] },
    ],
  };
  const id = registry.add('posts-value', schema);
  const type = buildType(schema);
  const post = (text: string | null) => frame(id, type, { id: 2n ** 60n, text, tags: ['a'] });
  const header = Buffer.from([0, 0, 0, 0, id]);
  // id 0, no text, then an array that claims two thousand million strings in a handful of bytes.
  const bomb = Buffer.concat([header, Buffer.from([0, 0, 0x80, 0xd0, 0xac, 0xf3, 0x0e])]);
  const messages = [
    post('about food'),
    bomb,
    post(null),
    Buffer.from('not framed'),
    Buffer.from([0, 0, 0, 99, 99, 1]),
    post('about travel'),
    post('x').subarray(0, 9),
  ];
  const set = { 'input.format': 'avro', 'registry.url': registry.url };
  const { labels, rejected } = await outcomesOf(
    t,
    messages.map(value => ({ value })),
    { set },
  );
  assert.deepEqual(
    labels.map(record => labelOf(record).source.textId),
    ['1152921504606846976', '1152921504606846976'],
  );
  assert.ok(labels[0] && schemaIdOf(labels[0]) > id, 'the id of the registered schema is in the framing');
  assert.deepEqual(
    rejected.map(record => headerOf(record, 'siftline.error.code')),
    ['AVRO_MALFORMED', 'TEXT_MISSING', 'AVRO_FRAMING', 'AVRO_SCHEMA_UNKNOWN', 'AVRO_MALFORMED'],
  );
});

test('a result too large for the labels topic is rejected, and its neighbours are labelled', async t => {
  const padding = Buffer.alloc(3_000, 'x');
  const messages = Array.from({ length: 20 }, (_, i) => ({
    value: JSON.stringify({ id: i, text: `about food ${i}` }),
    ...(i === 11 ? { headers: [['padding', padding]] as const } : {}),
  }));
  const { labels, rejected } = await outcomesOf(t, messages, {
    labelsConfig: { 'max.message.bytes': '2000' },
    set: { 'output.compression': 'none' },
  });
  assert.equal(labels.length, 19);
  assert.deepEqual(
    rejected.map(record => [
      headerOf(record, 'siftline.error.code'),
      headerOf(record, '__connect.errors.stage'),
      headerOf(record, '__connect.errors.offset'),
    ]),
    [['RESULT_TOO_LARGE', 'PUBLISH', '11']],
  );
});

test('an event time the labels topic does not take is stored in its place under the clock of now, the original in the value', async t => {
  const ahead = Date.now() + 48 * 3_600_000;
  const messages = [1, 2, 3].map(i => ({
    value: `{"id":${i},"text":"food ${i}"}`,
    timestamp: i === 2 ? ahead : Date.now(),
  }));
  // Kafka 4 has the limit of an hour by default, Kafka 3.9 has none.
  const inputConfig = { 'message.timestamp.after.max.ms': '9223372036854775807' };
  const labelsConfig = { 'message.timestamp.after.max.ms': '3600000' };
  const { labels } = await outcomesOf(t, messages, { inputConfig, labelsConfig });
  assert.deepEqual(
    labels.map(record => labelOf(record).source.textId),
    ['1', '2', '3'],
  );
  assert.equal(labels[1] && labelOf(labels[1]).source.timestamp, BigInt(ahead));
  assert.ok(labels[1] && labels[1].timestamp < BigInt(ahead));
});

test('a labels topic that is compacted refuses what has no key: rejected, and said why', async t => {
  const messages = [{ key: 'k', value: '{"text":"food"}' }, { value: '{"text":"no key"}' }];
  const { labels, rejected } = await outcomesOf(t, messages, { labelsConfig: { 'cleanup.policy': 'compact' } });
  assert.equal(labels.length, 1);
  assert.deepEqual(
    rejected.map(record => headerOf(record, 'siftline.error.code')),
    ['RESULT_REFUSED'],
  );
});

const SECRET = 'mary-had-a-little-secret';

/** Bytes, headers and shapes that have brought down other programs; what each must come to. */
const POISON: ReadonlyArray<readonly [what: string, message: OutMessage, outcome: string]> = [
  ['null value', { value: null }, 'skipped'],
  ['empty value', { value: '' }, 'VALUE_NOT_JSON'],
  ['empty key', { key: '', value: '{"text":"fine"}' }, 'labelled'],
  ['a large key', { key: Buffer.alloc(200_000, 'k'), value: '{"text":"fine"}' }, 'labelled'],
  ['broken JSON with a secret in it', { value: `{"text": ${SECRET}` }, 'VALUE_NOT_JSON'],
  ['a number for a text', { value: '{"text": 12}' }, 'TEXT_NOT_A_STRING'],
  [
    'a thousand headers',
    {
      value: '{"text":"fine"}',
      headers: Array.from({ length: 1_000 }, (_, i) => [`h${i}`, Buffer.from('v')] as const),
    },
    'labelled',
  ],
  [
    'headers null, repeated and __proto__',
    {
      value: '{"text":"fine"}',
      headers: [
        ['a', null],
        ['a', Buffer.from('2')],
        ['__proto__', Buffer.from('x')],
      ],
    },
    'labelled',
  ],
  [
    'an invalid traceparent',
    { value: '{"text":"fine"}', headers: [['traceparent', Buffer.from('nonsense')]] },
    'labelled',
  ],
  ['__proto__ in the JSON', { value: '{"__proto__": {"text": "no"}}' }, 'TEXT_MISSING'],
  ['deep nesting', { value: `${'['.repeat(50_000)}${']'.repeat(50_000)}` }, 'TEXT_MISSING'],
  ['a megabyte of text', { value: JSON.stringify({ text: 'word '.repeat(150_000) }) }, 'labelled'],
  ['a very long word', { value: JSON.stringify({ text: 'x'.repeat(500_000) }) }, 'labelled'],
  ['lone surrogates', { value: '{"text":"a \\ud800 b"}' }, 'labelled'],
  ['NUL, BOM, bidi, ANSI', { value: JSON.stringify({ text: '\u0000\ufeff\u202e\u001b[31m red' }) }, 'labelled'],
  ['special tokens in the text', { value: JSON.stringify({ text: '[CLS] [SEP] [MASK] [PAD] [UNK]' }) }, 'labelled'],
  ['emoji and marks', { value: JSON.stringify({ text: `👩‍👩‍👧‍👦 Z${'\u0335\u0321'.repeat(500)}` }) }, 'labelled'],
  [
    'bad UTF-8',
    { value: Buffer.concat([Buffer.from('{"text":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')]) },
    'VALUE_NOT_UTF8',
  ],
  ['an event time of 1970', { value: '{"text":"fine"}', timestamp: 1 }, 'labelled'],
  ['1e999 and a 64-bit id', { value: '{"id": 9223372036854775807, "text": "fine", "n": 1e999}' }, 'labelled'],
];

test('every poisonous record ends as it should, its neighbours are labelled, and no log line holds a text', async t => {
  const good = { value: '{"text":"a good neighbour"}' };
  const messages = POISON.flatMap(([, message]) => [good, message]);
  const { inputs, labels, rejected, stderr } = await outcomesOf(t, messages);
  const outcomes = new Map<string, string>();
  for (const record of labels) outcomes.set(String(labelOf(record).source.offset), 'labelled');
  for (const record of rejected)
    outcomes.set(headerOf(record, '__connect.errors.offset') ?? '', headerOf(record, 'siftline.error.code') ?? '');
  POISON.forEach(([what, , outcome], i) => {
    assert.equal(outcomes.get(String(2 * i)), 'labelled', `the neighbour of ${what}`);
    assert.equal(outcomes.get(String(2 * i + 1)) ?? 'skipped', outcome, what);
  });
  for (const record of rejected) {
    const original = inputs[Number(headerOf(record, '__connect.errors.offset'))];
    assert.deepEqual(
      [record.key, record.value, record.timestamp],
      [original?.key, original?.value, original?.timestamp],
    );
    assert.ok(!JSON.stringify(record.headers.map(([key, value]) => [key, String(value)])).includes(SECRET));
  }
  assert.ok(!stderr.includes(SECRET) && !stderr.includes('good neighbour'));
});
