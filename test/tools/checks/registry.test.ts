import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { shippedSchema } from '../../../src/producer/schemas.js';
import { checkRegistry } from '../../../src/tools/checks/registry.js';
import { FakeRegistry } from '../../support/fake-registry.js';
import { configOf, statuses, words } from './support.js';

async function registry(t: TestContext): Promise<FakeRegistry> {
  const fake = await FakeRegistry.start();
  t.after(() => fake.close());
  return fake;
}

function asked({ url }: { url: string }, flags = {}) {
  return checkRegistry(configOf({ 'registry.url': url, 'registry.retries': '0', ...flags }));
}

test('without a registry the fixed ids are named', async () => {
  const [finding] = await checkRegistry(configOf({ 'output.schemaIds.labels': '7' }));
  assert.match(finding?.text ?? '', /no registry configured.*\(7 and 2\)/);
});

test('schemas that are there are found by id, and nothing is registered', async t => {
  const fake = await registry(t);
  fake.add('siftline.labels-value', shippedSchema('classification').json);
  const [labels, metrics] = await asked(fake);
  assert.match(labels?.text ?? '', /siftline\.labels-value: has the schema, version 1, id 1/);
  assert.match(metrics?.text ?? '', /siftline\.metrics-value: accepts the schema; it is registered at the start/);
  assert.ok(!fake.requests.some(request => request.endsWith('/versions')), fake.requests.join());
});

test('a schema that is missing fails when the stage may not register it', async t => {
  const findings = await asked(await registry(t), { 'registry.register': 'false' });
  assert.deepEqual(statuses(findings), ['fail', 'fail']);
  assert.match(findings[0]?.remedy ?? '', /schemas\/.*registry\.register/);
});

test('a schema that is not compatible fails with what clashes', async t => {
  const fake = await registry(t);
  const name = 'io.siftline.Classification';
  fake.add('siftline.labels-value', { type: 'record', name, fields: [{ name: 'id', type: 'int' }] });
  const [labels] = await asked(fake);
  assert.equal(labels?.status, 'fail');
  assert.match(words(labels ?? assert.fail()), /not compatible/);
  assert.ok((labels?.details?.length ?? 0) > 0);
});

test('a registry that is down fails with its address', async t => {
  const fake = await registry(t);
  fake.down = true;
  const [finding, ...others] = await asked(fake);
  assert.deepEqual([finding?.status, others.length], ['fail', 0]);
  assert.match(finding?.text ?? '', new RegExp(`${fake.url}.*HTTP 500`));
});

test('wrong credentials fail without showing them', async t => {
  const fake = await registry(t);
  fake.authorization = 'Bearer right';
  const [finding] = await asked(fake);
  assert.match(words(finding ?? assert.fail()), /HTTP 401.*\n.*user and password or token/);
});
