import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Message } from 'kafkajs';
import type { SourceRecord, TopicPartition } from '../../../src/ports.js';
import { cutDeadLetter } from '../../../src/producer/dead-letter.js';
import { Redrive, type RedriveOptions } from '../../../src/tools/dead-letters/redrive.js';
import { recordAt } from '../../support/memory-records.js';
import { letterRecord, REJECTOR, rejectedAgain, rejectionOf, stored } from './letters.js';

interface Sent extends TopicPartition {
  readonly value: string;
}

/** A redrive over these records; what it sends and remembers is written down. */
function rig(records: readonly SourceRecord[], options: Partial<RedriveOptions> = {}) {
  const sent: Sent[] = [];
  const remembered: string[] = [];
  const partitions = [...new Set(records.map(({ partition }) => partition))];
  const send = async (target: TopicPartition, { value }: Message) => {
    sent.push({ ...target, value: String(value) });
    return true;
  };
  const redrive = new Redrive({
    ranges: partitions.map(partition => ({
      topic: 'rejected',
      partition,
      from: 0n,
      to: BigInt(records.filter(record => record.partition === partition).length),
    })),
    read: async function* ({ partition, to }, signal) {
      // One fetch of all there is, markers behind it included.
      if (!signal.aborted) yield { records: records.filter(record => record.partition === partition), next: to };
    },
    wanted: {},
    maxRedrives: 3,
    partitionsOf: async () => 4,
    send,
    remember: async next => {
      for (const [partition, offset] of next) remembered.push(`${partition}:${offset}`);
    },
    ...options,
  });
  return { redrive, sent, remembered };
}

function letters(count: number, partition = 0): SourceRecord[] {
  return Array.from({ length: count }, (_, i) => letterRecord(recordAt(5, i), { partition, offset: i }));
}

describe('a redrive', () => {
  test('sends each record where it came from, in order, its partition folded into those there are', async () => {
    const { redrive, sent } = rig(letters(3));
    await redrive.run();
    assert.deepEqual(
      sent,
      [0, 1, 2].map(i => ({ topic: 'memory', partition: 1, value: `text 5/${i}` })),
    );
    const { sent: count, wanted, read, finished, targets } = redrive.report;
    assert.deepEqual([count, wanted, read, finished], [3, 3, 3, true]);
    assert.deepEqual(targets, [{ reason: 'TEXT_EMPTY', topic: 'memory', count: 3 }]);
  });

  test('sends nothing without a way to send, and counts what it would', async () => {
    const { redrive, sent } = rig(letters(3), { send: undefined });
    await redrive.run();
    assert.deepEqual([sent.length, redrive.report.sent], [0, 3]);
  });

  test('sends only what is wanted', async () => {
    const records = [
      letterRecord(recordAt(0, 0), { offset: 0, reason: 'WORKER_CRASHED' }),
      letterRecord(recordAt(0, 1), { offset: 1 }),
      letterRecord(recordAt(0, 2), { offset: 2, reason: 'WORKER_CRASHED' }),
    ];
    const wanted = async (fields: RedriveOptions['wanted']) => {
      const { redrive, sent } = rig(records, { wanted: fields });
      await redrive.run();
      return sent.map(({ value }) => value);
    };
    assert.deepEqual(await wanted({ reasons: ['WORKER_CRASHED'] }), ['text 0/0', 'text 0/2']);
    assert.deepEqual(await wanted({ records: new Set(['0:1', '1:0']) }), ['text 0/1']);
    assert.deepEqual(await wanted({ stages: ['infer'] }), []);
    assert.deepEqual(await wanted({ since: Date.now() + 60_000 }), []);
    assert.deepEqual((await wanted({ since: Date.now() - 60_000, before: Date.now() + 60_000 })).length, 3);
  });

  test('leaves out, and counts, what cannot or must not go back, and what the brokers refuse', async () => {
    const { record: often } = rejectedAgain(3);
    const cut = stored(cutDeadLetter(REJECTOR, recordAt(0, 1), rejectionOf()), 0, 1);
    const records = [{ ...often, offset: 0n }, cut, { ...recordAt(0, 2) }, letterRecord(recordAt(0, 3), { offset: 3 })];
    const { redrive } = rig(records, { send: async () => false });
    await redrive.run();
    assert.deepEqual(redrive.report.skipped, { cut: 1, noOrigin: 1, tooOften: 1, refused: 1 });
    assert.equal(redrive.report.sent, 0);
  });

  test('remembers how far it is after every step, and to the end of the range', async () => {
    const { redrive, remembered } = rig([...letters(1_200), ...letters(2, 1)]);
    await redrive.run();
    assert.deepEqual(remembered, ['0:500', '0:1000', '0:1200', '1:2']);
    assert.deepEqual(
      [...redrive.report.reached],
      [
        [0, 1200n],
        [1, 2n],
      ],
    );
  });

  test('remembers nothing of a step that failed', async () => {
    let sends = 0;
    const { redrive, remembered } = rig(letters(1_200), {
      send: async () => {
        sends += 1;
        if (sends === 700) throw new Error('no brokers');
        return true;
      },
    });
    await assert.rejects(redrive.run(), /no brokers/);
    assert.deepEqual(remembered, ['0:500']);
    assert.deepEqual([redrive.report.finished, redrive.report.reached.get(0)], [false, 500n]);
  });

  test('when stopped it finishes the step under way and says where to go on', async () => {
    const { redrive, sent } = rig([...letters(1_200), ...letters(5, 1)], {
      remember: async () => redrive.stop(),
    });
    await redrive.run();
    assert.equal(sent.length, 500);
    const { finished, reached } = redrive.report;
    assert.deepEqual([finished, reached.get(0), reached.get(1)], [false, 500n, 0n]);
  });

  test('sends no more a second than it may', async () => {
    const { redrive } = rig(letters(6), { rate: 20 });
    const started = performance.now();
    await redrive.run();
    assert.ok(performance.now() - started >= 295, `${performance.now() - started} ms`);
  });

  test('sends all to one topic when told to', async () => {
    const { redrive, sent } = rig(letters(1), { to: 'mended', partitionsOf: async () => 6 });
    await redrive.run();
    assert.deepEqual(sent, [{ topic: 'mended', partition: 5, value: 'text 5/0' }]);
  });
});
