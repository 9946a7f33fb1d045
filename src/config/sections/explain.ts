import { z } from 'zod';
import { text, whole } from '../values.js';

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
