import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldNames } from '../../src/config/fields.js';
import { requireForRun } from '../../src/config/load.js';
import { ExitCode } from '../../src/errors.js';
import { failure, load, problems } from './support.js';

test('without file, environment and flags every field has its default', () => {
  const { config, sources } = load();
  assert.equal(config.name, 'siftline');
  assert.deepEqual(config.input.topics, ['siftline.texts']);
  assert.equal(config.input.bufferBytes, 32 * 1024 * 1024);
  assert.deepEqual(config.output.schemaIds, { labels: 1, metrics: 2 });
  assert.equal(config.workers.count, undefined);
  assert.equal(config.log.level, 'info');
  assert.deepEqual(Object.keys(sources), fieldNames());
  assert.deepEqual(new Set(Object.values(sources)), new Set(['default']));
});

test('flags win over environment, environment over file, file over default, and sources tell which it was', () => {
  const { config, sources } = load({
    yaml: 'input:\n  group: from-file\n  join: "-"\nname: from-file\nlog: { level: warn }\n',
    env: { SIFTLINE_INPUT__GROUP: 'from-env', SIFTLINE_NAME: 'from-env' },
    flags: { name: 'from-flag' },
  });
  assert.deepEqual([config.name, config.input.group, config.input.join], ['from-flag', 'from-env', '-']);
  assert.equal(config.input.format, 'json');
  assert.equal(sources.name, 'flag');
  assert.equal(sources['input.group'], 'env SIFTLINE_INPUT__GROUP');
  assert.equal(sources['input.join'], 'file siftline.yaml:3');
  assert.equal(sources['log.level'], 'file siftline.yaml:5');
  assert.equal(sources['input.format'], 'default');
});

test('a wrong value in the file does not matter where the environment gives another', () => {
  const { config } = load({ yaml: 'metrics: { port: high }', env: { SIFTLINE_METRICS__PORT: '0' } });
  assert.equal(config.metrics.port, 0);
});

test('all problems of all places come in one error, a line each, with field, value, what is allowed and where', () => {
  const inputs = {
    yaml: 'kafka:\n  brokers: [kafka:9092, kafka]\n  clientIdd: x\nmodel:\n  maxTokens: 4\n  verify: yes please\n',
    env: { SIFTLINE_WORKERS__COUNT: 'many', SIFTLINE_KAFKA_BROKERS: 'kafka:9092' },
    flags: { 'log.level': 'loud' },
  };
  assert.deepEqual(problems(inputs), [
    'kafka.clientIdd: is not a field; did you mean kafka.clientId? (siftline.yaml:3:3)',
    'SIFTLINE_KAFKA_BROKERS: is not a field; did you mean SIFTLINE_KAFKA__BROKERS? (environment)',
    'kafka.brokers[1]: "kafka" is not allowed; give host:port, such as kafka:9092 (siftline.yaml:2:25)',
    'model.maxTokens: 4 is not allowed; give a whole number of tokens from 8 to 512 (siftline.yaml:5:14)',
    'model.verify: "yes please" is not allowed; give true or false (siftline.yaml:6:11)',
    'workers.count: "many" is not allowed; give a whole number from 1 to 256 (env SIFTLINE_WORKERS__COUNT)',
    'log.level: "loud" is not allowed; give one of trace, debug, info, warn, error, fatal, silent (flag)',
  ]);
  const error = failure(inputs);
  assert.equal(error.exitCode, ExitCode.config);
  assert.match(error.message, /^7 problems in the configuration:\n/);
});

test('the configuration is frozen to its leaves', () => {
  const { config, sources } = load({ yaml: 'policy: { thresholds: { moderation: { toxic: 0.7 } } }' });
  const writes = [
    () => Object.assign(config, { name: 'x' }),
    () => Object.assign(config.kafka.tls, { enabled: true }),
    () => (config.input.topics as string[]).push('x'),
    () => Object.assign(config.policy.thresholds?.moderation ?? {}, { toxic: 0 }),
    () => Object.assign(sources, { name: 'x' }),
  ];
  for (const write of writes) assert.throws(write, TypeError);
});

test('a frozen default is not shared: loading twice gives equal configurations that are not the same object', () => {
  assert.deepEqual(load().config, load().config);
  assert.notEqual(load().config.kafka, load().config.kafka);
});

test('a run without brokers is told how to give them, by field and by variable', () => {
  assert.throws(() => requireForRun(load().config), {
    code: 'CONFIG_INVALID',
    exitCode: ExitCode.config,
    message: /kafka\.brokers: is empty.*SIFTLINE_KAFKA__BROKERS=host:9092/,
  });
  requireForRun(load({ flags: { 'kafka.brokers': 'kafka:9092' } }).config);
});
