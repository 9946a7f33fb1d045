import assert from 'node:assert/strict';
import { mock, type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { Committer, PartitionProgress } from '../../src/consumer/committer.js';
import { Gate, quiet } from '../support/memory-gate.js';

type Offsets = Array<{ topic: string; partition: number; offset: string }>;

function committing(t: TestContext, commit: (offsets: Offsets) => Promise<void> = async () => {}) {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const progress = new Map([
    ['a/0', new PartitionProgress()],
    ['a/1', new PartitionProgress()],
  ]);
  const commits: Offsets[] = [];
  const committer = new Committer({
    intervalMs: 100,
    progress,
    commit: offsets => {
      commits.push(offsets);
      return commit(offsets);
    },
    committed: () => {},
    log: pino({ level: 'silent' }),
  });
  const finish = (id: string, next: bigint) => {
    const partition = progress.get(id);
    assert.ok(partition);
    partition.finish(partition.handOut(next));
    committer.soon();
  };
  const pass = async (ms: number) => {
    mock.timers.tick(ms);
    await quiet();
  };
  return { committer, progress, commits, finish, pass };
}

test('everything done within an interval is committed in one request', async t => {
  const { commits, finish, pass } = committing(t);
  finish('a/0', 3n);
  finish('a/1', 7n);
  finish('a/0', 5n);
  await pass(99);
  assert.deepEqual(commits, []);
  await pass(1);
  assert.deepEqual(commits, [
    [
      { topic: 'a', partition: 0, offset: '5' },
      { topic: 'a', partition: 1, offset: '7' },
    ],
  ]);
});

test('nothing new is nothing to commit', async t => {
  const { committer, commits, finish, pass } = committing(t);
  await committer.flush();
  finish('a/0', 3n);
  await pass(100);
  await committer.flush();
  committer.soon();
  await pass(100);
  assert.equal(commits.length, 1);
});

test('a partition that has not moved is left out', async t => {
  const { commits, finish, pass } = committing(t);
  finish('a/0', 3n);
  finish('a/1', 3n);
  await pass(100);
  finish('a/1', 4n);
  await pass(100);
  assert.deepEqual(commits[1], [{ topic: 'a', partition: 1, offset: '4' }]);
});

test('a flush waits for the commit that is under way, then commits what has come since', async t => {
  const gate = new Gate();
  const { committer, commits, finish, pass } = committing(t, () => gate.opened);
  finish('a/0', 3n);
  await pass(100);
  finish('a/0', 4n);
  let isFlushed = false;
  const flushing = committer.flush().then(() => {
    isFlushed = true;
  });
  await quiet();
  assert.equal(commits.length, 1, 'one request at a time');
  assert.equal(isFlushed, false);
  gate.open();
  await flushing;
  assert.deepEqual(
    commits.map(([first]) => first?.offset),
    ['3', '4'],
  );
});

test('a commit that fails is said again, with what has come since', async t => {
  let isDown = true;
  const { commits, finish, pass } = committing(t, async () => {
    if (isDown) throw new Error('not the coordinator');
  });
  finish('a/0', 3n);
  await pass(100);
  finish('a/0', 4n);
  isDown = false;
  await pass(100);
  await pass(100);
  assert.deepEqual(
    commits.map(([first]) => first?.offset),
    ['3', '4'],
  );
});

test('a commit that fails as its epoch ends is not said again', async t => {
  const { commits, progress, finish, pass } = committing(t, async () => {
    progress.clear();
    throw new Error('rebalanced');
  });
  finish('a/0', 3n);
  await pass(100);
  await pass(1_000);
  assert.equal(commits.length, 1);
});

test('closed, it commits nothing by itself', async t => {
  const { committer, commits, finish, pass } = committing(t);
  finish('a/0', 3n);
  committer.close();
  await pass(1_000);
  assert.deepEqual(commits, []);
});
