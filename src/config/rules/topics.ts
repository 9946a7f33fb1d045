import { valueAt } from '../fields.js';
import type { Config } from '../schema.js';
import type { Rule } from './rule.js';

const OUTPUTS = ['output.labelsTopic', 'output.rejectedTopic', 'output.metricsTopic'];

const noLoop: Rule = {
  sentence: 'No output topic is among `input.topics`: siftline would read its own results.',
  fields: ['input.topics', ...OUTPUTS],
  breaches: config =>
    OUTPUTS.filter(path => config.input.topics.includes(topicAt(config, path))).map(path => ({
      path,
      text: `"${topicAt(config, path)}" is also one of input.topics, so siftline would read its own results; use another`,
    })),
};

const distinctOutputs: Rule = {
  sentence: 'The three output topics differ.',
  fields: OUTPUTS,
  breaches: config =>
    OUTPUTS.flatMap((path, index) => {
      const topic = topicAt(config, path);
      const earlier = OUTPUTS.slice(0, index).find(other => topicAt(config, other) === topic);
      return earlier === undefined ? [] : [{ path, text: `"${topic}" is also ${earlier}; give each its own topic` }];
    }),
};

const distinctInputs: Rule = {
  sentence: '`input.topics` names no topic twice.',
  fields: ['input.topics'],
  breaches: ({ input: { topics } }) =>
    topics.flatMap((topic, index) => {
      const repeated = topics.indexOf(topic) < index;
      return repeated ? [{ path: 'input.topics', rest: [index], text: `"${topic}" is listed twice; keep one` }] : [];
    }),
};

export const topicRules: readonly Rule[] = [noLoop, distinctOutputs, distinctInputs];

function topicAt(config: Config, path: string): string {
  return String(valueAt(config, path));
}
