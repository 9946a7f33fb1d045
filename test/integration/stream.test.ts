import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadKafkajs } from '../../src/kafka/patches/index.js';
import type { SourceRecord } from '../../src/ports.js';
import type { Instance } from '../support/instance.js';
import { eventually, type OutMessage, type TestScope } from '../support/kafka.js';
import { headerOf, labelOf, windowOf } from '../support/outputs.js';
import { makeStage, type Stage, startStage } from '../support/stage.js';

function start(t: TestScope, stage: Stage, set: Record<string, string> = {}): Instance {
  return startStage(t, stage, { set: { 'metrics.windowSeconds': '1', ...set } });
}

/** Good records with everything that can be wrong mixed in; what each must come to stands beside it. */
function mixed(
  count: number,
): Array<OutMessage & { readonly expected: 'labelled' | 'rejected' | 'skipped'; readonly reason?: string }> {
  return Array.from({ length: count }, (_, i) => {
    const key = `key-${i % 97}`;
    const timestamp = 1_700_000_000_000 + i;
    const headers = [
      ['n', Buffer.from(String(i))],
      ['n', null],
    ] as const;
    const wrong = { key, timestamp, headers, expected: 'rejected' } as const;
    if (i % 50 === 7) return { key, timestamp, headers, value: null, expected: 'skipped' };
    if (i % 50 === 17) return { ...wrong, value: `not json ${i}`, reason: 'VALUE_NOT_JSON' };
    if (i % 50 === 27) return { ...wrong, value: Buffer.from([0xff, 0xfe, i & 0xff]), reason: 'VALUE_NOT_UTF8' };
    if (i % 50 === 37)
      return { ...wrong, value: JSON.stringify({ id: i, body: 'no text here' }), reason: 'TEXT_MISSING' };
    const text = `record ${i} ${'about food and travel '.repeat(i % 12)}`;
    return { key, timestamp, headers, value: JSON.stringify({ id: i, text }), expected: 'labelled' };
  });
}

/** Records in the order of their offsets, each partition by itself. */
function byPartition(records: readonly SourceRecord[]): Map<number, SourceRecord[]> {
  const partitions = new Map<number, SourceRecord[]>();
  for (const record of records) partitions.set(record.partition, [...(partitions.get(record.partition) ?? []), record]);
  return partitions;
}

describe('ten thousand records of mixed kinds and codecs, two instances, one killed half way', () => {
  test('none is lost, order holds in every partition, repeats are identical', async t => {
    const stage = await makeStage(4);
    const { broker, topics } = stage;
    const { CompressionTypes } = loadKafkajs();
    const codecs = [CompressionTypes.None, CompressionTypes.GZIP, CompressionTypes.Snappy, CompressionTypes.LZ4];
    const records = mixed(10_000);
    for (let i = 0; i < 20; i++) {
      const chunk = records.slice(i * 500, (i + 1) * 500).map(({ expected, reason, ...message }) => message);
      await broker.produce(topics.input, chunk, { compression: codecs[i % codecs.length] ?? CompressionTypes.None });
    }
    const set = {
      'input.sessionTimeoutMs': '6000',
      'input.heartbeatIntervalMs': '500',
      'workers.count': '1',
      'workers.batchRecords': '32',
    };
    const first = start(t, stage, set);
    const second = start(t, stage, set);
    await eventually('the first has done a part', async () => (await first.metric('siftline_records_total')) > 1_000);
    await first.kill('SIGKILL');
    const expected = { labelled: 0, rejected: 0, skipped: 0 };
    for (const each of records) expected[each.expected] += 1;
    const distinct = async (topic: string) =>
      new Set((await broker.readAll(topic, {})).map(record => headerOf(record, 'siftline.id'))).size;
    await eventually(
      'all outcomes are there',
      async () =>
        (await distinct(topics.labels)) + (await distinct(topics.rejected)) >= expected.labelled + expected.rejected,
      90_000,
    );
    assert.equal(await second.kill('SIGTERM'), 0);

    const inputs = await broker.readAll(topics.input, { expect: 10_000 });
    assert.equal(inputs.length, 10_000);
    const labels = await broker.readAll(topics.labels, {});
    const rejected = await broker.readAll(topics.rejected, {});
    checkLabels(inputs, labels, expected.labelled);
    checkRejected(inputs, rejected, expected.rejected);
    for (const [partition, stored] of byPartition(labels)) checkOrder(stored, `labels ${partition}`);
    for (const [partition, stored] of byPartition(rejected)) checkOrder(stored, `rejected ${partition}`);
  });
});

