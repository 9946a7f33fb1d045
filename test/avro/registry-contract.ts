import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RegistryClient } from '../../src/avro/registry.js';
import { SiftlineError } from '../../src/errors.js';

/**
 * What the client relies on of any registry. Run against the fake in every test run, and against a real one when there
 * is one, so that the fake cannot lie. Needs a registry whose default level is BACKWARD; leaves its subjects behind.
 */
export function registryContract(name: string, url: () => string): void {
  describe(`the registry contract: ${name}`, () => {
    const subject = () => `contract-${process.pid}-${performance.now()}`;
    const record = (...fields: object[]) => ({ type: 'record', name: 'Contract', namespace: 'test', fields });
    const a = { name: 'a', type: 'string' };
    const optional = { name: 'b', type: ['null', 'string'], default: null };
    const required = { name: 'c', type: 'int' };

    test('a schema that was registered is found by its id and in its subject', async () => {
      const client = new RegistryClient({ url: url() });
      const here = subject();
      const id = await client.register(here, record(a));
      assert.equal(await client.register(here, record(a)), id);
      const byId = await client.schemaById(id);
      assert.deepEqual(byId, { kind: 'schema', schema: record(a) });
      assert.deepEqual(await client.lookup(here, record(a)), { kind: 'found', id, version: 1 });
    });

    test('an equal schema has one id under all subjects', async () => {
      const client = new RegistryClient({ url: url() });
      const schema = record(a, optional);
      assert.equal(await client.register(subject(), schema), await client.register(subject(), schema));
    });

    test('what was never registered is unknown, and compatible with all', async () => {
      const client = new RegistryClient({ url: url() });
      const here = subject();
      assert.deepEqual(await client.schemaById(2_000_000_000), { kind: 'unknown' });
      assert.deepEqual(await client.lookup(here, record(a)), { kind: 'unknown' });
      assert.deepEqual(await client.compatibility(here, record(a)), { kind: 'compatible' });
      await client.register(here, record(a));
      assert.deepEqual(await client.lookup(here, record(required)), { kind: 'unknown' });
    });

    test('a new field with a default is compatible, one without is not and cannot be registered', async () => {
      const client = new RegistryClient({ url: url() });
      const here = subject();
      await client.register(here, record(a));
      assert.deepEqual(await client.compatibility(here, record(a, optional)), { kind: 'compatible' });
      const answer = await client.compatibility(here, record(a, required));
      assert.ok(answer.kind === 'incompatible' && answer.messages.length > 0);
      await assert.rejects(client.register(here, record(a, required)), hasCode('REGISTRY_INCOMPATIBLE'));
    });

    test('what is not an Avro schema is refused', async () => {
      const client = new RegistryClient({ url: url() });
      await assert.rejects(client.register(subject(), { type: 'no such type' }), hasCode('REGISTRY_INVALID'));
    });

    test('a subject may hold any character', async () => {
      const client = new RegistryClient({ url: url() });
      const here = `${subject()}/ä ?#%-value`;
      const id = await client.register(here, record(a));
      assert.deepEqual(await client.lookup(here, record(a)), { kind: 'found', id, version: 1 });
    });
  });
}

export function hasCode(code: string): (error: unknown) => boolean {
  return error => {
    assert.ok(error instanceof SiftlineError, String(error));
    assert.equal(error.code, code, error.message);
    assert.equal(error.exitCode, 7);
    return true;
  };
}
