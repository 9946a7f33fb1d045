import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { labelsGiven, verdictOn } from '../../src/policy/decision-rule.js';
import { createPolicy, effectiveTasks, type Policy } from '../../src/policy/policy.js';
import { sameDecisions, turningPoints } from '../../src/policy/turning-points.js';
import { labelColumns, watchedLabels } from '../../src/policy/watched-labels.js';
import type { AnsweredBy, Decision, Labelled, Scored, SourceRecord, Task } from '../../src/ports.js';
import { LabelReader } from '../../src/producer/label-reader.js';
import { shippedSchema } from '../../src/producer/schemas.js';
import { BatchSize } from '../../src/stage/batch-size.js';
import { labelReader } from '../../src/tools/audit/outcomes.js';
import type { LabelledRow } from '../../src/tools/eval/labelled-rows.js';
import { chooseQuestion } from '../../src/tools/eval/question.js';
import { scoreRows } from '../../src/tools/eval/scoring.js';
import { accuracyOf } from '../../src/tools/models/accuracy.js';
import { compareScores } from '../../src/tools/models/agreement.js';
import { cascadeCurve } from '../../src/tools/tune/curve.js';
import { givenBy } from '../../src/workers/explain/batch.js';
import { labelRecord } from '../support/label-record.js';
import { MEMORY_MODEL } from '../support/memory-classifier.js';
import { NO_TIMINGS, recordAt } from '../support/memory-records.js';

/*
 * All who ask which labels a text is given, and which decision it comes to, get the answer of the rule as it is written
 * down here once more: the first of the highest scores; a score from the threshold on; the severest band. Scores and
 * limits are few, so that a score often lies on a limit, and two scores are often equal.
 */

const LABELS = [
  ['rude', 'loud', 'odd'],
  ['food', 'sports', 'news', 'art'],
] as const;
const NAMES = ['tags', 'topic'] as const;

type Limits = ReadonlyArray<readonly number[]>;
type Bands = Record<string, Record<string, { review?: number; block?: number }>>;

interface World {
  readonly thresholds: Limits;
  /** The configuration's own, where it has one. */
  readonly configured: Record<string, Record<string, number>>;
  readonly student: Limits;
  readonly bands: Bands | undefined;
}

