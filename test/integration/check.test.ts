import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { addCheck } from '../../src/cli/check.js';
import { ExitCode } from '../../src/errors.js';
import type { Finding } from '../../src/observe/finding.js';
import { runCommand } from '../cli/in-process.js';
import { assertOneLine, siftline } from '../cli/process.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { freshBroker, sharedBroker, type TestBroker, uniqueName } from '../support/kafka.js';
import { fixtureModel } from '../support/models.js';

const MODEL = ['--model', fixtureModel('bert-two-tasks'), '--set', 'metrics.port=0'];

interface Report {
  readonly findings: readonly Finding[];
  /** Findings of one subject. */
  of(check: string): Finding[];
}

async function check(argv: readonly string[]): Promise<Report> {
  const { stdout, error } = await runCommand(addCheck, ['check', '--json', ...argv, ...MODEL]);
  assert.notEqual(stdout, '', `no report: ${error}`);
  const findings = JSON.parse(stdout).findings as Finding[];
  return { findings, of: subject => findings.filter(each => each.check === subject) };
}

function shown(findings: readonly Finding[]): string {
  return findings.map(each => [each.status, each.text, ...(each.details ?? []), each.remedy].join(' ')).join('\n');
}

/** The default of Kafka 4; the one of 3.9 has no limit. */
const HOUR_AHEAD = { 'message.timestamp.after.max.ms': '3600000' };

/** Topics of a stage of the test's own, made on the broker. */
async function stage(broker: TestBroker, partitions = 2): Promise<string[]> {
  const id = uniqueName('check');
  const topics = [id, `${id}-labels`, `${id}-rejected`, `${id}-metrics`];
  await broker.createTopics(...topics.map(topic => ({ topic, partitions, config: HOUR_AHEAD })));
  return topics;
}

function flagsOf([input = '', labels, rejected, metrics]: readonly string[]): string[] {
  const outputs = { labelsTopic: labels, rejectedTopic: rejected, metricsTopic: metrics };
  const sets = Object.entries(outputs).flatMap(([field, topic]) => ['--set', `output.${field}=${topic}`]);
  return ['--topics', input, '--group', input, ...sets];
}

test('a stage in order has nothing that fails, and the check leaves no trace', async () => {
  const broker = await sharedBroker();
  const topics = await stage(broker);
  await broker.produce(topics[0] ?? '', [{ value: 'one' }, { value: 'two' }]);
  const report = await check(['--brokers', broker.bootstrap, ...flagsOf(topics)]);
  assert.ok(!report.findings.some(({ status }) => status === 'fail'), shown(report.findings));
  assert.match(shown(report.of('brokers')), /^ok cluster \S+, 1 broker: /);
  assert.match(shown(report.of('rights')), new RegExp(`^ok may read ${topics[0]} as group .*write ${topics[1]}`));
  assert.match(shown(report.of('group')), /does not exist yet; no committed offsets.*lag 2 records/);
  assert.match(shown(report.of('topics')), /message\.timestamp\.after\.max\.ms is 3600000/);
  for (const topic of topics.slice(1)) assert.deepEqual(await broker.readAll(topic, { uncommitted: true }), []);
  const admin = broker.kafka().admin();
  await admin.connect();
  const { groups } = await admin.listGroups();
  await admin.disconnect();
  assert.ok(!groups.some(({ groupId }) => groupId === topics[0]), 'the check made a group');
});

test('exactly once on one replica is a warning that names all it is stored in', async () => {
  const broker = await sharedBroker();
  const topics = await stage(broker);
  const report = await check(['--brokers', broker.bootstrap, ...flagsOf(topics), '--set', 'delivery=exactly-once']);
  assert.match(
    shown(report.of('topics')),
    new RegExp(`warn ${topics[1]}, ${topics[2]}.*: one replica, so exactly-once does not hold`),
  );
  assert.match(
    shown(report.of('rights')),
    new RegExp(`^ok may .*use the transactional id ${topics[0]}-${topics[0]}-0`),
  );
});

