import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import * as zlib from 'node:zlib';
import type { CompressionTypes } from 'kafkajs';
import { beforeRejoin, loadKafkajs } from '../../src/kafka/patches/index.js';
import { startBroker } from '../../src/local-broker/broker.js';
import { startDockerBroker, whyNoDocker } from '../../src/local-broker/docker-broker.js';
import { kafkaJars } from '../../src/local-broker/java-setup.js';
import type { Headers } from '../../src/ports.js';
import { withCommands } from '../local-broker/fake-commands.js';
import { FAKE_DOCKER } from '../local-broker/fake-docker.js';
import { eventually, freshBroker, sharedBroker, type TestScope, testBroker, uniqueName } from '../support/kafka.js';

const { CompressionTypes: Types } = loadKafkajs();

test('headers reach the broker and come back byte for byte', async () => {
  const { createTopics, produce, readAll } = await sharedBroker();
  const topic = uniqueName('headers');
  await createTopics({ topic });
  const headers: Headers = [
    ['b', Buffer.from([0, 255])],
    ['__proto__', Buffer.from('1')],
    ['b', null],
    ['', Buffer.alloc(0)],
    ['b', Buffer.from([0, 255])],
  ];

  await produce(topic, [{ key: 'k', value: 'v', headers, timestamp: 1_700_000_000_123 }, { value: null }]);

  const [first, second] = await readAll(topic, { expect: 2 });
  assert.deepEqual(first, {
    topic,
    partition: 0,
    offset: 0n,
    timestamp: 1_700_000_000_123n,
    key: Buffer.from('k'),
    value: Buffer.from('v'),
    headers,
  });
  assert.deepEqual([second?.key, second?.value, second?.headers], [null, null, []]);
});

describe('compression', () => {
  const messages = Array.from({ length: 500 }, (_, i) => ({
    key: i % 7 === 0 ? null : `key ${i}`,
    value: `${i} ${'some text that repeats '.repeat(i % 40)}`,
    headers: [['i', Buffer.from(`${i}`)]] as Headers,
  }));
  const codecs: Array<[string, CompressionTypes]> = [
    ['gzip', Types.GZIP],
    ['snappy', Types.Snappy],
    ['lz4', Types.LZ4],
    ['zstd', Types.ZSTD],
  ];

  for (const [name, compression] of codecs) {
    // With a codec of its own the broker packs each batch anew, so these bytes come from Java.
    test(`what the broker packs as ${name} is read`, async () => {
      await survives({ config: { 'compression.type': name }, compression: Types.None });
    });

    const skip = name === 'zstd' && !('zstdCompress' in zlib) && 'this Node cannot write zstd';
    // A topic that stores nothing packed makes the broker unpack ours.
    test(`what we pack as ${name} is read by the broker`, { skip }, async () => {
      await survives({ config: { 'compression.type': 'uncompressed' }, compression });
      await survives({ config: {}, compression });
    });
  }

  async function survives(options: { config: Record<string, string>; compression: CompressionTypes }): Promise<void> {
    const { createTopics, produce, readAll } = await sharedBroker();
    const topic = uniqueName('codec');
    await createTopics({ topic, config: options.config });
    await produce(topic, messages, { compression: options.compression });
    const records = await readAll(topic, { expect: messages.length });
    const read = records.map(({ key, value, headers }) => ({
      key: key?.toString() ?? null,
      value: `${value}`,
      headers,
    }));
    assert.deepEqual(read, messages);
  }
});

