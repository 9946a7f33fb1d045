import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClassifiedBatch, Classifier } from '../../src/ports.js';
import type { TestScope } from './source.contract.js';

export interface ClassifierContract {
  readonly name: string;
  /** A new one, not opened. */
  make(): Promise<Classifier>;
  /** A text it cannot answer. */
  readonly poison: string;
}

const TEXTS = [
  'a good day',
  'rain',
  'what a long sentence this one is, with many words in it',
  '',
  'ünïcödé 🙂',
  'rain',
];

/** What every Classifier promises (ports.ts), run on the fake and on the real one. */
export function classifierContract({ name, make, poison }: ClassifierContract): void {
  const opened = async (t: TestScope) => {
    const classifier = await make();
    t.after(() => classifier.close());
    await classifier.open();
    return classifier;
  };

  describe(`${name} as a Classifier`, () => {
    test('answers every text, in the order of the texts, as it would alone', async t => {
      const classifier = await opened(t);
      const together = scoresOf(await classifier.classify(TEXTS));
      assert.equal(together.length, TEXTS.length);
      for (const [i, text] of TEXTS.entries()) {
        const [alone] = scoresOf(await classifier.classify([text]));
        assertClose(together[i], alone);
      }
    });

    test('gives every task of its model a probability for each of its labels', async t => {
      const classifier = await opened(t);
      const { answers } = await classifier.classify(TEXTS);
      for (const answer of answers) {
        assert.ok(answer.kind === 'scored');
        assert.deepEqual(
          answer.scores.map(({ length }) => length),
          classifier.model.tasks.map(({ labels }) => labels.length),
        );
        assert.ok(answer.scores.every(scores => scores.every(score => score >= 0 && score <= 1)));
        assert.ok(answer.tokens > 0 && answer.tokens <= classifier.model.maxTokens);
      }
    });

    test('answers no texts with no answers', async t => {
      const classifier = await opened(t);
      assert.deepEqual((await classifier.classify([])).answers, []);
    });

    test('rejects the text it cannot answer, and answers its neighbours', async t => {
      const classifier = await opened(t);
      const { answers } = await classifier.classify(['before', poison, 'after', poison]);
      assert.deepEqual(
        answers.map(({ kind }) => kind),
        ['scored', 'rejected', 'scored', 'rejected'],
      );
      const [, rejected] = answers;
      assert.ok(rejected?.kind === 'rejected' && rejected.stage === 'infer' && rejected.attempts >= 1);
    });

    test('keeps calls apart that are open at the same time', async t => {
      const classifier = await opened(t);
      const calls = Array.from({ length: classifier.concurrency * 3 }, (_, i) => [`call ${i}`, TEXTS[i % 3] ?? '']);
      const answers = await Promise.all(calls.map(texts => classifier.classify(texts)));
      for (const [i, texts] of calls.entries()) {
        const alone = scoresOf(await classifier.classify(texts));
        const found = answers[i];
        assert.ok(found);
        for (const [j, scores] of scoresOf(found).entries()) assertClose(scores, alone[j]);
      }
    });

    test('answers what is under way before it closes', async () => {
      const classifier = await make();
      await classifier.open();
      const answering = classifier.classify(TEXTS);
      let closed = false;
      const closing = classifier.close().then(() => {
        closed = true;
      });
      const { answers } = await answering;
      assert.equal(closed, false);
      assert.ok(answers.every(({ kind }) => kind === 'scored'));
      await closing;
    });

    test('may be closed twice, and without having been opened', async () => {
      const classifier = await make();
      await classifier.close();
      await classifier.close();
    });
  });
}

function scoresOf({ answers }: ClassifiedBatch): Array<readonly number[]> {
  return answers.map(answer => {
    assert.equal(answer.kind, 'scored');
    return answer.kind === 'scored' ? answer.scores.flatMap(scores => [...scores]) : [];
  });
}

/** The length of the neighbours changes the last digits of float32 sums. */
function assertClose(actual: readonly number[] | undefined, expected: readonly number[] | undefined): void {
  assert.ok(actual && expected && actual.length === expected.length);
  for (const [i, score] of actual.entries()) assert.ok(Math.abs(score - (expected[i] ?? Number.NaN)) < 1e-4);
}
