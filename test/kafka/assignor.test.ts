import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PartitionAssigner } from 'kafkajs';
import { pino } from 'pino';
import { assignBySubscription } from '../../src/kafka/assignor.js';
import { loadKafkajs } from '../../src/kafka/patches/index.js';

type Counts = Readonly<Record<string, number>>;
type Assignment = Record<string, Record<string, number[]>>;

const { AssignerProtocol, PartitionAssigners } = loadKafkajs();
const log = pino({ level: 'silent' });

/** What the assignor hands out when the member with the smallest id leads. */
async function assign(
  assigner: PartitionAssigner,
  members: Readonly<Record<string, readonly string[]>>,
  counts: Counts,
): Promise<Assignment> {
  const cluster = {
    findTopicPartitionMetadata: (topic: string) =>
      Array.from({ length: counts[topic] ?? 0 }, (_, partitionId) => ({ partitionId })),
  };
  const made = assigner({ cluster: cluster as never, groupId: 'g', logger: undefined as never });
  const encoded = Object.entries(members).map(([memberId, topics]) => ({
    memberId,
    memberMetadata: Buffer.from(made.protocol({ topics: [...topics] }).metadata),
  }));
  const topics = [...(Object.values(members)[0] ?? [])];
  const assigned = await made.assign({ members: encoded, topics } as never);
  return Object.fromEntries(
    assigned.map(({ memberId, memberAssignment }) => [
      memberId,
      Object.fromEntries(Object.entries(AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment ?? {})),
    ]),
  );
}

function ours(counts: Counts): PartitionAssigner {
  const partitionsOf = async (topics: readonly string[]) =>
    new Map(topics.flatMap(topic => (counts[topic] === undefined ? [] : [[topic, counts[topic]] as const])));
  return assignBySubscription({ partitionsOf, log });
}

const topic = fc.constantFrom('a', 'b', 'c', 'd');
const counts = fc.record({ a: fc.nat(7), b: fc.nat(7), c: fc.nat(7), d: fc.nat(7) });

test('members that read the same topics get what kafkajs gives them', async () => {
  const topics = fc.uniqueArray(topic, { minLength: 1 });
  const members = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(topics, members, counts, async (read, ids, of) => {
      const group = Object.fromEntries(ids.map(id => [id, read]));
      assert.deepEqual(await assign(ours(of), group, of), await assign(PartitionAssigners.roundRobin, group, of));
    }),
  );
});

test('every partition of every topic goes to one member, which reads that topic', async () => {
  const members = fc.dictionary(fc.string({ minLength: 1, maxLength: 3 }), fc.uniqueArray(topic), {
    minKeys: 1,
    maxKeys: 5,
  });
  await fc.assert(
    fc.asyncProperty(members, counts, async (group, of) => {
      const assigned = await assign(ours(of), group, of);
      for (const [name, partitions] of Object.entries(of)) {
        const readers = Object.keys(group).filter(id => group[id]?.some(each => each === name));
        const shares = readers.map(id => assigned[id]?.[name]?.length ?? 0);
        const handed = Object.values(assigned).flatMap(each => each[name] ?? []);
        assert.equal(handed.length, readers.length > 0 ? partitions : 0, name);
        assert.deepEqual(
          handed.toSorted(),
          handed.map((_, i) => i),
          name,
        );
        assert.equal(
          shares.reduce((sum, each) => sum + each, 0),
          handed.length,
          'only readers have them',
        );
      }
    }),
  );
});

test('a topic that the leader cannot see is left out, and the others are assigned', async () => {
  const group = { leader: ['a'], other: ['a', 'hidden'] };
  assert.deepEqual(await assign(ours({ a: 2 }), group, { a: 2 }), { leader: { a: [0] }, other: { a: [1] } });
});

test('a member whose subscription cannot be read is assigned nothing', async () => {
  const made = ours({ a: 2 })({
    cluster: { findTopicPartitionMetadata: () => [{ partitionId: 0 }, { partitionId: 1 }] } as never,
    groupId: 'g',
    logger: undefined as never,
  });
  const members = [
    { memberId: 'good', memberMetadata: Buffer.from(made.protocol({ topics: ['a'] }).metadata) },
    { memberId: 'bad', memberMetadata: Buffer.from([0, 0, 0, 0, 0, 9]) },
  ];
  const assigned = await made.assign({ members, topics: ['a'] } as never);
  assert.deepEqual(
    assigned.map(({ memberId }) => memberId),
    ['good'],
  );
});
