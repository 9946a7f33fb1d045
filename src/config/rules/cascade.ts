import type { Rule } from './rule.js';

const confidenceHasCascade: Rule = {
  sentence: '`model.cascade.confidenceFor` needs `model.cascade.path`.',
  fields: ['model.cascade.path', 'model.cascade.confidenceFor'],
  breaches: ({ model: { cascade } }) => {
    if (cascade.path !== undefined || cascade.confidenceFor === undefined) return [];
    const text = 'is missing, so model.cascade.confidenceFor would have no effect; name a student, or remove the other';
    return [{ path: 'model.cascade.path', text }];
  },
};

const cascadeIsAnother: Rule = {
  sentence: '`model.cascade.path` is another model than `model.path`.',
  fields: ['model.cascade.path', 'model.path'],
  breaches: ({ model: { cascade, path } }) => {
    if (cascade.path !== path) return [];
    return [
      {
        path: 'model.cascade.path',
        text: 'is model.path itself, which would only be asked twice; name a smaller model',
      },
    ];
  },
};

export const cascadeRules: readonly Rule[] = [confidenceHasCascade, cascadeIsAnother];
