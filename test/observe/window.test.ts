import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildType } from '../../src/avro/type.js';
import { QuantileWindow } from '../../src/observe/quantiles.js';
import { Recorder } from '../../src/observe/recorder.js';
import { Windows } from '../../src/observe/window.js';
import type { Outcome } from '../../src/ports.js';
import { shippedSchema } from '../../src/producer/schemas.js';
import { labelled, recordAt } from '../support/memory-records.js';

const MODEL = { name: 'm', version: '1', sha256: 'abc', identity: 'def', precision: 'fp32', maxTokens: 128, tasks: [] };

test('windows add up to the counters, and a window with nothing in it is all zero', async () => {
  const recorder = new Recorder([]);
  const windows = new Windows(recorder, { instance: 'i', stage: 's', model: MODEL });
  await windows.begin();
  recorder.taken(5);
  const first = await windows.take();
  recorder.taken(7);
  recorder.classified({ queueMs: 0, tokeniseMs: 0, inferMs: 0, tokens: 30, paddedTokens: 40 });
  const second = await windows.take();
  const third = await windows.take();
  assert.deepEqual([first.consumed, second.consumed, third.consumed], [5n, 7n, 0n]);
  assert.deepEqual([second.tokens, second.paddingShare, third.paddingShare], [30n, 0.25, 0]);
  assert.equal(first.to, second.from);
  assert.equal(third.stages.infer?.count, 0n);
});

test('windows of long texts add up, and the texts that fit count none', async () => {
  const recorder = new Recorder([]);
  const windows = new Windows(recorder, { instance: 'i', stage: 's', model: MODEL });
  await windows.begin();
  const fits = labelled(recordAt(0, 0)) as Outcome & { kind: 'labelled' };
  recorder.stored([fits, { ...fits, windows: 3 }, { ...fits, windows: 32, truncated: true }]);
  const { windows: read, truncated, labelled: texts } = await windows.take();
  assert.deepEqual([read, truncated, texts], [35n, 1n, 3n]);
  assert.match(await recorder.registry.text(), /^siftline_windows_total 35$/m);
});

test('explanations are counted by whether they were given, and records that need none are not', async () => {
  const recorder = new Recorder([]);
  const windows = new Windows(recorder, { instance: 'i', stage: 's', model: MODEL });
  await windows.begin();
  const plain = labelled(recordAt(0, 0)) as Outcome & { kind: 'labelled' };
  recorder.stored([
    plain,
    { ...plain, explanations: [] },
    { ...plain, explanations: null },
    { ...plain, explanations: null },
  ]);
  assert.deepEqual({ ...(await windows.take()).explanations }, { given: 1n, skipped: 2n });
  assert.match(await recorder.registry.text(), /^siftline_explanations_total\{result="skipped"\} 2$/m);
});

test('texts are counted by where their answers came from, and bytes kept are those at the end', async () => {
  const recorder = new Recorder([]);
  const windows = new Windows(recorder, { instance: 'i', stage: 's', model: MODEL });
  await windows.begin();
  recorder.lookedUp({ hit: 3, merged: 1, miss: 2 });
  recorder.registry.gauge('siftline_cache_bytes').set(700);
  recorder.lookedUp({ hit: 1, merged: 0, miss: 4 });
  const { cache, cacheBytes } = await windows.take();
  assert.deepEqual([{ ...cache }, cacheBytes], [{ hit: 4n, merged: 1n, miss: 6n }, 700n]);
  assert.deepEqual({ ...(await windows.take()).cache }, {});
  assert.match(await recorder.registry.text(), /^siftline_cache_texts_total\{result="hit"\} 4$/m);
});

test('labelled texts are counted by the model of a cascade that answered, and without one not at all', async () => {
  const recorder = new Recorder([]);
  const windows = new Windows(recorder, { instance: 'i', stage: 's', model: MODEL });
  await windows.begin();
  const plain = labelled(recordAt(0, 0)) as Outcome & { kind: 'labelled' };
  recorder.stored([plain, { ...plain, answeredBy: 'student' }, { ...plain, answeredBy: 'student' }]);
  recorder.stored([{ ...plain, answeredBy: 'full' }]);
  assert.deepEqual({ ...(await windows.take()).cascade }, { student: 2n, full: 1n });
  assert.match(await recorder.registry.text(), /^siftline_cascade_texts_total\{answered_by="student"\} 2$/m);
});

