import { given, missing, needs, type Rule, together } from './rule.js';

const TLS_DETAILS = ['kafka.tls.caFile', 'kafka.tls.certFile', 'kafka.tls.keyFile', 'kafka.tls.serverName'];

const tlsIsOn: Rule = {
  sentence: 'The other fields of `kafka.tls` need `kafka.tls.enabled: true`.',
  fields: ['kafka.tls.enabled', ...TLS_DETAILS],
  breaches: config => {
    const details = given(config, TLS_DETAILS);
    if (config.kafka.tls.enabled || details.length === 0) return [];
    const text = `is false, so ${details.join(', ')} would have no effect; give true, or remove the rest`;
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

export const accessRules: readonly Rule[] = [
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
  exactlyOnceReadsCommitted,
];
