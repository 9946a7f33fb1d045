import { z } from 'zod';
import { probability, whole } from '../values.js';

export const rejects = z
  .strictObject({
    maxRatio: probability
      .default(1)
      .describe(
        'Largest share of the last `windowRecords` records that may be rejected; beyond it the stage finishes what it has taken and ends with exit code 10. 1 is no limit.',
      ),
    windowRecords: whole(1, 1_000_000)
      .default(1_000)
      .describe('How many records `maxRatio` looks back on; it judges nothing before there have been so many.'),
    maxRunRecords: whole(1, 1_000_000)
      .optional()
      .describe('So many rejected records in a row end the stage in the same way; without it, no run does.'),
  })
  .prefault({})
  .describe(
    'When so many records are rejected that the stage stops, rather than drain its topic into the dead letters.',
  );
