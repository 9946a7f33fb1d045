import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { RegistryClient } from '../../src/avro/registry.js';
import { ExitCode, SiftlineError } from '../../src/errors.js';
import { damage, damaged, fuzz } from './fuzz.js';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** In base64. */
  readonly body: string;
  /** The connection ends in the middle of the answer. */
  readonly cut: boolean;
}

let answers: readonly Answer[] = [];
let asked = 0;
let server: Server;
let url = '';

before(async () => {
  server = createServer((_request, response) => {
    const answer = answers[Math.min(asked, answers.length - 1)];
    asked += 1;
    if (!answer) return void response.destroy();
    const body = Buffer.from(answer.body, 'base64');
    const length = body.length + (answer.cut ? 10 : 0);
    response.writeHead(answer.status, { ...answer.headers, 'content-length': length });
    if (!answer.cut) return void response.end(body);
    response.write(body);
    setImmediate(() => response.destroy());
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

const real = fc.constantFrom(
  { schema: '"string"' },
  { schema: '"string"', schemaType: 'JSON' },
  { schema: 'not json', references: [1] },
  { id: 1, version: 2 },
  { is_compatible: false, messages: ['no'] },
  { error_code: 40403, message: 'unknown' },
  { error_code: 40401, message: 'x'.repeat(3_000) },
);
const json = fc.oneof(real, fc.anything({ maxDepth: 3, withBigInt: false })).map(value => JSON.stringify(value) ?? '');
const bytes = fc
  .tuple(fc.oneof(json, fc.constantFrom('<html>Sign in</html>', '')), damage)
  .map(([text, how]) => damaged(Buffer.from(text), how));
const answer: fc.Arbitrary<Answer> = fc.record({
  status: fc.oneof(
    fc.constantFrom(200, 201, 301, 401, 404, 409, 422, 429, 500, 503),
    fc.integer({ min: 200, max: 599 }),
  ),
  headers: fc.constantFrom<Answer['headers']>(
    { 'content-type': 'application/json' },
    { location: 'http://127.0.0.1:1/' },
    { 'content-encoding': 'gzip' },
    {},
  ),
  body: bytes.map(body => body.toString('base64')),
  cut: fc.boolean(),
});

const QUESTIONS: ReadonlyArray<(client: RegistryClient) => Promise<unknown>> = [
  client => client.schemaById(1),
  client => client.register('s', 'string'),
  client => client.lookup('s', 'string'),
  client => client.compatibility('s', 'string'),
];

test('whatever a registry answers, the client has an answer of its own or ends with an error that says so', () =>
  fuzz<readonly Answer[]>({
    name: 'registry',
    inputs: fc.array(answer, { minLength: 1, maxLength: 3 }),
    runs: 150,
    check: async given => {
      answers = given;
      for (const question of QUESTIONS) await answersOrExplains(question);
    },
  }));

async function answersOrExplains(question: (client: RegistryClient) => Promise<unknown>): Promise<void> {
  asked = 0;
  const client = new RegistryClient({ url, attempts: 3, backoffMs: 1, timeoutMs: 2_000 });
  try {
    const said = await question(client);
    assert.ok(typeof said === 'number' || typeof (said as { kind: unknown }).kind === 'string');
  } catch (error) {
    if (!(error instanceof SiftlineError)) throw error;
    assert.equal(error.exitCode, ExitCode.registry);
    assert.ok(!error.message.includes('\n') && error.message.length < 1_000, error.message);
  } finally {
    client.close();
  }
  // Three attempts of ours; Node's fetch asks again by itself after a 421 (misdirected request).
  assert.ok(asked <= 30, `asked ${asked} times`);
}
