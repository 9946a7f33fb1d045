import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { pino } from 'pino';
import type { ClassifiedBatch, Classifier } from '../../src/ports.js';
import { buildExplainingClassifier } from '../../src/stage/parts/classifier.js';
import { shippedModel } from '../support/models.js';
import { configOf } from '../tools/checks/support.js';

const log = pino({ level: 'silent' });
const SETTINGS = { 'model.path': shippedModel('english-small'), 'workers.count': '2' };
const WORDS = [
  'you',
  'are',
  'a',
  'wonderful',
  'terrible',
  'person',
  'goal',
  'election',
  'free',
  'prize',
  '🙂',
  '\ud800',
];

let cached: Classifier;
let plain: Classifier;

before(async () => {
  // Room for some answers only, so that texts come, go and come again.
  const build = async (maxBytes: string) =>
    (await buildExplainingClassifier(configOf({ ...SETTINGS, 'cache.maxBytes': maxBytes }), log)).classifier;
  cached = await build('20000');
  plain = await build('0');
  await Promise.all([cached.open(), plain.open()]);
});

after(() => Promise.all([cached.close(), plain.close()]));

const text = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...WORDS.map(word => `${word} ${WORDS[0]}`)) },
  {
    weight: 2,
    arbitrary: fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 30 }).map(all => all.join(' ')),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
);

test('with and without the cache, batches under way together have the same answers, bit for bit', async () => {
  const batches = fc.array(fc.array(text, { maxLength: 12 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(batches, async all => {
      const [found, expected] = await Promise.all(
        [cached, plain].map(classifier => Promise.all(all.map(texts => classifier.classify(texts)))),
      );
      assert.deepEqual(found?.map(answersOf), expected?.map(answersOf));
    }),
    { numRuns: 60 },
  );
});

function answersOf({ answers }: ClassifiedBatch): object[] {
  return answers.map(answer =>
    answer.kind === 'scored' ? { ...answer, scores: answer.scores.map(scores => [...scores]) } : answer,
  );
}
