import { ANSWER_RULES, OUTPUT_TOPIC_RULES } from './output-rules.js';
import { atLeast, type Breach, given, missing, needs, type Rule, together } from './rule.js';
import type { Config } from './schema.js';

const distinctInputs: Rule = {
  sentence: '`input.topics` names no topic twice.',
  fields: ['input.topics'],
  breaches: ({ input: { topics } }) =>
    topics.flatMap((topic, index) => {
      const repeated = topics.indexOf(topic) < index;
      return repeated
        ? [{ path: 'input.topics', rest: [index], text: `"${topic}" is listed twice; remove one of the two` }]
        : [];
    }),
};

const SIZES: readonly Rule[] = [
  atLeast({
    large: 'input.sessionTimeoutMs',
    small: 'input.heartbeatIntervalMs',
    factor: 3,
    because: 'two heartbeats may get lost before the group removes the consumer',
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

const TLS_DETAILS = ['kafka.tls.caFile', 'kafka.tls.certFile', 'kafka.tls.keyFile', 'kafka.tls.serverName'];

const tlsIsOn: Rule = {
  sentence: 'The other fields of `kafka.tls` need `kafka.tls.enabled: true`.',
  fields: ['kafka.tls.enabled', ...TLS_DETAILS],
  breaches: config => {
    const details = given(config, TLS_DETAILS);
    if (config.kafka.tls.enabled || details.length === 0) return [];
    const text = `is false, so ${details.join(', ')} would have no effect; give true, or remove ${details.join(', ')}`;
    return [{ path: 'kafka.tls.enabled', text }];
  },
};

const PASSWORD_LOGIN = ['kafka.sasl.username', 'kafka.sasl.passwordFile'];
const TOKEN_LOGIN = ['kafka.sasl.tokenFile'];

const brokerLoginIsWhole: Rule = {
  sentence:
    '`kafka.sasl.mechanism: oauthbearer` goes with `kafka.sasl.tokenFile`; the other mechanisms go with `kafka.sasl.username` and `kafka.sasl.passwordFile`.',
  fields: ['kafka.sasl.mechanism', ...PASSWORD_LOGIN, ...TOKEN_LOGIN],
  breaches: config => {
    const { mechanism } = config.kafka.sasl;
    if (!mechanism)
      return missing(config, ['kafka.sasl.mechanism'], given(config, [...PASSWORD_LOGIN, ...TOKEN_LOGIN]));
    const [needed, useless] =
      mechanism === 'oauthbearer' ? [TOKEN_LOGIN, PASSWORD_LOGIN] : [PASSWORD_LOGIN, TOKEN_LOGIN];
    const text = `would have no effect with kafka.sasl.mechanism: ${mechanism}; remove it, or give another mechanism`;
    return [
      ...missing(config, needed, ['kafka.sasl.mechanism']),
      ...given(config, useless).map(path => ({ path, text })),
    ];
  },
};

const oneRegistryLogin: Rule = {
  sentence: 'The registry takes a user name and password, or a bearer token, not both.',
  fields: ['registry.username', 'registry.bearerTokenFile'],
  breaches: ({ registry: { username, bearerTokenFile } }) =>
    username === undefined || bearerTokenFile === undefined
      ? []
      : [{ path: 'registry.bearerTokenFile', text: 'is set beside registry.username; keep one of the two' }],
};

const avroHasRegistry: Rule = {
  sentence: '`input.format: avro` needs `registry.url`: the schemas of the records are there.',
  fields: ['input.format', 'registry.url'],
  breaches: config => (config.input.format === 'avro' ? missing(config, ['registry.url'], ['input.format: avro']) : []),
};

/** The formats that each envelope goes with. */
const ENVELOPE_FORMATS: Readonly<Record<Config['input']['envelope'], ReadonlyArray<Config['input']['format']>>> = {
  none: ['json', 'avro', 'text'],
  debezium: ['json', 'avro'],
  connect: ['json'],
  cloudevents: ['json', 'avro', 'text'],
};

const envelopeFitsFormat: Rule = {
  sentence:
    '`input.envelope: debezium` needs `input.format` json or avro, `connect` needs json; `cloudevents` goes with every format.',
  fields: ['input.envelope', 'input.format'],
  breaches: ({ input: { envelope, format } }) => {
    const formats = ENVELOPE_FORMATS[envelope];
    if (formats.includes(format)) return [];
    const text = `is ${envelope}, and no value in format ${format} has that around it; give input.format: ${formats.join(' or ')}, or input.envelope: none`;
    return [{ path: 'input.envelope', text }];
  },
};

const exactlyOnceReadsCommitted: Rule = {
  sentence: '`delivery: exactly-once` needs `input.isolation: read_committed`.',
  fields: ['delivery', 'input.isolation'],
  breaches: ({ delivery, input: { isolation } }) =>
    delivery === 'at-least-once' || isolation === 'read_committed'
      ? []
      : [
          {
            path: 'input.isolation',
            text: 'is read_uncommitted, so records of aborted transactions would be answered; give read_committed, or delivery: at-least-once',
          },
        ],
};

const windowsGoForward: Rule = {
  sentence:
    'With `model.longTexts: windows`, `model.windowStrideTokens` is at most half of `model.maxTokens`: at least half of each window must be new text.',
  fields: ['model.windowStrideTokens', 'model.maxTokens', 'model.longTexts'],
  breaches: ({ model: { longTexts, windowStrideTokens, maxTokens } }) => {
    if (longTexts === 'truncate' || windowStrideTokens * 2 <= maxTokens) return [];
    const what = `${windowStrideTokens} is more than half of model.maxTokens (${maxTokens}), so most of each window would repeat the one before`;
    return [
      {
        path: 'model.windowStrideTokens',
        text: `${what}; give at most ${Math.floor(maxTokens / 2)}, or raise model.maxTokens`,
      },
    ];
  },
};

const aggregateHasWindows: Rule = {
  sentence: '`model.aggregate` needs `model.longTexts: windows`.',
  fields: ['model.longTexts', 'model.aggregate'],
  breaches: ({ model: { longTexts, aggregate } }) => {
    if (longTexts === 'windows' || aggregate === undefined) return [];
    const text = 'is truncate, so model.aggregate would have no effect; give windows, or remove model.aggregate';
    return [{ path: 'model.longTexts', text }];
  },
};

const confidenceHasCascade: Rule = {
  sentence: '`model.cascade.confidenceFor` needs `model.cascade.path`.',
  fields: ['model.cascade.path', 'model.cascade.confidenceFor'],
  breaches: ({ model: { cascade } }) => {
    if (cascade.path !== undefined || cascade.confidenceFor === undefined) return [];
    const text =
      'is missing, so model.cascade.confidenceFor would have no effect; give the path of a student model, or remove model.cascade.confidenceFor';
    return [{ path: 'model.cascade.path', text }];
  },
};

const cascadeIsAnother: Rule = {
  sentence: '`model.cascade.path` names a different model than `model.path`.',
  fields: ['model.cascade.path', 'model.path'],
  breaches: ({ model: { cascade, path } }) => {
    if (cascade.path !== path) return [];
    return [
      {
        path: 'model.cascade.path',
        text: 'is the same as model.path, so the same model would be asked twice; give a smaller model',
      },
    ];
  },
};

/** The scores from which a label leads to a review, and to a block. */
interface Band {
  readonly review?: number | undefined;
  readonly block?: number | undefined;
}

const bandsMakeSense: Rule = {
  sentence: 'A band in `policy.bands` has `review`, `block` or both, and `review` is at most `block`.',
  fields: ['policy.bands'],
  breaches: ({ policy: { bands = {} } }) =>
    Object.entries(bands).flatMap(([task, labels]) =>
      Object.entries(labels).flatMap(([label, band]) => breachesOf(band, [task, label])),
    ),
};

function breachesOf({ review, block }: Band, rest: readonly string[]): Breach[] {
  if (review === undefined && block === undefined) {
    return [{ path: 'policy.bands', rest, text: 'has neither review nor block; give one of them, or remove it' }];
  }
  if (review === undefined || block === undefined || review <= block) return [];
  const text = `${review} is above block (${block}), so nothing would be reviewed; lower review, or raise block`;
  return [{ path: 'policy.bands', rest: [...rest, 'review'], text }];
}

/** Every relation between fields that is checked before the start, in the order of the reference. */
export const RULES: readonly Rule[] = [
  ...OUTPUT_TOPIC_RULES,
  distinctInputs,
  ...SIZES,
  tlsIsOn,
  together('kafka.tls.certFile', 'kafka.tls.keyFile'),
  brokerLoginIsWhole,
  together('registry.username', 'registry.passwordFile'),
  oneRegistryLogin,
  needs(
    ['registry.username', 'registry.bearerTokenFile', 'registry.subjects.labels', 'registry.subjects.metrics'],
    'registry.url',
  ),
  avroHasRegistry,
  envelopeFitsFormat,
  exactlyOnceReadsCommitted,
  windowsGoForward,
  aggregateHasWindows,
  confidenceHasCascade,
  cascadeIsAnother,
  bandsMakeSense,
  ...ANSWER_RULES,
];
