import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Config } from '../../../src/config/schema.js';
import { parseRecordId, recordId } from '../../../src/ports.js';
import { otherTransactionalIdOf, transactionalIdOf } from '../../../src/stage/parts/kafka.js';

interface Named {
  readonly prefix: string;
  readonly topic: string;
  readonly partition: number;
}

function configOf(prefix: string, spelling?: number): Pick<Config, 'kafka' | 'input'> {
  const kafka = { transactionalIdPrefix: prefix, transactionalIdSpelling: spelling };
  return { kafka, input: { group: 'unused' } } as unknown as Pick<Config, 'kafka' | 'input'>;
}

const idOf = ({ prefix, ...input }: Named, spelling?: number) => transactionalIdOf(configOf(prefix, spelling), input);

/** Names of few characters, which are those that the spellings use, so that two of them are often nearly the same. */
const prefix = fc.string({ unit: fc.constantFrom('a', '-', ':', '0', '1'), minLength: 1, maxLength: 6 });
const topic = fc.string({ unit: fc.constantFrom('a', '-', '0', '1', '.', '_'), minLength: 1, maxLength: 6 });
const named: fc.Arbitrary<Named> = fc.record({ prefix, topic, partition: fc.integer({ min: 0, max: 11 }) });

describe('the spelling of transactional ids', () => {
  test('is that of every version until now where none is given', () => {
    const given = { prefix: 'group', topic: 'posts', partition: 3 };
    assert.deepEqual(
      [idOf(given), idOf(given, 1), idOf(given, 2)],
      ['group-posts-3', 'group-posts-3', 'group-:posts:3'],
    );
  });

  test('2 gives two different partitions, topics or prefixes two different ids', () => {
    fc.assert(
      fc.property(named, named, (a, b) => {
        fc.pre(a.prefix !== b.prefix || a.topic !== b.topic || a.partition !== b.partition);
        assert.notEqual(idOf(a, 2), idOf(b, 2));
      }),
      { numRuns: 5_000 },
    );
  });

  test('2 gives no id that spelling 1 gives', () => {
    fc.assert(
      fc.property(named, named, (a, b) => assert.notEqual(idOf(a, 2), idOf(b, 1))),
      { numRuns: 5_000 },
    );
  });

  test('1 gives one id to stages that share neither group nor topic, as many as there are hyphens', () => {
    const shared = ['a|b-c-d', 'a-b|c-d', 'a-b-c|d'].map(each => {
      const [group = '', read = ''] = each.split('|');
      return { prefix: group, topic: read, partition: 0 };
    });
    assert.deepEqual([...new Set(shared.map(each => idOf(each, 1)))], ['a-b-c-d-0']);
    assert.equal(new Set(shared.map(each => idOf(each, 2))).size, 3);
  });

  test('in both begins with the prefix and a hyphen, so that the rights on a prefix are the same', () => {
    fc.assert(
      fc.property(named, fc.constantFrom(1, 2), (each, spelling) =>
        assert.ok(idOf(each, spelling).startsWith(`${each.prefix}-`)),
      ),
    );
  });

  test('has another one to shut out only where it is given', () => {
    const input = { topic: 't', partition: 0 };
    const others = [undefined, 1, 2].map(spelling => otherTransactionalIdOf(configOf('g', spelling), input));
    assert.deepEqual(others, [undefined, 'g-:t:0', 'g-t-0']);
  });
});

test('a record id is read back into its place, whatever hyphens the topic holds', () => {
  const place = fc.record({ topic, partition: fc.nat(99), offset: fc.bigInt({ min: 0n, max: 2n ** 62n }) });
  fc.assert(fc.property(place, each => assert.deepEqual(parseRecordId(recordId(each)), { ...each })));
  for (const id of ['', 'topic', 'topic-1', '-1-2', 'topic-a-2', 'topic-1-', 'topic-1--2']) {
    assert.equal(parseRecordId(id), undefined, id);
  }
});
