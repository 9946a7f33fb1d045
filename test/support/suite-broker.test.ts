import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type SuiteBroker, startSuiteBroker, type Ways } from './suite-broker.js';

const CONTAINED: SuiteBroker = { bootstrap: 'container:1', stop: async () => {} };
const NO_ENGINE = async () => 'no container engine answers (none)';

/** Returns the broker that was started, the way it was started, and the lines that were logged. */
async function choice(env: Record<string, string>, ways: Partial<Ways> = {}) {
  const said: string[] = [];
  const startOther = async (options: { given?: string | undefined }) =>
    ({ bootstrap: options.given ?? 'java:1', stop: async () => {} }) as never;
  const startContainer = async () => CONTAINED;
  const all: Ways = { whyNoContainer: async () => undefined, startContainer, startOther, ...ways };
  const { bootstrap } = await startSuiteBroker({ env, log: line => said.push(line) }, all);
  return { bootstrap, said: said.join('\n') };
}

test('a broker that is given is the one, engine or not', async () => {
  const { bootstrap, said } = await choice({ KAFKA_BROKERS: 'mine:9092' });
  assert.equal(bootstrap, 'mine:9092');
  assert.match(said, /^broker: mine:9092, because KAFKA_BROKERS is set$/);
});

test('where an engine answers the broker is in a container, of the image that is asked for', async () => {
  const images: string[] = [];
  const whyNoContainer = async (image: string) => void images.push(image);
  assert.equal((await choice({}, { whyNoContainer })).bootstrap, 'container:1');
  const { said } = await choice({ TEST_KAFKA_IMAGE: 'apache/kafka:4.1.1' }, { whyNoContainer });
  assert.match(said, /apache\/kafka:4\.1\.1 by testcontainers on container:1, because a container engine answers/);
  assert.deepEqual(images, ['confluentinc/cp-kafka:8.1.1', 'apache/kafka:4.1.1']);
});

test('nothing is pulled with PULL_IMAGES=0', async () => {
  const pulls: boolean[] = [];
  const whyNoContainer = async (_image: string, mayPull: boolean) => void pulls.push(mayPull);
  await choice({}, { whyNoContainer });
  await choice({ PULL_IMAGES: '0' }, { whyNoContainer });
  assert.deepEqual(pulls, [true, false]);
});

test('without an engine the broker is another one, and the reason is said', async () => {
  const { bootstrap, said } = await choice({}, { whyNoContainer: NO_ENGINE });
  assert.equal(bootstrap, 'java:1');
  assert.match(said, /not in a container, because no container engine answers/);
});

test('a container that does not start is not the end either', async () => {
  const startContainer = async () => Promise.reject(new Error('no such image'));
  const { bootstrap, said } = await choice({}, { startContainer });
  assert.equal(bootstrap, 'java:1');
  assert.match(said, /because confluentinc\/cp-kafka:8\.1\.1 did not start: no such image/);
});

test('a version that is asked for is started as such, engine or not', async () => {
  const versions: unknown[] = [];
  const startOther: Ways['startOther'] = async ({ kafkaVersion }) => {
    versions.push(kafkaVersion);
    return { bootstrap: 'java:1', stop: async () => {} } as never;
  };
  const { bootstrap, said } = await choice({ TEST_KAFKA_VERSION: '3.9.2' }, { startOther });
  assert.deepEqual([bootstrap, versions], ['java:1', ['3.9.2']]);
  assert.match(said, /^broker: not in a container, because TEST_KAFKA_VERSION is 3\.9\.2$/);
  await choice({ TEST_KAFKA_VERSION: '' }, { startOther, whyNoContainer: NO_ENGINE });
  assert.deepEqual(versions, ['3.9.2', undefined]);
});

test('a version beside a broker that is given, or beside REQUIRE_DOCKER=1, is refused', async () => {
  for (const other of [{ KAFKA_BROKERS: 'mine:9092' }, { REQUIRE_DOCKER: '1' }])
    await assert.rejects(choice({ TEST_KAFKA_VERSION: '3.9.2', ...other }), { code: 'BROKER_NOT_AS_ASKED' });
});

test('REQUIRE_DOCKER=1 takes no other broker', async () => {
  const env = { REQUIRE_DOCKER: '1' };
  const message = /REQUIRE_DOCKER=1, but no container engine answers/;
  await assert.rejects(choice(env, { whyNoContainer: NO_ENGINE }), { code: 'BROKER_NOT_AS_ASKED', message });
  await assert.rejects(choice({ ...env, KAFKA_BROKERS: 'mine:9092' }), {
    message: /KAFKA_BROKERS and REQUIRE_DOCKER=1 .* unset all but one/,
  });
  assert.equal((await choice(env)).bootstrap, 'container:1');
});
