import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ExitCode, SiftlineError } from '../../src/errors.js';
import type { LogReader } from '../../src/kafka/log-reader.js';
import { formatOffsets, parseRange, requireRecords, resolveRange } from '../../src/kafka/range.js';

const NOW = Date.UTC(2026, 10, 25, 12);

function from(text: string) {
  return parseRange({ from: text }, NOW).from;
}

function refuses(code: string, message: RegExp) {
  return (error: unknown) =>
    error instanceof SiftlineError &&
    error.code === code &&
    error.exitCode === ExitCode.usage &&
    message.test(error.message);
}

describe('--from and --to', () => {
  test('take offsets, offsets by partition, times and times ago', () => {
    assert.deepEqual(from('120'), { kind: 'offset', offset: 120n });
    assert.deepEqual(from('9007199254740993'), { kind: 'offset', offset: 9007199254740993n });
    assert.deepEqual(from('0:120,posts.v1/3:7'), {
      kind: 'offsets',
      offsets: new Map([
        ['0', 120n],
        ['posts.v1/3', 7n],
      ]),
    });
    const at = (text: string) => from(text) as { at: bigint };
    assert.equal(at('-2h').at, BigInt(NOW - 7_200_000));
    assert.equal(at('-90s').at, BigInt(NOW - 90_000));
    assert.equal(at('-3d').at, BigInt(NOW - 3 * 86_400_000));
    assert.equal(at('2026-11-25').at, BigInt(Date.UTC(2026, 10, 25)));
    for (const text of [
      '2026-11-25T14:00',
      '2026-11-25T14:00Z',
      '2026-11-25T14:00:00.000Z',
      '2026-11-25T15:00+01:00',
    ]) {
      assert.equal(at(text).at, BigInt(Date.UTC(2026, 10, 25, 14)), text);
    }
    assert.deepEqual(parseRange({}, NOW), { from: { kind: 'start' }, to: { kind: 'end' } });
    assert.deepEqual(parseRange({ from: 'start', to: 'end' }, NOW), parseRange({}, NOW));
  });

  test('are refused by name when they cannot be read', () => {
    for (const text of [
      '',
      'yesterday',
      '-2',
      '-2w',
      '2026-13-01',
      '2026-11-25T25:00',
      '0:',
      ':1',
      '1.5',
      '0:1,',
      '-1:5',
    ]) {
      assert.throws(() => from(text), refuses('RANGE_INVALID', /^--from .* cannot be read/), text);
    }
    assert.throws(() => parseRange({ to: 'x' }, NOW), refuses('RANGE_INVALID', /^--to x /));
  });

  test('are refused when the end is not behind the start', () => {
    for (const [start, end] of [
      ['7', '7'],
      ['8', '7'],
      ['-1h', '-2h'],
      ['2026-11-25', '2026-11-24'],
    ] as const) {
      assert.throws(() => parseRange({ from: start, to: end }, NOW), refuses('RANGE_REVERSED', /is not before --to/));
    }
  });

  test('take what is printed to go on from', () => {
    const one = [
      { topic: 'a', partition: 0, offset: 5n },
      { topic: 'a', partition: 1, offset: 0n },
    ];
    assert.equal(formatOffsets(one), '0:5,1:0');
    const two = formatOffsets([...one, { topic: 'b', partition: 0, offset: 9n }]);
    assert.equal(two, 'a/0:5,a/1:0,b/0:9');
    assert.equal(from(two).kind, 'offsets');
  });
});

/** Topics a and b with partitions that hold 10 to 20, and 0 to 0; partition 0 has records at the times 10 to 19. */
const reader = {
  bounds: async (topic: string) => [
    { topic, partition: 0, from: 10n, to: 20n },
    { topic, partition: 1, from: 0n, to: 0n },
  ],
  offsetsAt: async (_: string, at: bigint) => new Map(at < 20n ? [[0, at < 10n ? 10n : at]] : []),
} as unknown as LogReader;

async function resolved(
  bounds: Parameters<typeof parseRange>[0],
  rest: { topics?: string[]; partitions?: number[] } = {},
) {
  const ranges = await resolveRange(reader, { topics: ['a'], ...parseRange(bounds, NOW), ...rest });
  return ranges.map(range => `${range.topic}/${range.partition} ${range.from}-${range.to}`);
}

describe('a range on topics', () => {
  test('lies within what the topic holds, and leaves out empty partitions', async () => {
    assert.deepEqual(await resolved({}), ['a/0 10-20']);
    assert.deepEqual(await resolved({ from: '3', to: '900' }), ['a/0 10-20']);
    assert.deepEqual(await resolved({ from: '12', to: '15' }), ['a/0 12-15']);
    assert.deepEqual(await resolved({ from: '12' }, { topics: ['a', 'b'] }), ['a/0 12-20', 'b/0 12-20']);
    assert.deepEqual(await resolved({ from: '20' }), []);
    assert.deepEqual(await resolved({}, { partitions: [1] }), []);
  });

  test('with offsets by partition leaves out the partitions that are not named', async () => {
    assert.deepEqual(await resolved({ from: '0:12' }, { topics: ['a', 'b'] }), ['a/0 12-20', 'b/0 12-20']);
    assert.deepEqual(await resolved({ from: 'b/0:12' }, { topics: ['a', 'b'] }), ['b/0 12-20']);
    assert.deepEqual(await resolved({ from: '0:12', to: '1:5' }), []);
  });

  test('with times goes from the first record at or after the one to the first at or after the other', async () => {
    const at = (ms: number) => ({ kind: 'time' as const, at: BigInt(ms) });
    const between = async (start: number, end: number) =>
      (await resolveRange(reader, { topics: ['a'], from: at(start), to: at(end) })).map(({ from: a, to: b }) => [a, b]);
    assert.deepEqual(await between(12, 15), [[12n, 15n]]);
    assert.deepEqual(await between(12, 99), [[12n, 20n]]);
    assert.deepEqual(await between(30, 99), []);
  });

  test('is refused for a partition there is not, and where nothing is left', async () => {
    await assert.rejects(
      resolved({}, { partitions: [0, 2] }),
      refuses('RANGE_PARTITION', /a has no partition 2; it has 2/),
    );
    const question = { topics: ['a'], ...parseRange({ from: '20' }, NOW) };
    await assert.rejects(requireRecords(reader, question, []), refuses('RANGE_EMPTY', /a\/0 10 to 20, a\/1 0 to 0/));
  });
});
