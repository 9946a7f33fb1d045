import { z } from 'zod';
import { whole } from '../values.js';

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
