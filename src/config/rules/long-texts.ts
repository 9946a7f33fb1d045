import type { Rule } from './rule.js';

const windowsGoForward: Rule = {
  sentence:
    'With `model.longTexts: windows`, `model.windowStrideTokens` is at most half of `model.maxTokens`: a window must bring more that is new than it repeats.',
  fields: ['model.windowStrideTokens', 'model.maxTokens', 'model.longTexts'],
  breaches: ({ model: { longTexts, windowStrideTokens, maxTokens } }) => {
    if (longTexts === 'truncate' || windowStrideTokens * 2 <= maxTokens) return [];
    const what = `${windowStrideTokens} is more than half of model.maxTokens (${maxTokens}), so windows would hardly go forward`;
    return [
      {
        path: 'model.windowStrideTokens',
        text: `${what}; give at most ${Math.floor(maxTokens / 2)}, or raise the other`,
      },
    ];
  },
};

const aggregateHasWindows: Rule = {
  sentence: '`model.aggregate` needs `model.longTexts: windows`.',
  fields: ['model.longTexts', 'model.aggregate'],
  breaches: ({ model: { longTexts, aggregate } }) => {
    if (longTexts === 'windows' || aggregate === undefined) return [];
    const text = 'is truncate, so model.aggregate would have no effect; give windows, or remove the other';
    return [{ path: 'model.longTexts', text }];
  },
};

export const longTextRules: readonly Rule[] = [windowsGoForward, aggregateHasWindows];