test('a stage that would use transactional ids of this one is found by its group, with or without members', async t => {
  const broker = await sharedBroker();
  const [labels = '', topic = '', ...outputs] = await stage(broker);
  const group = uniqueName('group');
  const own = `shared-${topic}`;
  await broker.createTopics({ topic: own });
  const flags = ['--brokers', broker.bootstrap, ...flagsOf([own, labels, ...outputs]), '--group', group];
  const found = async (...more: string[]) =>
    shown((await check([...flags, '--set', 'delivery=exactly-once', ...more])).of('group'));
  assert.match(await found(), /\nok no other group .*transactionalIdSpelling: 2/);
  const admin = broker.kafka().admin();
  await admin.connect();
  t.after(() => admin.disconnect());
  const other = `${group}-shared`;
  await admin.setOffsets({ groupId: other, topic, partitions: [{ partition: 0, offset: '0' }] });
  const shares = new RegExp(
    `warn group ${other} reads ${topic}: .* id ${group}-${own}-0, .*transactionalIdSpelling: 2`,
  );
  assert.match(await found(), shares);
  assert.match(await found('--set', 'kafka.transactionalIdSpelling=2'), /\nok no other group/);
  await admin.deleteGroups([other]);
  const consumer = broker.kafka().consumer({ groupId: other });
  t.after(() => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topics: [topic] });
  const joined = new Promise(resolve => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.run({ eachMessage: async () => {} });
  await joined;
  assert.match(await found(), shares);
});

test('missing topics fail, and what does not depend on them is still looked at', async () => {
  const broker = await sharedBroker();
  const id = uniqueName('missing');
  const report = await check(['--brokers', broker.bootstrap, ...flagsOf([id, `${id}-l`, `${id}-r`, `${id}-m`])]);
  assert.equal(report.of('topics').filter(({ status }) => status === 'fail').length, 4);
  assert.match(shown(report.of('topics')), /create it with siftline topics --apply/);
  assert.match(shown(report.of('group')), /does not exist yet/);
});

test('brokers of which one is away are a warning that names it', async () => {
  const broker = await sharedBroker();
  const report = await check(['--brokers', `${broker.bootstrap},127.0.0.1:1`, ...flagsOf(await stage(broker))]);
  assert.match(shown(report.of('brokers')), /^ok .*\nwarn 1 of 2 .*127\.0\.0\.1:1: .*ECONNREFUSED/);
});

test('a run on topics that do not exist ends with the command that makes them', async () => {
  const broker = await sharedBroker();
  const ended = await siftline('run', '--brokers', broker.bootstrap, '--topics', uniqueName('nope'), ...MODEL);
  assert.equal(ended.code, ExitCode.topic);
  assertOneLine(ended, /TOPIC_MISSING: topics? nope-\w+.* not found; .*siftline topics --apply/);
});