describe('before a rejoin', () => {
  test('the hook of that consumer runs once, and what it commits counts', async t => {
    const group = await rejoiningGroup(t);
    const first = await group.join('first', () => first.consumer.commitOffsets([group.offset('1')]));
    assert.deepEqual(group.calls, [], 'not before the first join');

    await group.join('second', async () => {});
    assert.deepEqual(group.calls, ['first']);
    await eventually('the first consumer has joined again', () => first.members.length === 2);
    assert.equal(await group.committed(), '1');
  });

  test('a hook longer than the session keeps its member, and can still commit', async t => {
    const group = await rejoiningGroup(t);
    const first = await group.join('first', async () => {
      await sleep(4_000);
      await first.consumer.commitOffsets([group.offset('1')]);
    });
    await group.join('second', async () => {});
    await eventually('the first consumer has joined again', () => first.members.length === 2);
    assert.equal(first.members[0], first.members[1]);
    assert.equal(await group.committed(), '1');
  });

  const bad: Array<[string, () => Promise<void>]> = [
    ['fails', async () => Promise.reject(new Error('this hook fails'))],
    ['never ends', () => new Promise(() => {})],
  ];
  for (const [what, hook] of bad) {
    test(`a hook that ${what} does not stop the rejoin`, async t => {
      const group = await rejoiningGroup(t);
      const first = await group.join('first', hook);
      await group.join('second', async () => {});
      await eventually('the first consumer has joined again', () => first.members.length === 2);
      assert.deepEqual(group.calls, ['first']);
    });
  }

  async function rejoiningGroup(t: TestScope) {
    const { kafka, createTopics, produce } = await sharedBroker();
    const topic = uniqueName('rejoin');
    const groupId = uniqueName('group');
    await createTopics({ topic, partitions: 2 });
    await produce(topic, [{ value: 'a', partition: 0 }]); // else offset 1 is out of range
    const calls: string[] = [];

    const join = async (name: string, hook: () => Promise<void>) => {
      // The same clientId on purpose: consumers of one process must not be mixed up.
      const consumer = kafka({ clientId: 'same' }).consumer({
        groupId,
        heartbeatInterval: 200,
        sessionTimeout: 2_000,
        rebalanceTimeout: 20_000,
        maxWaitTimeInMs: 100,
      });
      t.after(() => consumer.disconnect());
      beforeRejoin(
        consumer,
        () => {
          calls.push(name);
          return hook();
        },
        { limitMs: 6_000 },
      );
      const members: string[] = [];
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
        members.push(payload.memberId);
      });
      await consumer.connect();
      await consumer.subscribe({ topic });
      await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: async () => {} });
      // run() also returns when the join failed and is tried anew, as on a broker whose coordinator still loads.
      await eventually(`${name} has joined`, () => members.length > 0);
      return { consumer, members };
    };

    const committed = async () => {
      const admin = kafka().admin();
      await admin.connect();
      const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] });
      await admin.disconnect();
      return offsets?.partitions.find(({ partition }) => partition === 0)?.offset;
    };
    return { calls, join, committed, offset: (offset: string) => ({ topic, partition: 0, offset }) };
  }
});