function checkLabels(inputs: readonly SourceRecord[], labels: readonly SourceRecord[], expected: number): void {
  const input = new Map(inputs.map(record => [`${record.topic}-${record.partition}-${record.offset}`, record]));
  const seen = new Map<string, string>();
  for (const record of labels) {
    const label = labelOf(record);
    const original = input.get(label.id);
    assert.ok(original, `label ${label.id} has no input`);
    assert.deepEqual(
      [record.key, record.partition, record.timestamp],
      [original.key, original.partition, original.timestamp],
    );
    assert.deepEqual(record.headers.slice(0, -2), original.headers);
    assert.match(headerOf(record, 'siftline.group') ?? '', /^group-/);
    assert.equal(label.source.textId, String(JSON.parse(String(original.value)).id));
    const answer = JSON.stringify([label.tasks, label.tokens, label.model]);
    assert.equal(seen.get(label.id) ?? answer, answer, `repeats of ${label.id} differ`);
    seen.set(label.id, answer);
  }
  assert.equal(seen.size, expected);
}

function checkRejected(inputs: readonly SourceRecord[], rejected: readonly SourceRecord[], expected: number): void {
  const input = new Map(inputs.map(record => [`${record.topic}-${record.partition}-${record.offset}`, record]));
  const ids = new Set<string>();
  for (const record of rejected) {
    const original = input.get(headerOf(record, 'siftline.id') ?? '');
    assert.ok(original);
    assert.deepEqual([record.key, record.value, record.timestamp], [original.key, original.value, original.timestamp]);
    assert.deepEqual(record.headers.slice(0, original.headers.length), original.headers);
    assert.equal(headerOf(record, '__connect.errors.offset'), String(original.offset));
    assert.match(headerOf(record, 'siftline.error.code') ?? '', /^(VALUE_NOT_JSON|VALUE_NOT_UTF8|TEXT_MISSING)$/);
    ids.add(headerOf(record, 'siftline.id') ?? '');
  }
  assert.equal(ids.size, expected);
}

/** First occurrences come in the order of the input; whatever comes again was there before. */
function checkOrder(stored: readonly SourceRecord[], where: string): void {
  let last = -1n;
  const seen = new Set<string>();
  for (const record of stored) {
    const id = headerOf(record, 'siftline.id') ?? '';
    if (seen.has(id)) continue;
    seen.add(id);
    const offset = BigInt(id.slice(id.lastIndexOf('-') + 1));
    assert.ok(offset > last, `${where}: ${offset} after ${last}`);
    last = offset;
  }
}

test('a second instance takes over half of the partitions without a repeat, and hands them back', async t => {
  const stage = await makeStage(4);
  const { broker, topics } = stage;
  const first = start(t, stage);
  await first.event('assigned');
  const records = mixed(60_000).map(({ expected, reason, ...message }) => ({ expected, message }));
  let fed = 0;
  let enough = false;
  const feeding = (async () => {
    for (; !enough && fed < records.length; fed += 50) {
      await broker.produce(
        topics.input,
        records.slice(fed, fed + 50).map(({ message }) => message),
      );
      // At a pace that outlasts the second one's start and the rebalance.
      await new Promise(resolve => setTimeout(resolve, 10));
    }
  })();
  await eventually('work is under way', async () => (await first.metric('siftline_records_total')) > 100);
  const second = start(t, stage);
  await second.event('assigned');
  await eventually('the second works', async () => (await second.metric('siftline_records_total')) > 100);
  assert.equal(await second.kill('SIGTERM'), 0);
  enough = true;
  await feeding;
  const expected = records.slice(0, fed).filter(each => each.expected !== 'skipped').length;
  const outcomes = async () =>
    (await broker.readAll(topics.labels)).length + (await broker.readAll(topics.rejected)).length;
  await eventually('all outcomes are there', async () => (await outcomes()) >= expected, 60_000);
  assert.equal(await outcomes(), expected);
  assert.equal(await first.kill('SIGTERM'), 0);
});