test('a run whose registry is down ends with its address', async () => {
  const broker = await sharedBroker();
  const flags = [...flagsOf(await stage(broker)), '--set', 'registry.url=http://127.0.0.1:1', ...MODEL];
  const ended = await siftline('run', '--brokers', broker.bootstrap, ...flags);
  assert.equal(ended.code, ExitCode.registry);
  assertOneLine(ended, /REGISTRY_UNREACHABLE: schema registry http:\/\/127\.0\.0\.1:1, .*; check the registry's URL/);
});

test('a run whose schema its subject does not take ends with the subject, its level and the ways out', async t => {
  const [broker, registry] = [await sharedBroker(), await FakeRegistry.start()];
  t.after(() => registry.close());
  const topics = await stage(broker);
  const another = { type: 'record', name: 'Invoice', fields: [{ name: 'total', type: 'long' }] };
  registry.add(`${topics[1]}-value`, another);
  const flags = [...flagsOf(topics), '--set', `registry.url=${registry.url}`, ...MODEL];
  const ended = await siftline('run', '--brokers', broker.bootstrap, ...flags);
  assert.equal(ended.code, ExitCode.registry);
  assertOneLine(
    ended,
    /REGISTRY_INCOMPATIBLE: .*subject "check-\w+-labels-value", answered HTTP 409 .* level being BACKWARD; give another subject \(registry\.subjects\), or set the subject's compatibility level/,
  );
});

/*
 * A broker that asks who you are: a plain listener for its owner, one with a login, one with TLS. `limited` has what the
 * stage needs and no more, but for one output topic; `stranger` has nothing.
 */
test('a broker with logins, rights and TLS', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-check-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const password = join(folder, 'password');
  writeFileSync(password, 'open sesame\n');
  const certificate = selfSigned(folder);
  const plain = 'org.apache.kafka.common.security.plain.PlainLoginModule required';
  const users = ['limited', 'stranger'].map(user => `user_${user}="open sesame"`).join(' ');
  const broker = await freshBroker(t, {
    listeners: [
      { name: 'LOGIN', protocol: 'SASL_PLAINTEXT' },
      ...(certificate ? [{ name: 'SECURE', protocol: 'SSL' } as const] : []),
    ],
    properties: {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS',
      'listener.name.login.sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.login.plain.sasl.jaas.config': `${plain} ${users};`,
      ...(certificate && {
        'listener.name.secure.ssl.keystore.type': 'PEM',
        'listener.name.secure.ssl.keystore.location': certificate.keystore,
      }),
    },
  });
  const topics = await stage(broker);
  const [input = '', labels = '', , metrics = ''] = topics;
  await allow(broker, [
    ...READ.map(right => [...right, input] as const),
    [TOPIC, WRITE, labels],
    [TOPIC, WRITE, metrics],
  ]);
  const as = (user: string, file = password) => [
    ...['--brokers', broker.listeners.LOGIN ?? '', ...flagsOf(topics), '--set', 'kafka.sasl.mechanism=plain'],
    ...['--set', `kafka.sasl.username=${user}`, '--set', `kafka.sasl.passwordFile=${file}`],
  ];

  await t.test('a topic that may not be seen is named, and the others are looked at', async () => {
    const report = await check(as('limited'));
    assert.match(shown(report.of('topics')), /^fail this user may not see topic \S+-rejected .*\nok /);
    assert.match(shown(report.of('rights')), new RegExp(`^ok may read ${input} as group ${input}, write ${labels}`));
  });

  await t.test('Write is told from Describe without a record being written', async () => {
    await allow(broker, [[TOPIC, DESCRIBE, `${input}-rejected`]]);
    const report = await check(as('limited'));
    const rights = shown(report.of('rights'));
    assert.match(rights, new RegExp(`^ok may read ${input} as group ${input}, write ${labels}, write ${metrics}`));
    assert.match(rights, new RegExp(`fail this user may not write ${input}-rejected \\(TOPIC_AUTHORIZATION_FAILED\\)`));
    assert.match(shown(report.of('topics')), /skip .*settings not compared/);
    assert.deepEqual(await broker.readAll(labels, { uncommitted: true }), []);
  });

  await t.test('the right on the transactional ids is tried, and no transaction state is made', async () => {
    const rights = async () => shown((await check([...as('limited'), '--set', 'delivery=exactly-once'])).of('rights'));
    const refused = `fail this user may not use the transactional id ${input}-${input}-0 \\(TRANSACTIONAL_ID_AUTHORIZATION_FAILED\\)`;
    assert.match(await rights(), new RegExp(refused));
    await allow(broker, [[TRANSACTIONAL_ID, WRITE, `${input}-`]], PREFIXED);
    assert.match(await rights(), new RegExp(`^ok may .*use the transactional id ${input}-${input}-0`));
    const admin = broker.kafka().admin();
    await admin.connect();
    const made = await admin.listTopics();
    await admin.disconnect();
    assert.ok(!made.includes('__transaction_state'), 'the check made the topic of transactions');
  });

  await t.test('a run without the right to the group ends and says so', async () => {
    await allow(broker, [[TOPIC, WRITE, `${input}-rejected`]]);
    const ended = await siftline('run', ...as('limited'), '--group', 'forbidden', ...MODEL);
    assert.equal(ended.code, ExitCode.broker);
    assertOneLine(ended, /GROUP_AUTHORIZATION_FAILED: .*; give this user Describe and Read on the consumer group/);
  });

  await t.test('a group that may not be used fails', async () => {
    const report = await check([...as('limited'), '--group', 'forbidden']);
    assert.match(shown(report.of('rights')), /fail this user may not find group forbidden/);
    assert.match(shown(report.of('group')), /fail this user may not see group forbidden give it Read/);
  });

  await t.test('a user without rights is told so', async () => {
    assert.match(shown((await check(as('stranger'))).of('topics')), /fail this user may not see topic/);
  });

  await t.test('a wrong password is told, and shown nowhere', async () => {
    const wrong = join(folder, 'wrong');
    writeFileSync(wrong, 'open barley');
    const report = await check(as('limited', wrong));
    assert.match(
      shown(report.of('brokers')),
      /fail .*authentication failed.*kafka\.sasl\.username, the password file/i,
    );
    assert.doesNotMatch(JSON.stringify(report.findings), /open barley|open sesame/);
  });

  await t.test('a login that is missing, or not wanted, is told', async () => {
    const without = await check(['--brokers', broker.listeners.LOGIN ?? '', ...flagsOf(topics)]);
    assert.match(shown(without.of('brokers')), /fail .*Closed connection.*a login \(kafka\.sasl\)/);
    const unwanted = await check([...as('limited'), '--brokers', broker.bootstrap]);
    assert.match(shown(unwanted.of('brokers')), /fail .*the listener wants no login/);
  });

  await t.test('TLS trouble is told by name', { skip: certificate ? false : 'no openssl' }, async () => {
    const secure = ['--brokers', broker.listeners.SECURE ?? '', ...flagsOf(topics)];
    const brokers = async (...flags: string[]) => {
      const sets = flags.flatMap(flag => ['--set', `kafka.tls.${flag}`]);
      return shown((await check([...secure, ...sets])).of('brokers'));
    };
    assert.match(await brokers(), /fail .*the listener speaks TLS\) set kafka\.tls\.enabled to true/);
    assert.match(await brokers('enabled=true'), /fail .*self-signed certificate.*\) set kafka\.tls\.caFile/);
    const ca = `caFile=${certificate?.ca}`;
    assert.match(await brokers('enabled=true', ca), /fail .*altnames.* set kafka\.tls\.serverName/);
    assert.match(await brokers('enabled=true', ca, 'serverName=localhost'), /^ok cluster .*; TLS, no login/);
  });
});

