import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { ClassifiedBatch, SourceRecord } from '../../../src/ports.js';
import { CrashGuard } from '../../../src/stage/crash/guard.js';
import { CrashJournal } from '../../../src/stage/crash/journal.js';
import { recordAt } from '../../support/memory-records.js';

const TIMINGS = { queueMs: 1, tokeniseMs: 1, inferMs: 1, tokens: 1, paddedTokens: 1 };

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-journal-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function openIn(path: string): CrashJournal {
  return CrashJournal.open({ folder: { path, configured: true }, group: 'g' });
}

/** A process that enters these places and dies as an abort would have it: without a word. */
function processThatDies(folder: string, entries: ReadonlyArray<{ alone: boolean; offsets: readonly number[] }>): void {
  const script = `
    import { CrashJournal } from '${new URL('../../../src/stage/crash/journal.js', import.meta.url).href}';
    const journal = CrashJournal.open({ folder: { path: process.argv[1], configured: true }, group: 'g' });
    for (const { alone, offsets } of JSON.parse(process.argv[2])) {
      journal.enter(offsets.map(offset => ({ topic: 'in', partition: 0, offset: BigInt(offset) })), { alone });
    }
    process.kill(process.pid, 'SIGKILL');`;
  const { signal } = spawnSync(process.execPath, [
    '--input-type=module',
    '-e',
    script,
    folder,
    JSON.stringify(entries),
  ]);
  assert.equal(signal, 'SIGKILL');
}

function record(offset: number): SourceRecord {
  return recordAt(0, offset, { topic: 'in' });
}

describe('the crash journal', () => {
  test('names what was under way when the process died, and counts deaths of those that were alone', t => {
    const folder = folderFor(t);
    processThatDies(folder, [
      { alone: false, offsets: [3, 4] },
      { alone: false, offsets: [9] },
    ]);
    processThatDies(folder, [{ alone: true, offsets: [4] }]);
    const journal = openIn(folder);
    assert.deepEqual(
      [3, 4, 9, 5].map(offset => journal.crashesOf(record(offset))),
      [0, 1, 0, undefined],
    );
    assert.equal(readdirSync(folder).length, 1, 'the pages of the dead are gone');
    for (const offset of [3, 4, 9]) journal.clear(record(offset));
    journal.close();
    assert.deepEqual(readdirSync(folder), []);
  });

  test('after an ordinary end nothing is suspect', t => {
    const folder = folderFor(t);
    const journal = openIn(folder);
    journal.leave(journal.enter([record(1)], { alone: false }));
    journal.close();
    const next = openIn(folder);
    assert.equal(next.suspects, 0);
    next.close();
  });

  test('a page that was torn, or is none, is passed over', t => {
    const folder = folderFor(t);
    writeFileSync(join(folder, 'inference-99999999.json'), '{"underWay":[{"alone":fal');
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    const journal = openIn(folder);
    assert.equal(journal.suspects, 0);
    journal.close();
    assert.ok(existsSync(join(folder, 'notes.txt')));
  });

  test('the page of a process that still runs is left alone', t => {
    const folder = folderFor(t);
    const name = `inference-${process.ppid}.json`;
    writeFileSync(
      join(folder, name),
      JSON.stringify({ underWay: [{ alone: true, places: [['in', 0, '1']] }], suspects: [] }),
    );
    const journal = openIn(folder);
    assert.equal(journal.suspects, 0);
    journal.close();
    assert.deepEqual(readdirSync(folder), [name]);
  });
});

