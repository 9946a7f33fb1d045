import { z } from 'zod';
import { probability, text, whole } from '../values.js';

const band = z
  .strictObject({ review: probability.optional(), block: probability.optional() })
  .describe('a mapping with review, block or both, such as {review: 0.5, block: 0.9}');

export const policy = z
  .strictObject({
    version: text
      .default('default')
      .describe('Name of this policy, written into every result; change it with the numbers.'),
    thresholds: z
      .record(z.string(), z.record(z.string(), probability).describe('a mapping of labels to numbers from 0 to 1'))
      .describe('a mapping of tasks to labels to numbers from 0 to 1, such as {moderation: {toxic: 0.7}}')
      .optional()
      .describe(
        "Score from which a label counts as given, by task and label; without an entry, the model's own threshold.",
      ),
    bands: z
      .record(z.string(), z.record(z.string(), band).describe('a mapping of labels to {review, block}'))
      .describe(
        'a mapping of tasks to labels to {review, block}, such as {moderation: {toxic: {review: 0.5, block: 0.9}}}',
      )
      .optional()
      .describe(
        'Scores from which a text is to be reviewed or blocked, by task and label; without bands, results have no decision.',
      ),
  })
  .prefault({})
  .describe('What scores lead to.');

export const explain = z
  .strictObject({
    labels: z
      .array(text)
      .default([])
      .describe(
        'Labels whose results say which words made them, as task/label, such as moderation/toxic; none: nothing is explained.',
      ),
    budgetMs: whole(0, 60_000)
      .default(250)
      .describe(
        'How long a worker may explain texts of one batch, on top of workers.batchMs; what does not fit is explained coarsely, or not.',
      ),
    maxWords: whole(2, 512)
      .default(64)
      .describe('Words of a text that are hidden one at a time; a longer text is explained in stretches of words.'),
    topWords: whole(1, 512).default(5).describe('How many of the strongest words a result tells.'),
  })
  .prefault({})
  .describe('Which words made a result: docs/explanations.md.');

export const cache = z
  .strictObject({
    maxBytes: whole(0, 64 * 1024 ** 3)
      .default(32 * 1024 ** 2)
      .describe(
        'Most bytes of answers that are kept, about 1,400 a text with the English model and none of them the text itself: a text that comes again is answered from there, and one that is being answered is waited for. 0 does neither.',
      ),
  })
  .prefault({})
  .describe('Texts that come more than once: docs/decisions/0009-answer-cache.md.');
