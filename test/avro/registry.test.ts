import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { RegistryClient, type RegistryOptions } from '../../src/avro/registry.js';
import { messageOf } from '../../src/errors.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { hasCode, registryContract } from './registry-contract.js';

let registry: FakeRegistry;
let clients: RegistryClient[] = [];

beforeEach(async () => {
  registry = await FakeRegistry.start();
});
afterEach(async () => {
  for (const client of clients) client.close();
  clients = [];
  await registry.close();
});

function client(options: Partial<RegistryOptions> = {}): RegistryClient {
  const made = new RegistryClient({ url: registry.url, backoffMs: 2, ...options });
  clients.push(made);
  return made;
}

async function failure(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => assert.fail('it should have failed'),
    error => messageOf(error),
  );
}

describe('the fake', () => {
  let shared: FakeRegistry;
  before(async () => {
    shared = await FakeRegistry.start();
  });
  after(() => shared.close());
  registryContract('in process', () => shared.url);

  test('checks the level that was set', async () => {
    const put = { method: 'PUT', body: JSON.stringify({ compatibility: 'FORWARD' }) };
    assert.equal((await fetch(`${registry.url}/config/s`)).status, 404);
    assert.equal((await fetch(`${registry.url}/config/s`, put)).status, 200);
    assert.equal((await fetch(`${registry.url}/config/s`, { ...put, body: '{"compatibility":"X"}' })).status, 422);
    await client().register('s', { type: 'record', name: 'R', fields: [] });
    const more = { type: 'record', name: 'R', fields: [{ name: 'a', type: 'int' }] };
    assert.equal((await client().compatibility('s', more)).kind, 'compatible');
  });
});

const real = process.env.SIFTLINE_TEST_REGISTRY;
if (real) registryContract('a real one', () => real);

describe('a schema by its id', () => {
  test('is fetched once and kept', async () => {
    const id = registry.add('s', 'string');
    const one = client();
    for (let i = 0; i < 3; i += 1) assert.deepEqual(await one.schemaById(id), { kind: 'schema', schema: 'string' });
    assert.equal(registry.requests.length, 1);
  });

  test('is fetched once however many ask at the same time', async () => {
    const id = registry.add('s', 'string');
    const one = client();
    await Promise.all(Array.from({ length: 50 }, () => one.schemaById(id)));
    assert.equal(registry.requests.length, 1);
  });

  test('is forgotten when more schemas come than the cache may hold', async () => {
    const ids = ['string', 'int', 'bytes'].map(schema => registry.add('s', schema));
    const one = client({ maxSchemas: 2 });
    for (const id of [...ids, ...ids]) await one.schemaById(id);
    assert.equal(registry.requests.length, 6);
  });

  test('is asked for again, when it was unknown, only after a while', async () => {
    const one = client({ unknownForMs: 40 });
    for (let i = 0; i < 3; i += 1) assert.deepEqual(await one.schemaById(1), { kind: 'unknown' });
    assert.equal(registry.requests.length, 1);
    registry.add('s', 'string');
    await new Promise(resolve => setTimeout(resolve, 60));
    assert.equal((await one.schemaById(1)).kind, 'schema');
  });

  test('is unusable when it is Protobuf, refers to others, is not JSON or is too long', async () => {
    const bodies: ReadonlyArray<readonly [object, RegExp]> = [
      [{ schema: 'syntax = "proto3";', schemaType: 'PROTOBUF' }, /PROTOBUF, not Avro/],
      [
        { schema: '"Other"', references: [{ name: 'Other', subject: 'o', version: 1 }] },
        /refers to subject "o", version 1, which/,
      ],
      [{ schema: '{' }, /not JSON/],
      [{ schema: JSON.stringify('x'.repeat(2_000)) }, /too long/],
    ];
    const one = client({ maxAnswerBytes: 1_000 });
    for (const [i, [body, detail]] of bodies.entries()) {
      registry.plantSchema(i, body);
      const answer = await one.schemaById(i);
      assert.ok(answer.kind === 'unusable');
      assert.match(answer.detail, detail);
    }
  });
});