test('the partitions that moved in a window are in it, and add up to the counters', async () => {
  const recorder = new Recorder([]);
  const windows = new Windows(recorder, { instance: 'i', stage: 's', model: MODEL });
  await windows.begin();
  recorder.moved({ topic: 'a', partition: 0 }, 'consumed', 4);
  recorder.moved({ topic: 'a', partition: 10 }, 'consumed', 2);
  recorder.moved({ topic: 'a', partition: 0 }, 'labelled', 3);
  const first = await windows.take();
  recorder.moved({ topic: 'a', partition: 0 }, 'rejected', 1);
  recorder.broken();
  const second = await windows.take();
  const none = { consumed: 0n, labelled: 0n, rejected: 0n, skipped: 0n, revoked: 0n };
  assert.deepEqual(first.partitions, [
    { ...none, topic: 'a', partition: 0, consumed: 4n, labelled: 3n },
    { ...none, topic: 'a', partition: 10, consumed: 2n },
  ]);
  assert.deepEqual(second.partitions, [{ ...none, topic: 'a', partition: 0, rejected: 1n }]);
  assert.deepEqual([first.ledgerBreaches, second.ledgerBreaches], [0n, 1n]);
  assert.deepEqual((await windows.take()).partitions, []);
});

test('a window fits its schema and comes back the same', async () => {
  const recorder = new Recorder([]);
  const windows = new Windows(recorder, { instance: 'i', stage: 's', model: MODEL });
  await windows.begin();
  recorder.moved({ topic: 'a', partition: 1 }, 'consumed', 4);
  const window = await windows.take();
  const { type } = shippedSchema('metrics-window');
  assert.deepEqual(JSON.stringify(type.fromBuffer(type.toBuffer(window)), digits), JSON.stringify(window, digits));
});

test('a window is read by readers from before answers were kept, and theirs by readers of now', async () => {
  const recorder = new Recorder([]);
  const windows = new Windows(recorder, { instance: 'i', stage: 's', model: MODEL });
  await windows.begin();
  recorder.taken(3);
  recorder.lookedUp({ hit: 1, merged: 1, miss: 1 });
  const { type, json } = shippedSchema('metrics-window');
  const { fields, ...rest } = json as { fields: Array<{ name: string }> };
  const added = ['cache', 'cacheBytes', 'cascade'];
  const before = buildType({ ...rest, fields: fields.filter(({ name }) => !added.includes(name)) });
  const bytes = type.toBuffer(await windows.take());
  const old = before.fromBuffer(bytes, before.createResolver(type)) as { consumed: bigint; cache?: object };
  assert.deepEqual([old.consumed, old.cache], [3n, undefined]);
  const now = type.fromBuffer(before.toBuffer(old), type.createResolver(before)) as Record<string, unknown>;
  assert.deepEqual([now.consumed, { ...(now.cache as object) }, now.cacheBytes], [3n, {}, 0n]);
});

test('every field of the schemas has a default, so that readers of any version can read any other', () => {
  for (const name of ['classification', 'metrics-window'] as const) {
    const { json } = shippedSchema(name);
    const walk = (schema: unknown, path: string): void => {
      if (Array.isArray(schema)) for (const branch of schema) walk(branch, path);
      if (typeof schema !== 'object' || schema === null) return;
      const { type, fields, items, values } = schema as Record<string, unknown>;
      for (const field of (fields as Array<Record<string, unknown>> | undefined) ?? []) {
        assert.ok('default' in field, `${name}: ${path}/${field.name} has no default`);
        walk(field.type, `${path}/${field.name}`);
      }
      for (const inner of [type, items, values]) walk(inner, path);
    };
    walk(json, '');
    const writer = buildType({ ...(json as object), fields: [] });
    assert.ok(buildType(json).createResolver(writer), `${name} cannot read a record without fields`);
  }
});

test('quantiles are those of what was recorded since the last look', () => {
  const window = new QuantileWindow();
  for (let i = 1; i <= 1_000; i++) window.record(i / 1_000);
  const { count, p50, p99, max } = window.take();
  assert.equal(count, 1_000n);
  assert.ok(
    Math.abs(p50 - 0.5) < 0.005 && Math.abs(p99 - 0.99) < 0.005 && Math.abs(max - 1) < 0.005,
    `${p50} ${p99} ${max}`,
  );
  assert.equal(window.take().p99, 0);
});

function digits(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