test('batches become as small as the time allows, by what the model was seen to need', async t => {
  const stage = await makeStage();
  const { broker, topics } = stage;
  const text = 'about food and travel '.repeat(20);
  const messages = Array.from({ length: 2_000 }, (_, id) => ({ value: JSON.stringify({ id, text }) }));
  await broker.produce(topics.input, messages);
  const instance = start(t, stage, { 'workers.batchMs': '1', 'cache.maxBytes': '0' });
  await eventually('all is done', async () => (await instance.metric('siftline_records_total')) === 2_000);
  // Without an estimate they are of 32 records, without a budget of 512.
  const batches = await instance.metric('siftline_batch_records_count');
  assert.ok(2_000 / batches < 16, `${batches} batches`);
  assert.equal(await instance.kill('SIGTERM'), 0);
});

test('what /metrics says is what the metrics records add up to, and the books balance', async t => {
  const stage = await makeStage(2);
  const { broker, topics } = stage;
  const instance = start(t, stage);
  await broker.produce(
    topics.input,
    mixed(1_000).map(({ expected, reason, ...message }) => message),
  );
  await eventually('all is done', async () => (await instance.metric('siftline_records_total')) === 1_000);
  const text = await (await fetch(`${await instance.url()}/metrics`)).text();
  const value = (series: string) =>
    Number(
      text
        .split('\n')
        .find(line => line.startsWith(`${series} `))
        ?.split(' ')
        .at(-1) ?? 0,
    );
  assert.equal(value('siftline_records_consumed_total'), 1_000);
  assert.equal(value('siftline_in_flight_records'), 0);
  assert.equal(await instance.kill('SIGTERM'), 0);

  const windows = (await broker.readAll(topics.metrics, { expect: 1 })).map(windowOf);
  const sum = (pick: (window: Record<string, unknown>) => unknown) =>
    windows.reduce((total, window) => total + Number(pick(window) ?? 0), 0);
  const inMap = (field: string, key: string) => sum(window => (window[field] as Record<string, bigint>)[key]);
  assert.equal(
    sum(window => window.consumed),
    1_000,
  );
  assert.equal(
    sum(window => window.labelled),
    value('siftline_records_total{outcome="labelled",reason=""}'),
  );
  for (const reason of ['VALUE_NOT_JSON', 'VALUE_NOT_UTF8', 'TEXT_MISSING']) {
    assert.equal(inMap('rejected', reason), value(`siftline_records_total{outcome="rejected",reason="${reason}"}`));
  }
  assert.equal(inMap('skipped', 'TOMBSTONE'), 20);
  assert.equal(
    sum(window => window.tokens),
    value('siftline_tokens_total{kind="text"}'),
  );
  for (const label of ['food', 'travel', 'other']) {
    assert.equal(inMap('labels', `topic/${label}`), value(`siftline_labels_total{task="topic",label="${label}"}`));
  }
  for (const partition of [0, 1]) {
    for (const outcome of ['consumed', 'labelled', 'rejected', 'skipped', 'revoked']) {
      const place = `topic="${topics.input}",partition="${partition}"`;
      const counted = value(`siftline_partition_records_total{${place},outcome="${outcome}"}`);
      if (outcome === 'consumed') assert.ok(counted > 0, place);
      assert.equal(
        sum(window => ofPartition(window, partition)?.[outcome]),
        counted,
        `${outcome} of ${partition}`,
      );
    }
  }
  assert.equal(value('siftline_ledger_breaches_total'), 0);
  const endToEnd = sum(window => (window.endToEnd as { count: bigint }).count);
  assert.equal(endToEnd, 1_000);
});

/** What a metrics record says of one input partition; undefined when nothing moved there. */
function ofPartition(window: Record<string, unknown>, partition: number): Record<string, unknown> | undefined {
  const all = window.partitions as Array<Record<string, unknown>>;
  return all.find(each => each.partition === partition);
}
