import { valueAt } from '../fields.js';
import type { Rule } from './rule.js';

/** `large` must be at least `factor` times `small`. */
interface AtLeast {
  readonly large: string;
  readonly small: string;
  readonly factor?: number;
  readonly because: string;
}

export const sizeRules: readonly Rule[] = [
  atLeast({
    large: 'input.sessionTimeoutMs',
    small: 'input.heartbeatIntervalMs',
    factor: 3,
    because: 'two signs of life may get lost before the group gives up',
  }),
  atLeast({
    large: 'input.bufferRecords',
    small: 'workers.batchRecords',
    because: 'a full batch must fit into the buffer',
  }),
  atLeast({
    large: 'input.bufferBytes',
    small: 'input.maxValueBytes',
    because: 'the longest record must fit into the buffer',
  }),
  atLeast({
    large: 'input.maxBatchBytes',
    small: 'input.maxValueBytes',
    because: 'the batch that holds the longest record must be read',
  }),
  atLeast({
    large: 'workers.runTokens',
    small: 'model.maxTokens',
    because: 'the longest text must fit into a run',
  }),
];

function atLeast({ large, small, factor = 1, because }: AtLeast): Rule {
  const times = factor === 1 ? '' : `${factor} times `;
  return {
    sentence: `\`${large}\` is at least ${times}\`${small}\`: ${because}.`,
    fields: [large, small],
    breaches: config => {
      const [actual, other] = [Number(valueAt(config, large)), Number(valueAt(config, small))];
      if (actual >= other * factor) return [];
      const what = `${actual} is less than ${times}${small} (${other}), but ${because}`;
      return [{ path: large, text: `${what}; give at least ${other * factor}, or lower ${small}` }];
    },
  };
}
