import assert from 'node:assert/strict';
import { test } from 'node:test';
import { envName, fieldNames } from '../../src/config/fields.js';
import { load, problems } from './support.js';

test('a variable name is the path in capitals, sections joined by two underscores and words by one', () => {
  assert.equal(envName('kafka.clientId'), 'SIFTLINE_KAFKA__CLIENT_ID');
  assert.equal(envName('kafka.tls.caFile'), 'SIFTLINE_KAFKA__TLS__CA_FILE');
  assert.equal(envName('output.schemaIds.labels'), 'SIFTLINE_OUTPUT__SCHEMA_IDS__LABELS');
  assert.equal(new Set(fieldNames().map(envName)).size, fieldNames().length);
});

test('a list is comma-separated, or a YAML list where an element has a comma', () => {
  const topics = (text: string) => load({ env: { SIFTLINE_INPUT__TEXT_FIELDS: text } }).config.input.textFields;
  assert.deepEqual(topics('title, body,'), ['title', 'body']);
  assert.deepEqual(topics('[title, "a,b"]'), ['title', 'a,b']);
});

test('a mapping is in YAML, and numbers and switches are read as what they are', () => {
  const { config } = load({
    env: {
      SIFTLINE_POLICY__BANDS: '{moderation: {toxic: {review: 0.5, block: 0.9}}}',
      SIFTLINE_METRICS__PORT: '8080',
      SIFTLINE_MODEL__VERIFY: 'False',
      SIFTLINE_POLICY__VERSION: '1.0',
    },
  });
  assert.deepEqual(config.policy.bands, { moderation: { toxic: { review: 0.5, block: 0.9 } } });
  assert.deepEqual([config.metrics.port, config.model.verify, config.policy.version], [8080, false, '1.0']);
});

test('a value of the wrong type is told with its variable', () => {
  assert.deepEqual(
    problems({
      env: {
        SIFTLINE_METRICS__PORT: '9464 ms',
        SIFTLINE_KAFKA__TLS__ENABLED: 'on',
        SIFTLINE_POLICY__THRESHOLDS: '{moderation: ',
        SIFTLINE_MODEL__TASKS: '[]',
      },
    }),
    [
      'kafka.tls.enabled: "on" is not allowed; give true or false (env SIFTLINE_KAFKA__TLS__ENABLED)',
      'model.tasks: an empty list is not allowed; give a list of at least one text (env SIFTLINE_MODEL__TASKS)',
      'policy.thresholds: "{moderation: " is not allowed; give a mapping of tasks to labels to numbers from 0 to 1, ' +
        'such as {moderation: {toxic: 0.7}} (env SIFTLINE_POLICY__THRESHOLDS)',
      'metrics.port: "9464 ms" is not allowed; give a whole number from 0 to 65535 (env SIFTLINE_METRICS__PORT)',
    ],
  );
});

test('a variable that is empty or undefined counts as not set', () => {
  const { config, sources } = load({ env: { SIFTLINE_NAME: '', SIFTLINE_WORKERS__COUNT: undefined, SIFTLINE_X: '' } });
  assert.equal(config.name, 'siftline');
  assert.equal(sources.name, 'default');
});

test('SIFTLINE_CONFIG names the file, unless the caller does', () => {
  const message = /cannot read the configuration file "\/nowhere\/env.yaml"/;
  assert.throws(() => load({ env: { SIFTLINE_CONFIG: '/nowhere/env.yaml' } }), { code: 'CONFIG_UNREADABLE', message });
  assert.equal(load({ yaml: 'name: x', env: { SIFTLINE_CONFIG: '/nowhere/env.yaml' } }).config.name, 'x');
});

test('what Kubernetes sets for a Service named siftline or siftline-metrics is no mistake', () => {
  load({
    env: {
      SIFTLINE_SERVICE_HOST: '10.0.0.1',
      SIFTLINE_SERVICE_PORT: '9464',
      SIFTLINE_SERVICE_PORT_METRICS: '9464',
      SIFTLINE_PORT: 'tcp://10.0.0.1:9464',
      SIFTLINE_PORT_9464_TCP: 'tcp://10.0.0.1:9464',
      SIFTLINE_PORT_9464_TCP_PROTO: 'tcp',
      SIFTLINE_PORT_9464_TCP_ADDR: '10.0.0.1',
      SIFTLINE_METRICS_PORT: 'tcp://10.0.0.2:9464',
      PATH: '/bin',
    },
  });
});

test('a variable with one underscore too few is a mistake although Kubernetes has one of that name', () => {
  assert.deepEqual(problems({ env: { SIFTLINE_METRICS_PORT: '9464' } }), [
    'SIFTLINE_METRICS_PORT: is not a field; did you mean SIFTLINE_METRICS__PORT? (environment)',
  ]);
});

test('a variable that names a section is told to set its fields', () => {
  assert.deepEqual(problems({ env: { SIFTLINE_KAFKA__TLS: '{enabled: true}' } }), [
    'SIFTLINE_KAFKA__TLS: kafka.tls is a section; set its fields one by one, such as SIFTLINE_KAFKA__TLS__ENABLED (environment)',
  ]);
});
