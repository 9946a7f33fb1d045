import { z } from 'zod';
import { probability, text } from '../values.js';

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
