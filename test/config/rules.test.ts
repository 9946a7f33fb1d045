import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldNames } from '../../src/config/fields.js';
import { RULES } from '../../src/config/rules.js';
import { load, problems } from './support.js';

/** What is wrong with a configuration given by flags, without where it came from. */
function broken(flags: Record<string, string>): string[] {
  return problems({ flags }).map(line => line.replace(/ \(flag\)$/, ''));
}

test('rules look at fields that exist', () => {
  for (const { fields, sentence } of RULES) {
    for (const path of fields) assert.ok(fieldNames().includes(path), `${path} in: ${sentence}`);
  }
});

test('no output topic may be an input topic', () => {
  assert.deepEqual(broken({ 'input.topics': 'a,siftline.metrics' }), [
    'output.metricsTopic: "siftline.metrics" is also one of input.topics, so siftline would read its own results; give another topic',
  ]);
});

test('the output topics differ, and no input topic is listed twice', () => {
  assert.deepEqual(broken({ 'output.labelsTopic': 'x', 'output.metricsTopic': 'x', 'input.topics': 'a,b,a' }), [
    'output.metricsTopic: "x" is also output.labelsTopic; give each a separate topic',
    'input.topics[2]: "a" is listed twice; remove one of the two',
  ]);
});

test('a size that must hold another does, and is accepted where they are equal', () => {
  assert.deepEqual(
    broken({
      'input.heartbeatIntervalMs': '10001',
      'input.bufferRecords': '127',
      'input.maxBatchBytes': '33554432',
      'input.maxValueBytes': '33554433',
      'model.maxTokens': '512',
      'workers.runTokens': '511',
    }),
    [
      'input.sessionTimeoutMs: 30000 is less than 3 times input.heartbeatIntervalMs (10001), but two heartbeats may get lost before the group removes the consumer; give at least 30003, or lower input.heartbeatIntervalMs',
      'input.bufferRecords: 127 is less than workers.batchRecords (2048), but a full batch must fit into the buffer; give at least 2048, or lower workers.batchRecords',
      'input.bufferBytes: 33554432 is less than input.maxValueBytes (33554433), but the longest record must fit into the buffer; give at least 33554433, or lower input.maxValueBytes',
      'input.maxBatchBytes: 33554432 is less than input.maxValueBytes (33554433), but the batch that holds the longest record must be read; give at least 33554433, or lower input.maxValueBytes',
      'workers.runTokens: 511 is less than model.maxTokens (512), but the longest text must fit into a run; give at least 512, or lower model.maxTokens',
    ],
  );
  load({
    flags: {
      'input.heartbeatIntervalMs': '10000',
      'input.bufferRecords': '2048',
      'input.maxValueBytes': '33554432',
      'input.maxBatchBytes': '33554432',
    },
  });
});

test('login to the brokers is whole or not there', () => {
  assert.deepEqual(broken({ 'kafka.sasl.mechanism': 'plain' }), [
    'kafka.sasl.username: is missing, but needed by kafka.sasl.mechanism; give it, or remove kafka.sasl.mechanism',
    'kafka.sasl.passwordFile: is missing, but needed by kafka.sasl.mechanism; give it, or remove kafka.sasl.mechanism',
  ]);
  assert.equal(broken({ 'kafka.sasl.username': 'u', 'kafka.sasl.passwordFile': './p' }).length, 1);
  load({
    flags: {
      'kafka.sasl.mechanism': 'scram-sha-512',
      'kafka.sasl.username': 'u',
      'kafka.sasl.passwordFile': '/run/secrets/kafka',
    },
  });
});

