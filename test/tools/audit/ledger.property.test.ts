import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type RecordPlace, recordId } from '../../../src/ports.js';
import { AuditLedger, type InputEntry, type OutcomeEntry } from '../../../src/tools/audit/ledger.js';
import type { AuditReport } from '../../../src/tools/audit/report.js';

/*
 * The books against a model that keeps everything and looks at all pairs. Small worlds: two topics of two partitions,
 * few offsets and few different contents, so that repeats, gaps and coincidences are common.
 */

const PARTITIONS = new Map([
  ['labels', 2],
  ['rejected', 1],
]);
const [FROM, TO] = [1n, 11n];
const SHOW = 3;

const RANGES = ['a', 'b'].flatMap(topic => [0, 1].map(partition => ({ topic, partition, from: FROM, to: TO })));

const source = fc.record({
  topic: fc.constantFrom('a', 'a', 'a', 'a', 'a', 'a', 'b', 'foreign'),
  partition: fc.constantFrom(0, 0, 0, 0, 0, 1, 2),
  offset: fc.bigInt({ min: 0n, max: 11n }),
});
const small = fc.integer({ min: 0, max: 1 });

const inputs = fc.uniqueArray(
  fc.record(
    { place: source, skipped: fc.constantFrom(false, false, false, false, true), carried: small, value: small },
    { noNullPrototype: true },
  ),
  { selector: ({ place }) => recordId(place), minLength: 5, maxLength: 60 },
);

const outcome = fc.record(
  {
    kind: fc.constantFrom('labelled' as const, 'labelled' as const, 'labelled' as const, 'rejected' as const),
    source,
    outputPartition: fc.constantFrom(0, 0, 0, 1),
    carried: fc.option(small, { nil: undefined, freq: 8 }),
    value: fc.option(small, { nil: undefined }),
    answer: small,
    verdict: small,
  },
  { noNullPrototype: true },
);

const outcomes = fc.array(outcome, { maxLength: 80 }).map(list =>
  list.map(({ outputPartition, ...each }, i): OutcomeEntry => {
    const topic = each.kind === 'labelled' ? 'labels' : 'rejected';
    return { ...each, at: { topic, partition: outputPartition, offset: BigInt(i) } };
  }),
);

test('the ledger counts what a model counts that keeps everything', () => {
  fc.assert(
    fc.property(inputs, outcomes, fc.array(source, { maxLength: 30 }), (read, told, others) => {
      const there = others.map((place, i): OutcomeEntry => {
        const at = { topic: 'there', partition: 0, offset: BigInt(i) };
        return { kind: 'labelled', source: place, at, carried: 0, value: undefined, answer: 0, verdict: i % 2 };
      });
      const ledger = new AuditLedger({ ranges: RANGES, outputPartitions: PARTITIONS, compares: true, show: SHOW });
      for (const each of read) ledger.read(each);
      for (const each of told) ledger.outcome(each);
      for (const each of there) ledger.other(each);
      const { findings, ...counts } = ledger.report();
      assert.deepEqual(counts, modelOf(read, told, there));
      assert.equal(counts.input, counts.labelled + counts.rejected + counts.skipped + counts.missing);
      assert.equal(findings.missing?.length ?? 0, Math.min(SHOW, counts.missing));
      assert.equal(findings.stray?.length ?? 0, Math.min(SHOW, counts.stray));
      assert.equal(findings.outOfOrder?.length ?? 0, Math.min(SHOW, counts.outOfOrder));
      assert.equal(ledger.open, counts.missing);
      assert.deepEqual(ledger.report(), { findings, ...counts }, 'asked again it says the same');
    }),
    { numRuns: 500 },
  );
});

function modelOf(
  all: readonly InputEntry[],
  told: readonly OutcomeEntry[],
  there: readonly OutcomeEntry[],
): Omit<AuditReport, 'findings'> {
  const isKnown = ({ topic }: RecordPlace) => topic !== 'foreign';
  const isInside = ({ topic, partition, offset }: RecordPlace) =>
    topic !== 'foreign' && partition < 2 && offset >= FROM && offset < TO;
  const read = all.filter(({ place }) => isInside(place));
  const inputOf = (place: RecordPlace) => read.find(each => recordId(each.place) === recordId(place));
  const valid = told.filter(({ source: at }) => inputOf(at)?.skipped === false);
  const of = (each: InputEntry) => valid.filter(({ source: at }) => recordId(at) === recordId(each.place));
  const firsts = read.flatMap(each => of(each).slice(0, 1));
  const repeats = read.flatMap(each =>
    of(each)
      .slice(1)
      .map(repeat => repeat.answer === of(each)[0]?.answer),
  );
  const count = <T>(list: readonly T[], holds: (each: T) => boolean) => list.filter(holds).length;
  const labelled = read.filter(each => of(each)[0]?.kind === 'labelled');
  const otherOf = (each: InputEntry) => there.find(({ source: at }) => recordId(at) === recordId(each.place));
  const both = labelled.filter(each => otherOf(each) !== undefined);
  return {
    input: read.length,
    labelled: labelled.length,
    rejected: count(read, each => of(each)[0]?.kind === 'rejected'),
    skipped: count(read, each => each.skipped),
    missing: count(read, each => !each.skipped && of(each).length === 0),
    duplicates: { identical: count(repeats, same => same), differing: count(repeats, same => !same) },
    outOfOrder: count(firsts, late =>
      firsts.some(
        early =>
          early.at.topic === late.at.topic &&
          early.at.partition === late.at.partition &&
          early.source.topic === late.source.topic &&
          early.source.partition === late.source.partition &&
          early.at.offset < late.at.offset &&
          early.source.offset > late.source.offset,
      ),
    ),
    differing: count(valid, ({ source: at, carried, value }) => {
      const own = inputOf(at);
      return (carried !== undefined && carried !== own?.carried) || (value !== undefined && value !== own?.value);
    }),
    stray: count(told, ({ source: at }) => !isKnown(at) || (isInside(at) && inputOf(at)?.skipped !== false)),
    wrongPartition: count(
      valid,
      ({ source: at, at: to }) => to.partition !== at.partition % (PARTITIONS.get(to.topic) ?? 1),
    ),
    unreadable: 0,
    mendedTimes: 0,
    outside: count(told, ({ source: at }) => isKnown(at) && !isInside(at)),
    against: {
      compared: both.length,
      differing: count(both, each => otherOf(each)?.verdict !== of(each)[0]?.verdict),
      onlyHere: labelled.length - both.length,
      onlyThere: count(read, each => otherOf(each) !== undefined && of(each)[0]?.kind !== 'labelled'),
    },
  };
}