describe('the crash guard', () => {
  const UNUSED = {
    crashes: 2,
    tryOut: async () => assert.fail('it was tried out'),
    onRejected: () => assert.fail('it was rejected'),
  };

  /** A guard over a journal in which `suspects` were under way when a process died; what it asks, it notes. */
  function guarded(t: TestContext, suspects: readonly number[]) {
    const folder = folderFor(t);
    if (suspects.length > 0) processThatDies(folder, [{ alone: false, offsets: suspects }]);
    const journal = openIn(folder);
    t.after(() => journal.close());
    const asked: string[][] = [];
    let [open, most] = [0, 0];
    const classify = async (texts: readonly string[]): Promise<ClassifiedBatch> => {
      asked.push([...texts]);
      open += 1;
      most = Math.max(most, open);
      await new Promise(resolve => setTimeout(resolve, 5));
      open -= 1;
      const answers = texts.map(() => ({ kind: 'scored', scores: [], tokens: 1, truncated: false }) as const);
      return { answers, timings: TIMINGS };
    };
    const guard = new CrashGuard({ classifier: { classify }, journal, ...UNUSED });
    return { guard, journal, asked, most: () => most };
  }

  const batch = (offsets: readonly number[]) => [offsets.map(record), offsets.map(offset => `text ${offset}`)] as const;

  test('asks as it is asked when nothing is suspect', async t => {
    const { guard, asked } = guarded(t, []);
    const { answers } = await guard.classify(...batch([1, 2, 3]));
    assert.deepEqual(asked, [['text 1', 'text 2', 'text 3']]);
    assert.equal(answers.length, 3);
  });

  test('tries suspects one by one with nothing else under way, and then forgets it', async t => {
    const { guard, journal, asked, most } = guarded(t, [2, 5, 6]);
    const answers = await Promise.all([guard.classify(...batch([1, 2, 3])), guard.classify(...batch([4, 5, 6, 7]))]);
    assert.deepEqual(
      answers.map(each => each.answers.length),
      [3, 4],
    );
    assert.deepEqual(
      asked
        .filter(texts => texts.length === 1)
        .flat()
        .sort(),
      ['text 2', 'text 5', 'text 6'],
    );
    assert.equal(journal.suspects, 0);
    assert.ok(most() <= 2, 'only the two rests ran beside each other');
  });

  test('nothing runs beside a suspect, however the batches come', async t => {
    const { guard, journal } = guarded(t, [10, 20, 30]);
    const { enter, leave } = { enter: journal.enter.bind(journal), leave: journal.leave.bind(journal) };
    let [underWay, alone] = [0, 0];
    journal.enter = (places, options) => {
      assert.ok(alone === 0 && (!options.alone || underWay === 0), 'company for a suspect');
      underWay += 1;
      alone += Number(options.alone);
      return Object.assign(enter(places, options), options);
    };
    journal.leave = entry => {
      underWay -= 1;
      alone -= Number((entry as { alone: boolean }).alone);
      leave(entry);
    };
    const batches = Array.from({ length: 12 }, (_, i) => batch([i * 3 + 1, i * 3 + 2, i * 3 + 3]));
    await Promise.all(batches.map(each => guard.classify(...each)));
    assert.equal(journal.suspects, 0);
  });

  describe('with a record that was alone when processes died', () => {
    /** A guard that allows two deaths, over a journal with so many; `end` is what the trial comes to. */
    function judged(t: TestContext, deaths: number, end: string | undefined) {
      const folder = folderFor(t);
      for (let i = 0; i < deaths; i++) processThatDies(folder, [{ alone: true, offsets: [2] }]);
      const journal = openIn(folder);
      t.after(() => journal.close());
      const told = { asked: [] as string[], tried: [] as string[], rejected: [] as bigint[] };
      const classify = async (texts: readonly string[]): Promise<ClassifiedBatch> => {
        told.asked.push(...texts);
        return { answers: [{ kind: 'scored', scores: [], tokens: 1, truncated: false }], timings: TIMINGS };
      };
      const tryOut = async (text: string, key: Buffer | null) => {
        told.tried.push(`${text} of ${key}`);
        return end;
      };
      const onRejected = ({ offset }: SourceRecord) => told.rejected.push(offset);
      const guard = new CrashGuard({ classifier: { classify }, journal, crashes: 2, tryOut, onRejected });
      const poison = recordAt(0, 2, { topic: 'in', key: Buffer.from('key') });
      const answer = async () => (await guard.classify([poison], ['text'])).answers[0];
      return { answer, told, journal };
    }

    test('asks it here while too few have died', async t => {
      const { answer, told, journal } = judged(t, 1, 'it died');
      assert.equal((await answer())?.kind, 'scored');
      assert.deepEqual(told, { asked: ['text'], tried: [], rejected: [] });
      assert.equal(journal.suspects, 0);
    });

    test('asks it here once a process of its own has lived, and forgets the suspicion', async t => {
      const { answer, told, journal } = judged(t, 2, undefined);
      assert.equal((await answer())?.kind, 'scored');
      assert.deepEqual(told, { asked: ['text'], tried: ['text of key'], rejected: [] });
      assert.equal(journal.suspects, 0);
    });

    test('rejects it, without asking here, when a process of its own dies as well', async t => {
      const { answer, told, journal } = judged(t, 2, 'that process died too (SIGABRT)');
      assert.deepEqual(await answer(), {
        kind: 'rejected',
        reason: 'PROCESS_CRASH',
        stage: 'infer',
        attempts: 3,
        detail: 'alone in a separate process: that process died too (SIGABRT)',
      });
      assert.deepEqual(told, { asked: [], tried: ['text of key'], rejected: [2n] });
      assert.equal(journal.suspects, 0);
    });

    test('rejects it untried after twice as many deaths: it lives elsewhere, and not here', async t => {
      const { answer, told, journal } = judged(t, 4, undefined);
      assert.deepEqual(await answer(), {
        kind: 'rejected',
        reason: 'PROCESS_CRASH',
        stage: 'infer',
        attempts: 4,
        detail: 'the process died each time this record was with the model alone',
      });
      assert.deepEqual(told, { asked: [], tried: [], rejected: [2n] });
      assert.equal(journal.suspects, 0);
    });
  });

  test('answers stand in the order of the texts, suspects among them', async t => {
    const folder = folderFor(t);
    processThatDies(folder, [{ alone: false, offsets: [1, 3] }]);
    const journal = openIn(folder);
    t.after(() => journal.close());
    const classify = async (texts: readonly string[]): Promise<ClassifiedBatch> => ({
      answers: texts.map(
        text => ({ kind: 'scored', scores: [], tokens: Number(text.slice(5)), truncated: false }) as const,
      ),
      timings: TIMINGS,
    });
    const guard = new CrashGuard({ classifier: { classify }, journal, ...UNUSED });
    const { answers } = await guard.classify(...batch([0, 1, 2, 3, 4]));
    assert.deepEqual(
      answers.map(answer => (answer.kind === 'scored' ? answer.tokens : answer.reason)),
      [0, 1, 2, 3, 4],
    );
  });
});
