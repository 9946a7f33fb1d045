import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { describe, test } from 'node:test';
import { dueNow, MAX_AHEAD } from '../../src/demo/pace.js';
import { type DemoRecord, demoRecord, textOf } from '../../src/demo/records.js';
import { demoTexts } from '../../src/demo/texts.js';

const texts = demoTexts();

describe('the texts of the demo', () => {
  test('are a few hundred different ones, each on one line and short enough for the model', () => {
    assert.ok(texts.length >= 300);
    assert.equal(new Set(texts).size, texts.length);
    for (const text of texts) assert.match(text, /^\S.{0,198}\S$/u);
  });
});

describe('the records of the demo', () => {
  const records = Array.from({ length: 1_000 }, (_, n) => demoRecord(n, texts));
  const ofKind = (kind: DemoRecord['kind']) => records.filter(record => record.kind === kind);

  test('are texts, and of a hundred one is broken and one a tombstone', () => {
    assert.deepEqual([ofKind('text').length, ofKind('broken').length, ofKind('tombstone').length], [980, 10, 10]);
    assert.ok(ofKind('tombstone').every(({ value }) => value === null));
  });

  test('are broken in three ways: not JSON, no text, not UTF-8', () => {
    const ways = new Set(ofKind('broken').map(({ value }) => wayBroken(value)));
    assert.deepEqual([...ways].sort(), ['no text', 'not JSON', 'not UTF-8']);
  });

  test('have an id by which their text is found again, also when the texts have begun anew', () => {
    for (const n of [0, 1, texts.length + 2, 3 * texts.length]) {
      const { key, value } = demoRecord(n, texts);
      const { id, text } = JSON.parse(String(value)) as { id: string; text: string };
      assert.equal(id, key);
      assert.equal(text, texts[n % texts.length]);
      assert.equal(textOf(id, texts), text);
    }
  });

  test('of somebody else have no text', () => {
    for (const id of [null, '', 'demo-', 'demo-1x', 'other-1']) assert.equal(textOf(id, texts), '');
  });
});

describe('the pace of the feed', () => {
  const at = (elapsedMs: number, sent = 0, waiting = 0) => ({ elapsedMs, sent, waiting });

  test('keeps to its rate', () => {
    assert.equal(dueNow({ rate: 100 }, at(0)), 0);
    assert.equal(dueNow({ rate: 100 }, at(50)), 5);
    assert.equal(dueNow({ rate: 100 }, at(1_000, 98)), 2);
    assert.equal(dueNow({ rate: 100 }, at(1_000, 100)), 0);
  });

  test('comes to its number of records and no further, at any tick', () => {
    let sent = 0;
    for (let ms = 0; ms <= 60_000; ms += 37) sent += dueNow({ rate: 100, records: 503 }, at(ms, sent));
    assert.equal(sent, 503);
  });

  test('catches up in chunks after it was held up', () => {
    assert.equal(dueNow({ rate: 100 }, at(60_000)), 500);
  });

  test('sends chunks as fast as it can when the rate is 0', () => {
    assert.equal(dueNow({ rate: 0 }, at(0)), 500);
    assert.equal(dueNow({ rate: 0, records: 600 }, at(0, 500)), 100);
  });

  test('pauses while too many wait for their outcome', () => {
    assert.equal(dueNow({ rate: 0 }, at(0, 20_000, MAX_AHEAD - 10)), 10);
    assert.equal(dueNow({ rate: 0 }, at(0, 20_000, MAX_AHEAD)), 0);
    assert.equal(dueNow({ rate: 0 }, at(0, 20_000, MAX_AHEAD + 5)), 0);
  });
});

function wayBroken(value: Buffer | null): string {
  if (!value || !isUtf8(value)) return 'not UTF-8';
  try {
    return 'text' in (JSON.parse(value.toString()) as object) ? 'not broken' : 'no text';
  } catch {
    return 'not JSON';
  }
}