/** Kafka's numbers, as kafkajs takes them. */
const [TOPIC, GROUP, TRANSACTIONAL_ID] = [2, 3, 5];
const [LITERAL, PREFIXED] = [3, 4];
const [READING, WRITE, DESCRIBE] = [3, 4, 8];
const READ = [
  [TOPIC, READING],
  [GROUP, READING],
] as const;

async function allow(
  broker: TestBroker,
  rights: ReadonlyArray<readonly [type: number, operation: number, name: string]>,
  resourcePatternType = LITERAL,
) {
  const admin = broker.kafka().admin();
  await admin.connect();
  await admin.createAcls({
    acl: rights.map(([resourceType, operation, resourceName]) => ({
      ...{ resourceType, operation, resourceName, resourcePatternType },
      ...{ principal: 'User:limited', host: '*', permissionType: 3 },
    })),
  });
  await admin.disconnect();
}

/** A certificate for `localhost`, as its own authority; undefined without openssl. */
function selfSigned(folder: string): { readonly ca: string; readonly keystore: string } | undefined {
  const [key, ca, keystore] = ['key.pem', 'ca.pem', 'keystore.pem'].map(name => join(folder, name));
  if (!key || !ca || !keystore) return undefined;
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2'];
  try {
    const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', ca, ...subject];
    execFileSync('openssl', args, { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  writeFileSync(keystore, readFileSync(key, 'utf8') + readFileSync(ca, 'utf8'));
  return { ca, keystore };
}
