import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type BufferLimits, RecordBuffer } from '../../src/consumer/buffer.js';
import type { Held } from '../../src/consumer/partition-queue.js';
import { RangeSource } from '../../src/consumer/range-source.js';
import type { SourceRecord } from '../../src/ports.js';
import { Gate, quiet } from '../support/memory-gate.js';
import { placeOf, recordAt } from '../support/memory-records.js';

const LIMITS: BufferLimits = { records: 40, bytes: 1_000_000, batchRecords: 8, batchBytes: 1_000_000 };

/** A decoder whose records at some places are not ready until they are let go. */
function decoderWithout(...places: string[]) {
  const missing = new Set(places);
  const asked: string[] = [];
  let gate = new Gate();
  return {
    asked,
    isReady: (record: SourceRecord) => !missing.has(placeOf(record)),
    prepare: async (records: readonly SourceRecord[]) => {
      asked.push(...records.map(placeOf));
      await gate.opened;
    },
    awaits: () => 'schema id 7',
    decode: () => assert.fail('nothing is decoded here'),
    letGo: (...ready: string[]) => {
      for (const place of ready) missing.delete(place);
      const opened = gate;
      gate = new Gate();
      opened.open();
      return quiet();
    },
  };
}

function held(partition: number, from: number, count: number): Held[] {
  return Array.from({ length: count }, (_, i) => {
    const record = recordAt(partition, from + i);
    return { record, next: record.offset + 1n };
  });
}

function bufferOf(decoder: ReturnType<typeof decoderWithout>) {
  let changes = 0;
  const buffer = new RecordBuffer(LIMITS, {
    decoder,
    changed: () => {
      changes += 1;
    },
  });
  buffer.assign(['0', '1']);
  const take = () =>
    [...(buffer.take() ?? new Map<string, Held[]>()).values()].flat().map(({ record }) => placeOf(record));
  return { buffer, take, changes: () => changes };
}

describe('a partition whose next record is not ready', () => {
  test('hands out what is before it and nothing behind it, and does not hold up another', () => {
    const { buffer, take } = bufferOf(decoderWithout('0/2'));
    buffer.push('0', held(0, 0, 4));
    buffer.push('1', held(1, 0, 3));
    assert.deepEqual(buffer.standing, [], 'it still has records to hand out');
    assert.deepEqual(take(), ['0/0', '0/1', '1/0', '1/1', '1/2']);
    assert.deepEqual(
      buffer.standing.map(({ topic, partition, offset, awaits }) => [topic, partition, offset, awaits]),
      [['memory', 0, 2n, 'schema id 7']],
    );
    assert.equal(buffer.hasReady, false);
    assert.equal(buffer.hasWaiting, true);
    assert.equal(buffer.take(), undefined);
  });

  test('goes on in order once it is ready, with what has come meanwhile', async () => {
    const decoder = decoderWithout('0/0');
    const { buffer, take, changes } = bufferOf(decoder);
    buffer.push('0', held(0, 0, 2));
    buffer.push('0', held(0, 2, 2));
    await decoder.letGo();
    assert.deepEqual([changes(), take()], [0, []], 'an answer that is no schema changes nothing');
    await decoder.letGo('0/0');
    assert.equal(changes(), 1);
    assert.deepEqual(take(), ['0/0', '0/1', '0/2', '0/3']);
    assert.deepEqual(buffer.standing, []);
  });

  test('may stand again at the next one', async () => {
    const decoder = decoderWithout('0/0', '0/1');
    const { buffer, take } = bufferOf(decoder);
    buffer.push('0', held(0, 0, 3));
    await decoder.letGo('0/0');
    assert.deepEqual(take(), ['0/0']);
    assert.equal(buffer.standing[0]?.offset, 1n);
    await decoder.letGo('0/1');
    assert.deepEqual(take(), ['0/1', '0/2']);
  });

  test('is paused like any other once it holds its share', () => {
    const { buffer } = bufferOf(decoderWithout('0/0'));
    buffer.push('0', held(0, 0, 20));
    assert.equal(buffer.isOver('0'), true);
    assert.equal(buffer.isOver('1'), false);
  });

  test('is no batch that is worth waiting for, however much is behind it', () => {
    const { buffer } = bufferOf(decoderWithout('0/0'));
    buffer.push('0', held(0, 0, 20));
    assert.equal(buffer.isWorthWaiting(), false);
  });

  test('asks for what the next records need together with its own, and for a bounded number of them', () => {
    const decoder = decoderWithout('0/1');
    const { buffer } = bufferOf(decoder);
    buffer.push('0', held(0, 0, 100));
    assert.equal(new Set(decoder.asked).size, 33);
    assert.ok(decoder.asked.includes('0/1') && decoder.asked.includes('0/33'));
  });

  test('is asked for no more when its partition is gone', async () => {
    const decoder = decoderWithout('0/0');
    const { buffer, changes } = bufferOf(decoder);
    buffer.push('0', held(0, 0, 1));
    buffer.assign(['0']);
    const before = decoder.asked.length;
    await decoder.letGo('0/0');
    assert.deepEqual([decoder.asked.length, changes(), buffer.standing], [before, 0, []]);
  });
});

test('a range does not end while a record of it waits', async () => {
  const decoder = decoderWithout('0/1');
  const read = async function* () {
    yield { records: held(0, 0, 2).map(({ record }) => record), next: 2n };
  };
  const ranges = [{ topic: 'memory', partition: 0, from: 0n, to: 2n }];
  const source = new RangeSource({ ranges, read, limits: LIMITS, decoder });
  await source.open();
  assert.deepEqual((await source.take())?.records.map(placeOf), ['0/0']);
  const next = source.take();
  await quiet();
  await decoder.letGo('0/1');
  assert.deepEqual((await next)?.records.map(placeOf), ['0/1']);
  assert.equal(await source.take(), undefined);
  await source.close();
});

test('a range that waits is stopped at once', async () => {
  const read = async function* () {
    yield { records: held(0, 0, 1).map(({ record }) => record), next: 1n };
  };
  const ranges = [{ topic: 'memory', partition: 0, from: 0n, to: 1n }];
  const source = new RangeSource({ ranges, read, limits: LIMITS, decoder: decoderWithout('0/0') });
  await source.open();
  const next = source.take();
  await quiet();
  source.stop();
  assert.equal(await next, undefined);
  await source.close();
});
