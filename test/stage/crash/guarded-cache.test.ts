import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CrashGuard } from '../../../src/stage/crash/guard.js';
import { CrashJournal } from '../../../src/stage/crash/journal.js';
import { AnswerCache } from '../../../src/workers/answer-cache.js';
import { MemoryClassifier } from '../../support/memory-classifier.js';
import { recordAt } from '../../support/memory-records.js';

test('behind the crash guard, a record that waits for its text in another batch is in the journal too', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-journal-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const journal = CrashJournal.open({ folder: { path: folder, configured: true }, group: 'g' });
  t.after(() => journal.close());
  const inner = new MemoryClassifier();
  let letGo = () => {};
  inner.beforeAnswering = () =>
    new Promise<void>(resolve => {
      letGo = resolve;
    });
  const classifier = new AnswerCache({ classifier: inner, identity: 'memory', maxBytes: 1_000_000 });
  const unused = { crashes: 2, tryOut: async () => assert.fail(), onRejected: () => assert.fail() };
  const guard = new CrashGuard({ classifier, journal, ...unused });
  const underWay = () => {
    const page = readFileSync(join(folder, readdirSync(folder)[0] ?? ''), 'utf8');
    const [, body = ''] = page.split('\n');
    return (JSON.parse(body) as { underWay: Array<{ places: Array<[string, number, string]> }> }).underWay
      .flatMap(({ places }) => places.map(([, , offset]) => offset))
      .sort();
  };

  const asking = [1, 2].map(offset => guard.classify([recordAt(0, offset)], ['the same text']));
  await new Promise(resolve => setImmediate(resolve));
  assert.deepEqual([inner.calls.length, underWay()], [1, ['1', '2']]);
  letGo();
  const answers = await Promise.all(asking);
  assert.deepEqual(answers[1]?.answers, answers[0]?.answers);
  assert.deepEqual(underWay(), []);
});
