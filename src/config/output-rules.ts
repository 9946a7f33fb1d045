import { valueAt } from './fields.js';
import { given, missing, type Rule } from './rule.js';
import type { Config } from './schema.js';

const ROUTES = ['output.routes.allow', 'output.routes.review', 'output.routes.block'];
const TOPICS = ['output.labelsTopic', 'output.rejectedTopic', 'output.metricsTopic'];
const OUTPUTS = [...TOPICS, ...ROUTES];

const noLoop: Rule = {
  sentence: 'No output topic is among `input.topics`: siftline would read its own results.',
  fields: ['input.topics', ...OUTPUTS],
  breaches: config =>
    given(config, OUTPUTS)
      .filter(path => config.input.topics.includes(topicAt(config, path)))
      .map(path => ({
        path,
        text: `"${topicAt(config, path)}" is also one of input.topics, so siftline would read its own results; give another topic`,
      })),
};

const distinctOutputs: Rule = {
  sentence: 'The output topics differ; two routes may lead to one topic.',
  fields: OUTPUTS,
  breaches: config =>
    given(config, OUTPUTS).flatMap((path, index) => {
      const topic = topicAt(config, path);
      const others = ROUTES.includes(path) ? TOPICS : OUTPUTS.slice(0, index);
      const earlier = others.find(other => topicAt(config, other) === topic);
      return earlier === undefined ? [] : [{ path, text: `"${topic}" is also ${earlier}; give each a separate topic` }];
    }),
};

function topicAt(config: Config, path: string): string {
  return String(valueAt(config, path));
}

const FORMS = [
  'output.value',
  'output.format',
  'output.include',
  'output.scores',
  'output.scoreDigits',
  'output.field',
];

/** Fields that only version 2 of an answer has, with the values that ask for nothing. */
const formsHaveVersion: Rule = {
  sentence: `${FORMS.map(path => `\`${path}\``).join(', ')} other than by default need \`output.schemaVersion: 2\`.`,
  fields: ['output.schemaVersion', ...FORMS, ...ROUTES],
  breaches: ({ output }) => {
    if (output.schemaVersion === 2) return [];
    const asked = [
      output.value !== 'labels' && 'value',
      output.format !== 'avro' && 'format',
      output.include.length > 0 && 'include',
      output.scores !== 'all' && 'scores',
      output.scoreDigits !== undefined && 'scoreDigits',
      output.field !== 'siftline' && 'field',
      Object.keys(output.routes).length > 0 && 'routes',
    ].flatMap(name => (name ? [`output.${name}`] : []));
    if (asked.length === 0) return [];
    const text = `is 1, which has no ${asked.join(', ')}; give 2 and a new output.labelsTopic, or remove ${asked.join(', ')}`;
    return [{ path: 'output.schemaVersion', text }];
  },
};

const routesHaveDecisions: Rule = {
  sentence: `${ROUTES.map(path => `\`${path}\``).join(', ')} need \`policy.bands\`, which make the decisions.`,
  fields: [...ROUTES, 'policy.bands'],
  breaches: config =>
    config.policy.bands === undefined ? missing(config, ['policy.bands'], given(config, ROUTES)) : [],
};

const includeHasFields: Rule = {
  sentence:
    '`output.include` needs `output.value: labels` and a JSON or Avro input; `output.redact` names fields inside of it.',
  fields: ['output.include', 'output.redact', 'output.value', 'input.format'],
  breaches: ({ input, output: { include, redact, value } }) => {
    const path = 'output.include';
    if (include.length > 0 && value !== 'labels')
      return [
        { path, text: `would have no effect with output.value: ${value}, which holds the whole input; remove it` },
      ];
    if (include.length > 0 && input.format === 'text')
      return [{ path, text: 'names fields, and input.format: text has none; remove it, or give another format' }];
    return redact.flatMap((name, index) => {
      const isInside = include.some(each => name === each || name.startsWith(`${each}.`));
      const text = `"${name}" is inside none of output.include, so nothing would be hidden; correct it, or remove it`;
      return isInside ? [] : [{ path: 'output.redact', rest: [index], text }];
    });
  },
};

const enrichedHasObjects: Rule = {
  sentence: '`output.value: enriched` needs `input.format: json`.',
  fields: ['output.value', 'input.format'],
  breaches: ({ input, output }) =>
    output.value === 'enriched' && input.format !== 'json'
      ? [
          {
            path: 'output.value',
            text: `is enriched, and a value of input.format: ${input.format} is not enriched; give headers or labels, or input.format: json`,
          },
        ]
      : [],
};

const oneFormat: Rule = {
  sentence: '`output.format: json` needs `output.value: labels`.',
  fields: ['output.format', 'output.value'],
  breaches: ({ output: { format, value } }) => {
    if (format === 'avro' || value === 'labels') return [];
    const text = `is json, which has no effect with output.value: ${value}: the value has the format of the input; remove it`;
    return [{ path: 'output.format', text }];
  },
};

/** Rules of the names of the output topics. */
export const OUTPUT_TOPIC_RULES: readonly Rule[] = [noLoop, distinctOutputs];

/** Rules of the form of the answers. */
export const ANSWER_RULES: readonly Rule[] = [
  formsHaveVersion,
  routesHaveDecisions,
  includeHasFields,
  enrichedHasObjects,
  oneFormat,
];
