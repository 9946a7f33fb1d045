import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkGroup, type GroupAdmin } from '../../../src/tools/checks/group.js';
import { configOf, statuses, words } from './support.js';

interface Fake {
  readonly state?: string;
  readonly members?: number;
  /** Per partition: oldest, end, and what is committed. */
  readonly partitions: ReadonlyArray<readonly [low: bigint, high: bigint, committed?: bigint]>;
  /** Partitions that no member has been assigned. */
  readonly unread?: readonly number[];
}

function group({ state = 'Empty', members = 0, partitions, unread = [] }: Fake): GroupAdmin {
  return {
    group: async () => ({ state, members, assigned: new Set() }),
    unread: async (_, [topic = '']) => unread.map(partition => ({ topic, partition })),
    offsets: async () => partitions.map(([low, high], partition) => ({ partition, low, high })),
    committed: async () => new Map(partitions.flatMap(([, , at], i) => (at === undefined ? [] : [[i, at] as const]))),
  };
}

async function found(fake: Fake, flags = {}) {
  return checkGroup(group(fake), configOf(flags), ['siftline.texts']);
}

test('a new group starts where it is told to', async () => {
  const partitions = [
    [5n, 10n],
    [0n, 3n],
  ] as const;
  const [earliest] = await found({ state: 'Dead', partitions });
  assert.match(earliest?.text ?? '', /does not exist yet; no committed offsets.*earliest.*lag 8 records/);
  const [latest] = await found({ state: 'Dead', partitions }, { 'input.startFrom': 'latest' });
  assert.match(latest?.text ?? '', /latest.*lag 0 records/);
});

test('a group at work is told by its members and its lag', async () => {
  const [finding] = await found({
    state: 'Stable',
    members: 2,
    partitions: [
      [0n, 10n, 9n],
      [0n, 5n, 5n],
    ],
  });
  assert.match(finding?.text ?? '', /Stable, 2 members; offsets committed in 2 of 2 partitions; lag 1 record/);
});

test('a committed offset that retention has passed fails, or is a warning where the stage may go on', async () => {
  const partitions = [
    [100n, 110n, 40n],
    [0n, 5n, 5n],
  ] as const;
  const stop = await found({ partitions });
  assert.deepEqual(statuses(stop), ['ok', 'fail']);
  assert.match(
    words(stop[1] ?? assert.fail()),
    /in 1 partition the committed offset is no longer in the topic.*\nset input/,
  );
  const earliest = await found({ partitions }, { 'input.onLostOffsets': 'earliest' });
  assert.deepEqual(statuses(earliest), ['ok', 'warn']);
  assert.match(earliest[0]?.text ?? '', /lag 10 records/);
  const latest = await found({ partitions }, { 'input.onLostOffsets': 'latest' });
  assert.match(latest[0]?.text ?? '', /lag 0 records/);
});

test('a group that cannot be asked fails', async () => {
  const refusing = { ...group({ partitions: [] }), group: () => Promise.reject(new Error('no')) };
  assert.deepEqual(statuses(await checkGroup(refusing, configOf(), [])), ['fail']);
});

test('partitions that no member of the group reads are a warning that names them', async () => {
  const partitions = Array.from({ length: 8 }, () => [0n, 5n, 5n] as const);
  const findings = await found({ state: 'Stable', members: 2, partitions, unread: [1, 2, 3, 4, 5, 6, 7] });
  assert.deepEqual(statuses(findings), ['ok', 'warn']);
  const text = words(findings[1] ?? assert.fail());
  assert.match(text, /no member of the group reads siftline\.texts\/1, .* and 2 more\n.*input\.group/);
});