test('a schema comes with the schemas that it refers to, nested ones too, each asked for once', async () => {
  const town = { type: 'record', name: 'Town', fields: [] };
  const planted = (schema: unknown, references: object[]) => ({
    status: 200,
    text: JSON.stringify({ schema: JSON.stringify(schema), references }),
  });
  const refer = (subject: string) => ({ name: subject, subject, version: 1 });
  registry.planted.set('GET /subjects/author/versions/1', planted('Author', [refer('town'), refer('author')]));
  registry.planted.set('GET /subjects/town/versions/1', planted(town, []));
  registry.plantSchema(5, { schema: '"Post"', references: [refer('author'), refer('town')] });
  const answer = await client().schemaById(5);
  assert.deepEqual(answer, { kind: 'schema', schema: 'Post', references: ['Author', town] });
  const many = Array.from({ length: 101 }, (_, i) => refer(`s${i}`));
  for (const { subject } of many) registry.planted.set(`GET /subjects/${subject}/versions/1`, planted(town, []));
  registry.plantSchema(6, { schema: '"Post"', references: many });
  const refused = await client().schemaById(6);
  assert.match(refused.kind === 'unusable' ? refused.detail : '', /refers to more than 100 others/);
});

describe('a registry in trouble', () => {
  test('is asked again after 500, 503 and 429, and answers', async () => {
    const id = registry.add('s', 'string');
    registry.failures = [500, 503, 429];
    assert.equal((await client().schemaById(id)).kind, 'schema');
    assert.equal(registry.requests.length, 4);
  });

  test('is given up on after so many attempts, with an error and not an unknown schema', async () => {
    registry.down = true;
    await assert.rejects(client({ attempts: 3 }).schemaById(1), hasCode('REGISTRY_UNAVAILABLE'));
    assert.equal(registry.requests.length, 3);
  });

  test('is asked anew once it is back: a failure is not kept', async () => {
    const id = registry.add('s', 'string');
    const one = client({ attempts: 1 });
    registry.down = true;
    await assert.rejects(one.schemaById(id), hasCode('REGISTRY_UNAVAILABLE'));
    registry.down = false;
    assert.equal((await one.schemaById(id)).kind, 'schema');
  });

  test('that is slow costs one timeout for each attempt', async () => {
    registry.slowMs = 5_000;
    const started = performance.now();
    const message = await failure(client({ attempts: 2, timeoutMs: 50 }).schemaById(1));
    assert.match(message, /gave no answer after 2 attempts: it took longer than 50 ms/);
    assert.ok(performance.now() - started < 1_000);
  });

  test('that is not there is named with what the network said', async () => {
    await registry.close();
    const one = client({ attempts: 2 });
    await assert.rejects(one.schemaById(1), hasCode('REGISTRY_UNREACHABLE'));
    assert.match(
      await failure(one.schemaById(1)),
      /schema id 1, gave no answer after 2 attempts: fetch failed \(.*ECONNREFUSED/,
    );
  });

  test('holds nobody up once the client is closed', async () => {
    registry.down = true;
    const one = client({ attempts: 100, backoffMs: 60_000 });
    const asked = one.schemaById(1);
    setTimeout(() => one.close(), 30);
    await assert.rejects(asked, hasCode('REGISTRY_UNREACHABLE'));
    await assert.rejects(one.schemaById(2), hasCode('REGISTRY_UNREACHABLE'));
  });

  test('that hangs is let go of when the client is closed', async () => {
    registry.slowMs = 60_000;
    const one = client();
    const asked = one.schemaById(1);
    setTimeout(() => one.close(), 30);
    await assert.rejects(asked, hasCode('REGISTRY_UNREACHABLE'));
  });
});

describe('an answer that makes no sense', () => {
  const plant = (status: number, text: string, headers = {}) =>
    registry.planted.set('GET /schemas/ids/1', { status, text, headers });

  test('is an error and not an unknown schema: a bare 404, as a wrong path gives', async () => {
    plant(404, '<h1>Not Found</h1>');
    await assert.rejects(client().schemaById(1), hasCode('REGISTRY_NOT_FOUND'));
    plant(404, '{"error_code":404,"message":"HTTP 404 Not Found"}');
    await assert.rejects(client().schemaById(1), hasCode('REGISTRY_NOT_FOUND'));
  });

  test('is an error: a page instead of JSON, JSON of another kind, an odd status', async () => {
    for (const [status, text] of [
      [200, '<html>log in</html>'],
      [200, '{"a":1}'],
      [200, 'null'],
      [204, ''],
      [418, ''],
    ] as const) {
      plant(status, text);
      await assert.rejects(client().schemaById(1), hasCode('REGISTRY_RESPONSE'));
    }
  });

  test('is not followed: a redirect, which is asked for once', async () => {
    plant(302, '', { location: 'http://127.0.0.1:9/' });
    const one = client();
    await assert.rejects(one.schemaById(1), hasCode('REGISTRY_UNREACHABLE'));
    assert.equal(registry.requests.length, 1);
    assert.match(await failure(one.schemaById(1)), /unexpected redirect/);
  });

  test('is shown on one line and cut short', async () => {
    plant(403, JSON.stringify({ error_code: 40301, message: `a\r\n${'b'.repeat(5_000)}` }));
    const message = await failure(client().schemaById(1));
    assert.match(message, /answered HTTP 403 \(40301 "a b+"\)/);
    assert.ok(message.length < 600);
  });
});

describe('credentials', () => {
  test('are sent: a user and password, the same in the URL, a token', async () => {
    const id = registry.add('s', 'string');
    const inUrl = registry.url.replace('http://', 'http://me:p%40ss@');
    registry.authorization = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
    assert.equal((await client({ basic: 'me:p@ss' }).schemaById(id)).kind, 'schema');
    assert.equal((await client({ url: inUrl }).schemaById(id)).kind, 'schema');
    registry.authorization = 'Bearer t0ken';
    assert.equal((await client({ bearer: 't0ken' }).schemaById(id)).kind, 'schema');
  });

  test('that were renewed are sent with the next request', async () => {
    const id = registry.add('s', 'string');
    registry.authorization = 'Bearer renewed';
    let token = 'old';
    const one = client({ bearer: () => token });
    await assert.rejects(one.schemaById(id), hasCode('REGISTRY_AUTH'));
    token = 'renewed';
    assert.equal((await one.schemaById(id)).kind, 'schema');
  });

  test('that are wrong give an error that does not quote them', async () => {
    registry.authorization = 'Bearer right';
    const inUrl = registry.url.replace('http://', 'http://me:s3cret@');
    for (const options of [{ basic: 'me:s3cret' }, { url: inUrl }, { bearer: 's3cret' }]) {
      const one = client(options);
      await assert.rejects(one.schemaById(1), hasCode('REGISTRY_AUTH'));
      assert.doesNotMatch(await failure(one.schemaById(1)), /s3cret|czNjcmV0/);
    }
  });

  test('that cannot be sent, or contradict each other, stop the start without being quoted', () => {
    for (const options of [{ bearer: 's3cret\n' }, { bearer: '' }, { bearer: 's3cret', basic: 'me:s3cret' }]) {
      assert.throws(() => client(options), hasCode('REGISTRY_AUTH'));
      assert.throws(
        () => client(options),
        error => !messageOf(error).includes('s3cret'),
      );
    }
  });
});

describe('the URL', () => {
  test('may have a path and a slash at its end', async () => {
    registry.plantSchema(1, { schema: '"string"' });
    const planted = registry.planted.get('GET /schemas/ids/1');
    assert.ok(planted);
    registry.planted.set('GET /apis/ccompat/v7/schemas/ids/1', planted);
    assert.equal((await client({ url: `${registry.url}/apis/ccompat/v7/` }).schemaById(1)).kind, 'schema');
  });

  test('that is none stops the start, its credentials kept back', () => {
    for (const url of ['', 'registry:8081', 'ftp://me:s3cret@host', 'http://me:s3/cret@', 'me:s3cret@host']) {
      assert.throws(() => client({ url }), hasCode('REGISTRY_URL'));
      assert.throws(
        () => client({ url }),
        error => !/s3|cret/.test(messageOf(error)),
      );
    }
  });

  test('and the subject and the way out are in every error', async () => {
    await client().register('orders-value', 'string');
    const message = await failure(client().register('orders-value', 'int'));
    assert.match(
      message,
      /^schema registry http:\/\/127\.0\.0\.1:\d+, asked for registering subject "orders-value", answered HTTP 409 \(409 "/,
    );
    assert.match(
      message,
      /"\), its compatibility level being BACKWARD; give another subject \(registry\.subjects\), or set/,
    );
  });
});
