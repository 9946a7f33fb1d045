import assert from 'node:assert/strict';
import { after, afterEach, beforeEach, describe, test } from 'node:test';
import { RegistryClient } from '../../../src/avro/registry.js';
import {
  type ReadySchema,
  Schemas,
  type SchemasOptions,
  type SchemaWait,
} from '../../../src/consumer/decode/schemas.js';
import { FakeRegistry } from '../../support/fake-registry.js';
import { eventually } from '../../support/kafka.js';
import { SchemaList } from './records.js';

// A pause before the next question keeps no process alive.
const alive = setInterval(() => {}, 1_000);
after(() => clearInterval(alive));

const KNOWN = { kind: 'schema', schema: 'string' } as const;

function kindOf(schema: ReadySchema | undefined): string | undefined {
  return schema?.kind === 'rejected' ? schema.reason : schema?.kind;
}

/** Asks once, and tells what came of each id. */
async function asked(schemas: Schemas, ...ids: number[]): Promise<Record<string, string | undefined>> {
  const came: Record<string, string | undefined> = {};
  await schemas.fetch(ids, (id, schema) => {
    came[id] = kindOf(schema);
  });
  return came;
}

test('a schema that is refused leaves the others of the same call as they are', async () => {
  const source = new SchemaList({ 1: KNOWN, 2: new Error('down'), 3: { kind: 'unusable', detail: 'no' } });
  const came = await asked(new Schemas(source, {}), 1, 2, 3, 4);
  assert.deepEqual(came, { 1: 'ready', 3: 'AVRO_SCHEMA_UNUSABLE', 4: 'AVRO_SCHEMA_UNKNOWN' });
});

test('a question that hangs holds up no other, and is asked once however many wait for it', async () => {
  let hanging = 0;
  const schemaById = (id: number) => {
    if (id !== 2) return Promise.resolve(KNOWN);
    hanging += 1;
    return new Promise<never>(() => {});
  };
  const schemas = new Schemas({ schemaById }, {});
  void asked(schemas, 2);
  void asked(schemas, 2);
  assert.deepEqual(await asked(schemas, 1), { 1: 'ready' });
  assert.equal(hanging, 1);
  assert.equal(schemas.get(2), undefined);
  assert.equal(schemas.describe(2), 'schema id 2 (no answer yet)');
});

describe('a schema that is waited for too long', () => {
  const given = (options: SchemasOptions = {}) => {
    const source = new SchemaList({ 7: new Error('down') });
    return { source, schemas: new Schemas(source, { giveUpSeconds: 1, ...options }) };
  };

  test('rejects its records with a reason of its own, and is ready once the registry gives it', async () => {
    const { source, schemas } = given();
    assert.deepEqual(await asked(schemas, 7), {}, 'it is waited for at first');
    await eventually('it is given up', async () => (await asked(schemas, 7))[7] === 'AVRO_SCHEMA_UNAVAILABLE');
    assert.equal(kindOf(schemas.get(7)), 'AVRO_SCHEMA_UNAVAILABLE', 'the next record does not wait anew');
    source.answers.set(7, KNOWN);
    await eventually('it is asked for all the same', () => kindOf(schemas.get(7)) === 'ready');
  });

  test('is given up though the question hangs', async () => {
    const schemas = new Schemas({ schemaById: () => new Promise<never>(() => {}) }, { giveUpSeconds: 1 });
    assert.deepEqual(await asked(schemas, 7), { 7: 'AVRO_SCHEMA_UNAVAILABLE' });
  });

  test('is never given up unless a time is set', async () => {
    const { schemas } = given({ giveUpSeconds: undefined });
    for (let i = 0; i < 3; i += 1) assert.deepEqual(await asked(schemas, 7), {});
    assert.equal(schemas.get(7), undefined);
  });
});

test('a wait is told of once, not with every question', async () => {
  const told: SchemaWait[] = [];
  const schemas = new Schemas(new SchemaList({ 7: new Error('down') }), { waits: wait => told.push(wait) });
  for (let i = 0; i < 3; i += 1) await asked(schemas, 7);
  assert.deepEqual(told, [{ schemaId: 7, seconds: 0, status: undefined, error: 'down' }]);
});

describe('of a real client', () => {
  let registry: FakeRegistry;
  beforeEach(async () => {
    registry = await FakeRegistry.start();
  });
  afterEach(() => registry.close());

  const schemasOf = (options: SchemasOptions) =>
    new Schemas(new RegistryClient({ url: registry.url, attempts: 1, timeoutMs: 200 }), options);

  for (const status of [401, 403, 407, 408, 429, 500, 503]) {
    test(`an answer of ${status} is waited for, and only its id`, async () => {
      const told: SchemaWait[] = [];
      const schemas = schemasOf({ waits: wait => told.push(wait) });
      const known = registry.add('posts-value', 'string');
      registry.planted.set('GET /schemas/ids/7', { status, text: '{"error_code":1,"message":"no"}' });
      assert.deepEqual(await asked(schemas, 7, known), { [known]: 'ready' });
      // Node's fetch keeps an answer of 407 to itself.
      const shown = status === 407 ? undefined : status;
      assert.deepEqual([told.length, told[0]?.schemaId, told[0]?.status], [1, 7, shown]);
      assert.match(schemas.describe(7), shown ? new RegExp(`HTTP ${shown}`) : /REGISTRY_UNREACHABLE/);
    });
  }

  for (const [what, status, text] of [
    ['an answer of 404 with a code of the registry', 404, '{"error_code":40403,"message":"no"}'],
    ['an answer of 404 for its subject', 404, '{"error_code":40401,"message":"no"}'],
    ['an answer of 422', 422, '{"error_code":42201,"message":"no"}'],
  ] as const) {
    test(`${what} rejects at once`, async () => {
      registry.planted.set('GET /schemas/ids/7', { status, text });
      assert.deepEqual(await asked(schemasOf({}), 7), { 7: 'AVRO_SCHEMA_UNKNOWN' });
    });
  }

  for (const [what, planted] of [
    ['a page in place of JSON', { status: 200, text: '<html>log in</html>' }],
    ['a bare 404, as a wrong path gives', { status: 404, text: 'not found' }],
    ['half an answer', { status: 200, text: '{"schema":"\\"string', headers: { 'content-length': '5000' } }],
  ] as const) {
    test(`${what} is waited for, and only its id`, async () => {
      const known = registry.add('posts-value', 'string');
      registry.planted.set('GET /schemas/ids/7', planted);
      assert.deepEqual(await asked(schemasOf({}), 7, known), { [known]: 'ready' });
    });
  }
});
