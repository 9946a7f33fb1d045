import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { describe, test } from 'node:test';
import type { Kafka } from 'kafkajs';
import { dueNow, Feeder, MAX_AHEAD } from '../../src/demo/feeder.js';
import { type DemoRecord, demoRecord, demoTexts, isAnswered, streamTexts, textOf } from '../../src/demo/records.js';
import { CHINESE, ENGLISH, planStreams } from '../../src/demo/streams.js';
import { topicNames } from '../../src/demo/topics.js';
import { readModelFolder } from '../../src/model/folder.js';
import { Model } from '../../src/model/model.js';
import { shippedModel } from '../support/models.js';

const texts = demoTexts(ENGLISH.texts);

describe('the texts of the demo', () => {
  for (const { name, texts: file, least } of [
    { ...ENGLISH, least: 300 },
    { ...CHINESE, least: 120 },
  ]) {
    test(`in ${name} are many different ones, each on one line and short enough for the model`, () => {
      const all = demoTexts(file);
      assert.ok(all.length >= least);
      assert.equal(new Set(all).size, all.length);
      for (const text of all) assert.match(text, /^\S.{0,198}\S$/u);
    });
  }

  test('in Chinese are in Chinese', () => {
    for (const text of demoTexts(CHINESE.texts)) assert.match(text, /\p{Script=Han}{2}/u);
  });
});

describe('the texts that moderation gives a label', () => {
  const flagged = demoTexts('moderation.jsonl');

  test('come after every fifteen others, all of them, and the others are all there', () => {
    const mixed = streamTexts(ENGLISH);
    assert.ok(flagged.length >= 12 && flagged.every(text => mixed.includes(text)));
    mixed.forEach((text, i) => {
      assert.equal(flagged.includes(text), i % 16 === 15, text);
    });
    assert.deepEqual(
      mixed.filter(text => !flagged.includes(text)),
      texts,
    );
    assert.deepEqual(streamTexts(CHINESE), demoTexts(CHINESE.texts));
  });

  test('get it from the model that is shown, with a score of 0.8 or more', async () => {
    const folder = await readModelFolder({ path: shippedModel('english'), maxTokens: 128, verify: false });
    const model = await Model.open(folder);
    const { scores } = await model.classify(flagged, 512);
    await model.close();
    assert.deepEqual([folder.tasks[0]?.name, folder.tasks[0]?.labels[0]], ['moderation', 'toxic']);
    const width = scores.length / flagged.length;
    for (const [row, text] of flagged.entries()) assert.ok((scores[row * width] ?? 0) >= 0.8, text);
  });
});

describe('what is given for all streams', () => {
  const both = [ENGLISH, CHINESE];
  const recordsOf = (records: number) =>
    planStreams(both, { pace: { rate: 100, records }, workers: undefined }).map(({ pace }) => pace.records);
  const threadsOf = (workers: number) =>
    planStreams(both, { pace: { rate: 100 }, workers }).map(plan => plan.workers ?? 0);

  test('is dealt out three to one, and the records add up whatever their number', () => {
    assert.deepEqual(recordsOf(500), [375, 125]);
    for (let records = 1; records <= 1_000; records++) {
      const [english = 0, chinese = 0] = recordsOf(records);
      assert.equal(english + chinese, records);
      assert.ok(Math.abs(english - 3 * chinese) <= 2, `${english} and ${chinese}`);
    }
    const plans = planStreams(both, { pace: { rate: 10 }, workers: undefined });
    assert.deepEqual(
      plans.map(({ pace, workers }) => ({ pace, workers })),
      [
        { pace: { rate: 7.5, records: undefined }, workers: undefined },
        { pace: { rate: 2.5, records: undefined }, workers: undefined },
      ],
    );
  });

  test('is all of the only stream', () => {
    const [plan] = planStreams([CHINESE], { pace: { rate: 7, records: 5 }, workers: 3 });
    assert.deepEqual([plan?.pace, plan?.workers], [{ rate: 7, records: 5 }, 3]);
  });

  test('as threads is a thread for each stream, and otherwise not more than was given', () => {
    assert.deepEqual([1, 2, 4, 8].map(threadsOf), [
      [1, 1],
      [1, 1],
      [3, 1],
      [6, 2],
    ]);
  });

  test('comes to no two topics or groups of the same name', () => {
    const names = both.flatMap(({ suffix }) => Object.values(topicNames(`siftline${suffix}`)));
    assert.equal(new Set(names).size, 12);
  });
});

describe('the feed', () => {
  function feeder(records: number | undefined) {
    const sends: number[] = [];
    const producer = {
      connect: async () => {},
      send: async ({ messages }: { messages: unknown[] }) => {
        await new Promise(resolve => setTimeout(resolve, 1));
        sends.push(messages.length);
      },
    };
    const kafka = { producer: () => producer } as unknown as Kafka;
    const outcomes = () => sends.reduce((sum, count) => sum + count, 0);
    return { sends, feeder: new Feeder({ kafka, topic: 'texts', texts, records, outcomes }) };
  }

  test('begins with what a warm-up has left, at its own pace', async () => {
    const { sends, feeder: feed } = feeder(60);
    await feed.send(50);
    assert.equal(feed.left, 10);
    await feed.run(1_000, new AbortController().signal);
    assert.deepEqual([feed.sent, feed.left], [60, 0]);
    assert.ok(sends.length >= 2 && sends[0] === 50);
  });

  test('without a number of records goes on until it is stopped', async () => {
    const { feeder: feed } = feeder(undefined);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 120);
    await feed.run(0, stop.signal);
    assert.ok(feed.sent > 0);
    assert.equal(feed.left, Number.POSITIVE_INFINITY);
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

  test('are answered, except tombstones, of which siftline writes nothing', () => {
    records.forEach(({ kind }, n) => {
      assert.equal(isAnswered(n), kind !== 'tombstone');
    });
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