test('a login with a token has a token file, and neither a user name nor a password', () => {
  assert.deepEqual(broken({ 'kafka.sasl.mechanism': 'oauthbearer' }), [
    'kafka.sasl.tokenFile: is missing, but needed by kafka.sasl.mechanism; give it, or remove kafka.sasl.mechanism',
  ]);
  assert.deepEqual(broken({ 'kafka.sasl.tokenFile': '/t' }), [
    'kafka.sasl.mechanism: is missing, but needed by kafka.sasl.tokenFile; give it, or remove kafka.sasl.tokenFile',
  ]);
  const useless = (mechanism: string) =>
    `would have no effect with kafka.sasl.mechanism: ${mechanism}; remove it, or give another mechanism`;
  const token = { 'kafka.sasl.mechanism': 'oauthbearer', 'kafka.sasl.tokenFile': '/t' };
  assert.deepEqual(broken({ ...token, 'kafka.sasl.username': 'u', 'kafka.sasl.passwordFile': '/p' }), [
    `kafka.sasl.username: ${useless('oauthbearer')}`,
    `kafka.sasl.passwordFile: ${useless('oauthbearer')}`,
  ]);
  const password = { 'kafka.sasl.mechanism': 'plain', 'kafka.sasl.username': 'u', 'kafka.sasl.passwordFile': '/p' };
  assert.deepEqual(broken({ ...password, 'kafka.sasl.tokenFile': '/t' }), [
    `kafka.sasl.tokenFile: ${useless('plain')}`,
  ]);
  load({ flags: token });
});

test('a client certificate has a key, and details of TLS have TLS switched on', () => {
  assert.deepEqual(broken({ 'kafka.tls.certFile': './c.pem' }), [
    'kafka.tls.enabled: is false, so kafka.tls.certFile would have no effect; give true, or remove kafka.tls.certFile',
    'kafka.tls.keyFile: is missing, but needed by kafka.tls.certFile; give it, or remove kafka.tls.certFile',
  ]);
  load({ flags: { 'kafka.tls.enabled': 'true', 'kafka.tls.certFile': './c.pem', 'kafka.tls.keyFile': './k.pem' } });
});

test('Avro input and the login of the registry need its address, and the login is of one kind', () => {
  const missing = (because: string) =>
    `registry.url: is missing, but needed by ${because}; give it, or remove ${because}`;
  assert.deepEqual(broken({ 'input.format': 'avro' }), [missing('input.format: avro')]);
  assert.deepEqual(broken({ 'registry.subjects.labels': 's' }), [missing('registry.subjects.labels')]);
  assert.deepEqual(broken({ 'registry.url': 'http://r', 'registry.username': 'u' }), [
    'registry.passwordFile: is missing, but needed by registry.username; give it, or remove registry.username',
  ]);
  const login = { 'registry.username': 'u', 'registry.passwordFile': '/p', 'registry.bearerTokenFile': '/t' };
  assert.deepEqual(broken({ 'registry.url': 'https://r:8081', ...login }), [
    'registry.bearerTokenFile: is set beside registry.username; keep one of the two',
  ]);
});

test('a band reviews before it blocks, and says at least one of the two', () => {
  assert.deepEqual(broken({ 'policy.bands': '{m: {a: {review: 0.9, block: 0.5}, b: {}, c: {block: 0}}}' }), [
    'policy.bands.m.a.review: 0.9 is above block (0.5), so nothing would be reviewed; lower review, or raise block',
    'policy.bands.m.b: has neither review nor block; give one of them, or remove it',
  ]);
});

test('windows go forward by at least what they repeat, where texts are read in windows', () => {
  const small = { 'model.maxTokens': '63', 'model.windowStrideTokens': '32' };
  assert.deepEqual(broken({ ...small, 'model.longTexts': 'windows' }), [
    'model.windowStrideTokens: 32 is more than half of model.maxTokens (63), so most of each window would repeat the one before; give at most 31, or raise model.maxTokens',
  ]);
  load({ flags: small });
  load({ flags: { 'model.maxTokens': '64', 'model.windowStrideTokens': '32', 'model.longTexts': 'windows' } });
});

