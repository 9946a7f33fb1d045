import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { PartitionProgress } from '../../src/consumer/committer.js';

test('nothing may be committed before anything is done', () => {
  const progress = new PartitionProgress();
  progress.handOut(5n);
  assert.equal(progress.committable, undefined);
  assert.equal(progress.next, undefined);
  assert.equal(progress.outstanding, 1);
});

test('what is done behind an unfinished slice waits for it', () => {
  const progress = new PartitionProgress();
  const [first, second, third] = [progress.handOut(2n), progress.handOut(4n), progress.handOut(6n)];
  progress.finish(third);
  progress.finish(second);
  assert.equal(progress.committable, undefined);
  progress.finish(first);
  assert.equal(progress.committable, 6n);
  assert.equal(progress.outstanding, 0);
});

test('what has been committed need not be committed again', () => {
  const progress = new PartitionProgress();
  progress.finish(progress.handOut(2n));
  progress.committed(2n);
  assert.equal(progress.committable, undefined);
  assert.equal(progress.next, 2n);
  progress.finish(progress.handOut(3n));
  assert.equal(progress.committable, 3n);
});

test('progress made while a commit was under way is committed next', () => {
  const progress = new PartitionProgress();
  progress.finish(progress.handOut(2n));
  const asked = progress.committable;
  progress.finish(progress.handOut(4n));
  progress.committed(asked ?? 0n);
  assert.equal(progress.committable, 4n);
});

describe('whatever the order of handing out, finishing and committing', () => {
  /** At each step: hand out so many more records, or finish the slice at this place among the open ones, or commit. */
  const steps = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('hand out' as const), size: fc.integer({ min: 1, max: 9 }) }),
      fc.record({ kind: fc.constant('finish' as const), at: fc.nat() }),
      fc.record({ kind: fc.constant('commit' as const) }),
    ),
    { maxLength: 60 },
  );

  test('the committable offset is just behind the longest finished run, and never goes back', () => {
    fc.assert(
      fc.property(steps, all => {
        const progress = new PartitionProgress();
        const done: boolean[] = [];
        const open: Array<{ slice: ReturnType<PartitionProgress['handOut']>; from: number; to: number }> = [];
        let committed = 0n;
        for (const step of all) {
          if (step.kind === 'hand out') {
            const from = done.length;
            for (let i = 0; i < step.size; i++) done.push(false);
            open.push({ slice: progress.handOut(BigInt(done.length)), from, to: done.length });
          } else if (step.kind === 'finish' && open.length > 0) {
            const [chosen] = open.splice(step.at % open.length, 1);
            if (!chosen) continue;
            done.fill(true, chosen.from, chosen.to);
            progress.finish(chosen.slice);
          } else if (step.kind === 'commit' && progress.committable !== undefined) {
            assert.ok(progress.committable > committed);
            committed = progress.committable;
            progress.committed(committed);
          }
          const firstUndone = done.indexOf(false);
          const expected = BigInt(firstUndone < 0 ? done.length : firstUndone);
          assert.equal(progress.next ?? 0n, expected);
          assert.equal(progress.outstanding === 0, open.length === 0);
        }
      }),
      { numRuns: 300 },
    );
  });
});
