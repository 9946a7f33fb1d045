import { z } from 'zod';
import { probability, text, whole } from '../values.js';

const band = z
  .strictObject({ review: probability.optional(), block: probability.optional() })
  .describe('a mapping with review, block or both, such as {review: 0.5, block: 0.9}');

export const policy = z
  .strictObject({
    version: text
      .default('default')
      .describe('Name of this policy, written into every result; change it whenever the numbers change.'),
    thresholds: z
      .record(z.string(), z.record(z.string(), probability).describe('a mapping of labels to numbers from 0 to 1'))
      .describe('a mapping of tasks to labels to numbers from 0 to 1, such as {moderation: {toxic: 0.7}}')
      .optional()
      .describe("Score from which a label is given, by task and label; without an entry, the model's own threshold."),
    bands: z
      .record(z.string(), z.record(z.string(), band).describe('a mapping of labels to {review, block}'))
      .describe(
        'a mapping of tasks to labels to {review, block}, such as {moderation: {toxic: {review: 0.5, block: 0.9}}}',
      )
      .optional()
      .describe(
        'Scores from which a text is reviewed or blocked, by task and label; without bands, results have no decision.',
      ),
  })
  .prefault({})
  .describe('The rules that turn scores into labels and decisions.');

export const explain = z
  .strictObject({
    labels: z
      .array(text)
      .default([])
      .describe(
        'Labels whose results list the words that led to them, as task/label, such as moderation/toxic; with an empty list nothing is explained.',
      ),
    budgetMs: whole(0, 60_000)
      .default(250)
      .describe(
        'Time a worker may spend on explanations of one batch, on top of workers.batchMs; texts that do not fit are explained coarsely, or not at all.',
      ),
    maxWords: whole(2, 512)
      .default(64)
      .describe(
        'Most words of a text that are hidden one at a time; a longer text is explained in stretches of words.',
      ),
    topWords: whole(1, 512).default(5).describe('Number of the strongest words in a result.'),
  })
  .prefault({})
  .describe('The words that led to a result: docs/explanations.md.');

export const cache = z
  .strictObject({
    maxBytes: whole(0, 64 * 1024 ** 3)
      .default(32 * 1024 ** 2)
      .describe(
        'Most bytes of answers in the cache, about 1,400 a text with the English model; the text itself is not kept. A repeated text is answered from the cache, and a text that is being answered is not computed a second time. 0 turns both off.',
      ),
  })
  .prefault({})
  .describe('The answer cache, for texts that come more than once: docs/decisions/0009-answer-cache.md.');