test('how windows are put together is said where there are windows, by task, in one of three ways', () => {
  assert.deepEqual(broken({ 'model.aggregate': '{news: mean}' }), [
    'model.longTexts: is truncate, so model.aggregate would have no effect; give windows, or remove model.aggregate',
  ]);
  assert.deepEqual(broken({ 'model.longTexts': 'windows', 'model.aggregate': '{news: median}' }), [
    'model.aggregate.news: "median" is not allowed; give one of max, mean, noisy-or',
  ]);
  const { model } = load({ flags: { 'model.longTexts': 'windows', 'model.aggregate': '{news: noisy-or}' } }).config;
  assert.deepEqual({ ...model.aggregate }, { news: 'noisy-or' });
});

test('a cascade has a student, which is another model than the full one', () => {
  assert.deepEqual(broken({ 'model.cascade.confidenceFor': '{news: 0.9}' }), [
    'model.cascade.path: is missing, so model.cascade.confidenceFor would have no effect; give the path of a student model, or remove model.cascade.confidenceFor',
  ]);
  assert.deepEqual(broken({ 'model.path': 'english', 'model.cascade.path': 'english' }), [
    'model.cascade.path: is the same as model.path, so the same model would be asked twice; give a smaller model',
  ]);
  assert.deepEqual(broken({ 'model.cascade.minConfidence': '1.5' }), [
    'model.cascade.minConfidence: 1.5 is not allowed; give a number from 0 to 1',
  ]);
  const fields = { 'model.cascade.path': 'english-small', 'model.cascade.confidenceFor': '{moderation/toxic: 0.95}' };
  const { cascade } = load({ flags: fields }).config.model;
  assert.deepEqual({ ...cascade.confidenceFor }, { 'moderation/toxic': 0.95 });
});

test('a broken rule is told at the line of the field that was given, also when the other one is a default', () => {
  assert.match(
    problems({ yaml: 'model:\n  maxTokens: 512\nworkers:\n  runTokens: 500\n' })[0] ?? '',
    /\(siftline\.yaml:4:14\)$/,
  );
  assert.match(problems({ yaml: 'input:\n  heartbeatIntervalMs: 20000\n' })[0] ?? '', /\(siftline\.yaml:2:24\)$/);
});

test('a rule says nothing about a field that has a problem of its own', () => {
  assert.deepEqual(broken({ 'model.maxTokens': 'many', 'workers.runTokens': '100' }), [
    'model.maxTokens: "many" is not allowed; give a whole number of tokens from 8 to 512',
  ]);
});

test('an envelope goes with a format that can have it', () => {
  const registry = { 'registry.url': 'http://registry' };
  const text = (envelope: string, format: string, formats: string) =>
    `input.envelope: is ${envelope}, and no value in format ${format} has that around it; give input.format: ${formats}, or input.envelope: none`;
  for (const [envelope, format, formats] of [
    ['debezium', 'text', 'json or avro'],
    ['connect', 'text', 'json'],
    ['connect', 'avro', 'json'],
  ] as const) {
    const flags = { 'input.envelope': envelope, 'input.format': format, ...registry };
    assert.deepEqual(broken(flags), [text(envelope, format, formats)]);
  }
  for (const format of ['json', 'avro', 'text']) {
    load({ flags: { 'input.envelope': 'cloudevents', 'input.format': format, ...registry } });
    load({ flags: { 'input.envelope': 'none', 'input.format': format, ...registry } });
    if (format !== 'text') load({ flags: { 'input.envelope': 'debezium', 'input.format': format, ...registry } });
  }
});

test('a value is enriched only where it is JSON', () => {
  const enriched = { 'output.schemaVersion': '2', 'output.value': 'enriched', 'registry.url': 'http://registry:8081' };
  for (const format of ['avro', 'text'])
    assert.deepEqual(broken({ ...enriched, 'input.format': format }), [
      `output.value: is enriched, and a value of input.format: ${format} is not enriched; give headers or labels, or input.format: json`,
    ]);
});