const level = fc.constantFrom(0, 0.25, 0.5, 0.75, 1);
const rowOf = (labels: readonly string[]) => fc.array(level, { minLength: labels.length, maxLength: labels.length });
const rows = fc.tuple(rowOf(LABELS[0]), rowOf(LABELS[1]));
/** By task and label, for some of them. */
function byLabel<T>(value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, Record<string, T>>> {
  const some = (labels: readonly string[]) =>
    fc.dictionary(fc.constantFrom(...labels), value, { noNullPrototype: true });
  return fc.record({ tags: some(LABELS[0]), topic: some(LABELS[1]) }, { noNullPrototype: true });
}
const worlds: fc.Arbitrary<World> = fc.record({
  thresholds: rows,
  configured: byLabel(level),
  student: rows,
  bands: fc.option(byLabel(fc.record({ review: level, block: level }, { requiredKeys: [], noNullPrototype: true })), {
    nil: undefined,
  }),
});

function tasksWith(thresholds: Limits): Task[] {
  return NAMES.map((name, t) => ({
    name,
    labels: LABELS[t] ?? [],
    activation: name === 'tags' ? 'sigmoid' : 'softmax',
    thresholds: thresholds[t] ?? [],
  }));
}

interface Expected {
  readonly tops: readonly number[];
  readonly given: ReadonlyArray<readonly number[]>;
  readonly decision: Decision | null;
}

/** The rule, word for word. */
function expected(scores: Limits, world: World, by: AnsweredBy): Expected {
  const own = by === 'student' ? world.student : world.thresholds;
  const tops = scores.map(row => row.findIndex(score => row.every(other => other <= score)));
  const indexes = (t: number) => [...(LABELS[t] ?? [])].keys();
  const given = scores.map((row, t) =>
    [...indexes(t)].filter(i => {
      const label = LABELS[t]?.[i] ?? '';
      const threshold = world.configured[NAMES[t] ?? '']?.[label] ?? own[t]?.[i] ?? 0.5;
      return NAMES[t] === 'topic' ? i === tops[t] : (row[i] ?? 0) >= threshold;
    }),
  );
  const isIn = (from: 'review' | 'block') =>
    scores.some((row, t) =>
      row.some((score, i) => {
        const limit = world.bands?.[NAMES[t] ?? '']?.[LABELS[t]?.[i] ?? '']?.[from];
        return limit !== undefined && score >= limit;
      }),
    );
  const decision = isIn('block') ? 'block' : isIn('review') ? 'review' : 'allow';
  return { tops, given, decision: world.bands ? decision : null };
}

function namesOf(t: number, indexes: readonly number[]): string[] {
  return indexes.map(i => LABELS[t]?.[i] ?? '');
}

function policyOf({ thresholds, student, configured, bands }: World, withStudent: boolean): Policy {
  const config = { version: 'v', thresholds: configured, bands };
  return createPolicy(config, tasksWith(thresholds), withStudent ? tasksWith(student) : undefined);
}

/** The tasks with the thresholds that count for this model's answers. */
function ruledBy(world: World, by: AnsweredBy): Task[] {
  return effectiveTasks(
    { thresholds: world.configured },
    tasksWith(by === 'student' ? world.student : world.thresholds),
  );
}

function scoredWith(scores: Limits, answeredBy?: AnsweredBy): Scored {
  return { kind: 'scored', scores, tokens: 3, truncated: false, ...(answeredBy && { answeredBy }) };
}

function flat(scores: Limits): Float64Array {
  return Float64Array.from(scores.flat());
}

const BY: ReadonlyArray<AnsweredBy> = ['full', 'student'];
const RUNS = { numRuns: 500 };

/** For scores of either model. */
function always(check: (world: World, scores: Limits, by: AnsweredBy) => void): void {
  fc.assert(fc.property(worlds, rows, fc.constantFrom(...BY), check), RUNS);
}

describe('the decision rule is the same', () => {
  test('in the stream, with a student and without', () => {
    const agrees = (policy: Policy, world: World, scored: Scored) => {
      const { tops, given, decision } = expected(scored.scores, world, scored.answeredBy ?? 'full');
      const judged = policy.judge(scored);
      assert.equal(judged.decision, decision);
      assert.deepEqual(
        judged.results.map(({ label, labels }) => [label, labels]),
        tops.map((top, t) => [LABELS[t]?.[top], namesOf(t, given[t] ?? [])]),
      );
    };
    always((world, scores, by) => {
      agrees(policyOf(world, true), world, scoredWith(scores, by));
      agrees(policyOf(world, false), world, scoredWith(scores));
    });
  });

  test('in an audit: two records have the same verdict exactly where the rule has', () => {
    const schema = shippedSchema('classification');
    const read = labelReader(new LabelReader('siftline'), { timestamps: true });
    const encoder = { schema, schemaId: 1, model: MEMORY_MODEL, student: MEMORY_MODEL, policy: 'v' };
    const verdict = (world: World, scores: Limits, by: AnsweredBy) => {
      const rest = { id: null, tokens: 3, truncated: false, timings: NO_TIMINGS, answeredBy: by } as const;
      const outcome: Labelled = { kind: 'labelled', ...policyOf(world, true).judge(scoredWith(scores, by)), ...rest };
      const { value } = labelRecord(encoder, recordAt(0, 0), outcome);
      const entry = read({ ...recordAt(0, 0), value } as SourceRecord);
      return entry.kind === 'labelled' ? entry.verdict : assert.fail('it can be read');
    };
    fc.assert(
      fc.property(worlds, rows, rows, (world, one, other) => {
        const same = JSON.stringify(expected(one, world, 'student')) === JSON.stringify(expected(other, world, 'full'));
        assert.equal(verdict(world, one, 'student') === verdict(world, other, 'full'), same);
      }),
      RUNS,
    );
  });

  test('in an explanation: for the threads that are to explain given labels, and for whoever shows one', () => {
    always((world, scores, by) => {
      const tasks = ruledBy(world, by);
      const { given } = expected(scores, world, by);
      const watched = watchedLabels('explain.labels', LABELS.flat(), tasks);
      assert.deepEqual(
        givenBy(flat(scores), watched).map(({ label }) => label),
        given.flatMap((indexes, t) => namesOf(t, indexes)),
      );
      for (const { task, label, column } of labelColumns(tasks)) {
        const verdict = verdictOn(tasks, { task, label, score: scores.flat()[column] ?? 0 });
        const isGiven = namesOf(0, given[0] ?? []).includes(label);
        assert.equal(verdict?.given, task === 'tags' ? isGiven : undefined);
      }
    });
  });

  test('in a cascade and in its tuning: models decide alike exactly where the rule comes to the same', () => {
    fc.assert(
      fc.property(worlds, rows, rows, (world, student, full) => {
        const wanted = { minConfidence: 0.9 };
        const [points, others] = BY.map(by => turningPoints(ruledBy(world, by), {}, wanted));
        const both = { student: others ?? [], full: points ?? [] };
        const [own, theirs] = [expected(student, world, 'student'), expected(full, world, 'full')];
        const alike = JSON.stringify(own.given) === JSON.stringify(theirs.given);
        assert.equal(sameDecisions([flat(student), both.student], [flat(full), both.full]), alike);
        const texts = [{ student: flat(student), full: flat(full) }];
        assert.equal(cascadeCurve(texts, both)[0]?.agreement, Number(alike));
        const banded = BY.map(by => turningPoints(ruledBy(world, by), world.bands ?? {}, wanted));
        if (sameDecisions([flat(student), banded[1] ?? []], [flat(full), banded[0] ?? []]))
          assert.equal(own.decision, theirs.decision);
      }),
      RUNS,
    );
  });

  test('where models are compared, and where they are held against labels', () => {
    fc.assert(
      fc.property(worlds, rows, rows, (world, one, other) => {
        for (const [t, task] of ruledBy(world, 'full').entries()) {
          const spec = { ...task, output: undefined, temperature: 1 };
          const [own, others] = [one, other].map(scores => expected(scores, world, 'full').given[t] ?? []);
          const same = JSON.stringify(own) === JSON.stringify(others);
          const [a, b] = [one, other].map(scores => Float64Array.from(scores[t] ?? []));
          assert.equal(compareScores([spec], [a as Float64Array], [b as Float64Array]).sameLabel, Number(same));
          const truth = task.activation === 'softmax' ? namesOf(t, others ?? [])[0] : namesOf(t, others ?? []);
          const right = accuracyOf({ task: spec, start: 0 }, [a as Float64Array], [{ text: '', label: truth }]);
          assert.equal(right, Number(same));
          assert.deepEqual(labelsGiven(task, one[t] ?? []), own);
        }
      }),
      RUNS,
    );
  });

  test('in an evaluation, of all labels and of some', async () => {
    await fc.assert(
      fc.asyncProperty(worlds, rows, fc.constantFrom(...BY), async (world, scores, by) => {
        const { given } = expected(scores, world, by);
        const isGiven = (t: number) => (LABELS[t] ?? []).map((_, i) => Number(given[t]?.includes(i)));
        assert.deepEqual(await evaluated(world, scoredWith(scores, by), { task: 'tags' }), isGiven(0));
        assert.deepEqual(await evaluated(world, scoredWith(scores, by), { task: 'topic' }), isGiven(1));
        const loud = isGiven(0)[1] ?? 0;
        const question = { task: 'tags', positive: 'loud' };
        assert.deepEqual(await evaluated(world, scoredWith(scores, by), question), [1 - loud, loud]);
        const [food = 0, , news = 0] = scores[1] ?? [];
        const two = { task: 'topic', labels: ['food', 'news'] };
        const chosen = food >= news ? [1, 0] : [0, 1];
        assert.deepEqual(await evaluated(world, scoredWith(scores, by), two), chosen);
      }),
      { numRuns: 100 },
    );
  });
});

/** The classes that `eval` takes for given, of one row with these scores. */
async function evaluated(
  world: World,
  scored: Scored,
  asked: { readonly task: string; readonly labels?: readonly string[]; readonly positive?: string },
): Promise<number[]> {
  const tasks = tasksWith(world.thresholds);
  const question = chooseQuestion(tasks, asked);
  const cells = Int8Array.from(question.labels, () => 0);
  const source = async function* (): AsyncGenerator<LabelledRow> {
    yield { kind: 'usable', line: 1, text: 'a text', cells };
  };
  const policy = policyOf(world, true);
  const { sample } = await scoreRows(source(), {
    question,
    rows: 1,
    classifier: {
      model: { ...MEMORY_MODEL, tasks },
      threads: 1,
      concurrency: 1,
      open: async () => {},
      close: async () => {},
      classify: async () => ({ answers: [scored], timings: NO_TIMINGS }),
    },
    judge: each => policy.judge(each).results,
    size: new BatchSize({ most: 1, targetMs: 100, textBytes: 100 }),
    batchBytes: 1_000,
    onProgress: () => {},
  });
  return [...sample.given];
}