test('a broker of our own takes properties, a further listener and users, survives a kill, and leaves nothing', async t => {
  const workDir = await mkdtemp(join(tmpdir(), 'broker-test-'));
  t.after(() => rm(workDir, { recursive: true, force: true }));
  const broker = await freshBroker(t, {
    workDir,
    properties: {
      'message.max.bytes': '2000',
      'listener.name.secure.sasl.enabled.mechanisms': 'SCRAM-SHA-256',
      'listener.name.secure.scram-sha-256.sasl.jaas.config':
        'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    },
    listeners: [{ name: 'SECURE', protocol: 'SASL_PLAINTEXT' }],
    formatArgs: ['--add-scram', 'SCRAM-SHA-256=[name=app,password=secret]'],
  });
  assert.equal(broker.how, 'java');
  const topic = uniqueName('own');
  await broker.createTopics({ topic });
  await broker.produce(topic, [{ value: 'before' }]);
  await assert.rejects(broker.produce(topic, [{ value: 'x'.repeat(3_000) }]), /larger than/);

  const sasl = { mechanism: 'scram-sha-256', username: 'app', password: 'secret' } as const;
  const admin = broker.kafka({ brokers: [broker.listeners.SECURE ?? ''], sasl }).admin();
  await admin.connect();
  assert.ok((await admin.listTopics()).includes(topic));
  await admin.disconnect();

  broker.kill();
  await broker.restart();
  await broker.produce(topic, [{ value: 'after' }]);
  const values = (await broker.readAll(topic, { expect: 2 })).map(({ value }) => `${value}`);
  assert.deepEqual(values, ['before', 'after']);

  await broker.stop();
  assert.deepEqual(await readdir(workDir), []);
});

test('a broker in a container is started, killed, restarted and removed', async t => {
  const jars = await kafkaJars(() => {});
  if (!('classpath' in jars)) return t.skip(`the stand-in for Docker wants ${jars.missing}`);
  const containers = await mkdtemp(join(tmpdir(), 'broker-test-'));
  t.after(() => rm(containers, { recursive: true, force: true }));
  process.env.FAKE_DOCKER = containers;
  process.env.FAKE_DOCKER_CLASSPATH = jars.classpath;
  const topic = uniqueName('docker');

  await withCommands(
    t,
    { docker: FAKE_DOCKER },
    async () => {
      assert.equal(await whyNoDocker(() => {}), undefined);
      const broker = await startDockerBroker({ log: () => {}, properties: { 'message.max.bytes': '2000' } });
      assert.equal(broker.how, 'docker');
      const { createTopics, produce, readAll } = testBroker(broker);
      await createTopics({ topic });
      await produce(topic, [{ value: 'before' }]);
      await assert.rejects(produce(topic, [{ value: 'x'.repeat(3_000) }]), /larger than/);
      broker.kill();
      await broker.restart();
      assert.equal((await readAll(topic, { expect: 1 })).length, 1);
      await broker.stop();
      assert.deepEqual(await readdir(containers), []);

      const wrong = startDockerBroker({ log: () => {}, properties: { 'num.io.threads': 'many' } });
      await assert.rejects(wrong, { code: 'BROKER_DID_NOT_START', message: /num\.io\.threads/ });
      assert.deepEqual(await readdir(containers), []);
    },
    { others: true },
  );
});

test('a broker does not outlive a process that is killed', async t => {
  const workDir = await mkdtemp(join(tmpdir(), 'broker-test-'));
  t.after(() => rm(workDir, { recursive: true, force: true }));
  const owner = spawn(process.execPath, [
    '--input-type=module',
    '-e',
    `import { startBroker } from ${JSON.stringify(new URL('../../src/local-broker/broker.js', import.meta.url).href)};
     const { bootstrap } = await startBroker({ log: () => {}, workDir: ${JSON.stringify(workDir)} });
     console.log(bootstrap);
     setInterval(() => {}, 1000);`,
  ]);
  t.after(() => {
    owner.kill('SIGKILL');
  });
  const [bootstrap] = await once(owner.stdout, 'data');
  const [, port] = String(bootstrap).trim().split(':');
  owner.kill('SIGKILL');
  await eventually('nobody listens any more', () => refuses(Number(port)));
  await eventually('its folder is gone', async () => (await readdir(workDir)).length === 0);
});

function refuses(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => resolve(false)).on('error', () => resolve(true));
    socket.on('connect', () => socket.destroy());
  });
}

test('a broker that cannot start says why, in a few lines', async () => {
  const starting = startBroker({ log: () => {}, properties: { 'log.retention.hours': 'many' } });
  await assert.rejects(starting, (error: Error & { code?: string }) => {
    assert.equal(error.code, 'BROKER_DID_NOT_START');
    assert.match(error.message, /log\.retention\.hours/);
    assert.doesNotMatch(error.message, /^\s+at /m);
    assert.ok(error.message.split('\n').length < 12);
    return true;
  });
});

test('a given broker that does not answer is named', async () => {
  await assert.rejects(startBroker({ log: () => {}, given: '127.0.0.1:1' }), {
    code: 'BROKER_UNAVAILABLE',
    message: /127\.0\.0\.1:1/,
  });
});
