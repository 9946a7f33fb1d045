import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import pino from 'pino';
import type { PartitionRange } from '../../../src/kafka/log-reader.js';
import { type Headers, recordId, type TopicPartition } from '../../../src/ports.js';
import { findStoredResults } from '../../../src/stage/parts/stored-results.js';
import { recordAt } from '../../support/memory-records.js';

const INPUT = { topic: 'in-put', partition: 0 };

/** The headers of a result: own ones of the input first. */
function resultOf(offset: number, group = 'mine', input: TopicPartition = INPUT): Headers {
  return [
    ['siftline.group', Buffer.from('upstream')],
    ['siftline.id', Buffer.from('first-0-3')],
    ['siftline.group', Buffer.from(group)],
    ['siftline.id', Buffer.from(recordId({ ...input, offset: BigInt(offset) }))],
  ];
}

interface Fake {
  /** The offsets of the input's partition. */
  readonly input?: readonly [low: bigint, high: bigint];
  /** The records of the labels topic, one an offset; undefined for a transaction marker. */
  readonly labels?: ReadonlyArray<Headers | undefined>;
  readonly rejected?: readonly Headers[];
  readonly committed?: bigint;
  readonly refuses?: Error;
}

async function find({ input = [0n, 100n], labels = [], rejected = [], committed, refuses }: Fake) {
  const topics: Readonly<Record<string, ReadonlyArray<Headers | undefined>>> = { labels, rejected };
  const seen = { reads: 0, records: 0, takeOvers: [] as TopicPartition[], log: [] as string[] };
  const reader = {
    bounds: async (topic: string): Promise<PartitionRange[]> => {
      if (topic === INPUT.topic) return [{ ...INPUT, from: input[0], to: input[1] }];
      if (refuses) throw refuses;
      return [{ topic, partition: 0, from: 0n, to: BigInt(topics[topic]?.length ?? 0) }];
    },
    async *read({ topic, from, to }: PartitionRange) {
      seen.reads += 1;
      const all = (topics[topic] ?? []).map((headers, offset) => headers && recordAt(0, offset, { headers }));
      const records = all.slice(Number(from), Number(to)).flatMap(each => each ?? []);
      seen.records += records.length;
      yield { records, next: to };
    },
  };
  const takeOver = async (where: TopicPartition) => {
    seen.takeOvers.push(where);
    return committed;
  };
  const log = pino({ level: 'warn' }, { write: (line: string) => void seen.log.push(line) });
  const search = {
    reader,
    group: 'mine',
    outputs: ['labels', 'rejected'].map(topic => ({ topic, prefix: 'siftline.' })),
    takeOver,
    log,
  };
  return { found: await findStoredResults(search, [INPUT]), seen };
}

const many = (count: number) => Array.from({ length: count }, () => resultOf(1, 'other'));
const markers = (count: number) => Array.from({ length: count }, () => undefined);

describe('results of the group', () => {
  test('show that an offset was lost, and where the last of them ended, in labels and dead letters alike', async () => {
    const { found } = await find({ labels: [resultOf(3), resultOf(5)], rejected: [resultOf(4), resultOf(7)] });
    assert.deepEqual(found.get('in-put/0'), { ...INPUT, wanted: 8n, low: 0n, high: 100n, committed: undefined });
  });

  test('are none of another group, another topic, another partition, or before the header was written', async () => {
    const others = [
      resultOf(3, 'mine-too'),
      resultOf(3, 'mine', { topic: 'in', partition: 0 }),
      resultOf(3, 'mine', { topic: 'in-put', partition: 10 }),
      resultOf(3).slice(3),
      [['siftline.group', Buffer.from('mine')]] as Headers,
      [...resultOf(3).slice(0, 3), ['siftline.id', null]] as Headers,
    ];
    const { found, seen } = await find({ labels: others });
    assert.deepEqual([found.size, seen.takeOvers], [0, []]);
  });

  test('are looked for in the last 1,000 records, markers not counted, and no further', async () => {
    const near = await find({ labels: [resultOf(3), ...many(999)] });
    assert.equal(near.found.size, 1);
    const behindMarkers = await find({ labels: [resultOf(3), ...markers(5_000), ...many(900)] });
    assert.equal(behindMarkers.found.size, 1);
    const far = await find({ labels: [resultOf(3), ...many(50_000)] });
    assert.equal(far.found.size, 0);
    assert.ok(far.seen.records < 2_000, `${far.seen.records} records`);
  });

  test('do not matter where an offset appears once the former owner is shut out', async () => {
    const { found, seen } = await find({ labels: [resultOf(3)], committed: 4n });
    assert.equal(found.get('in-put/0')?.committed, 4n);
    assert.deepEqual(seen.takeOvers, [INPUT]);
  });

  test('do not matter in an input that is empty, or that ends before them since it was made anew', async () => {
    const empty = await find({ input: [100n, 100n], labels: [resultOf(3)] });
    assert.deepEqual([empty.found.size, empty.seen.reads], [0, 0]);
    const anew = await find({ input: [0n, 3n], labels: [resultOf(3)] });
    assert.equal(anew.found.size, 0);
    const justDone = await find({ input: [0n, 4n], labels: [resultOf(3)] });
    assert.equal(justDone.found.size, 1);
  });

  test('that may not be read are told of, and the partition begins as configured', async () => {
    const refuses = Object.assign(new Error('no'), { type: 'TOPIC_AUTHORIZATION_FAILED' });
    const { found, seen } = await find({ labels: [resultOf(3)], refuses });
    assert.equal(found.size, 0);
    assert.match(seen.log[0] ?? '', /"event":"stored_results_unread"/);
    await assert.rejects(find({ refuses: new Error('away') }), /away/);
  });
});
