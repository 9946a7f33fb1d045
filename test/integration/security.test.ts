import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExitCode } from '../../src/errors.js';
import { assertOneLine, type Ended, siftline } from '../cli/process.js';
import { Authority, type Certificate, noOpenssl } from '../support/certificates.js';
import { Instance } from '../support/instance.js';
import { eventually, freshBroker, type TestBroker, uniqueName } from '../support/kafka.js';
import { fixtureModel } from '../support/models.js';
import { headerOf, type StageTopics, stageFields } from '../support/outputs.js';
import { changePassword } from '../support/scram.js';

const MODEL = fixtureModel('bert-two-tasks');
const MODULES = 'org.apache.kafka.common.security';
const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'] as const;

type Fields = Readonly<Record<string, string>>;

interface Place {
  readonly folder: string;
  readonly authority: Authority;
  readonly stranger: Authority;
  readonly client: Certificate;
  readonly expired: Certificate;
  /** What the broker trusts; it may be changed while the broker is down. */
  readonly trusted: string;
  /** A file in the folder with this content. */
  file(name: string, content: string): string;
}

function makePlace(t: TestContext): Place {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-security-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const authority = new Authority(folder, 'authority');
  const trusted = join(folder, 'trusted.pem');
  copyFileSync(authority.ca, trusted);
  return {
    ...{ folder, authority, trusted },
    stranger: new Authority(folder, 'stranger'),
    client: authority.issue('client'),
    expired: authority.issue('expired', -1),
    file: (name, content) => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    },
  };
}

/** One broker, one address for each way in: a client certificate, a login over TLS, and one whose certificate is past. */
function startSecureBroker(t: TestContext, { authority, expired, trusted }: Place) {
  const { keystore } = authority.issue('broker');
  const tls = (listener: string, file: string) => ({
    [`listener.name.${listener}.ssl.keystore.type`]: 'PEM',
    [`listener.name.${listener}.ssl.keystore.location`]: file,
  });
  const jaas = (listener: string, mechanism: string, module: string) => ({
    [`listener.name.${listener}.${mechanism}.sasl.jaas.config`]: `${MODULES}.${module};`,
  });
  const token = 'oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker"';
  return freshBroker(t, {
    listeners: [
      { name: 'MUTUAL', protocol: 'SSL' },
      { name: 'LOGIN', protocol: 'SASL_SSL' },
      { name: 'RENEW', protocol: 'SASL_PLAINTEXT' },
      { name: 'PAST', protocol: 'SSL' },
    ],
    formatArgs: ['SHA-256', 'SHA-512'].flatMap(hash => [
      ...['--add-scram', `SCRAM-${hash}=[name=app,password=open-sesame]`],
    ]),
    properties: {
      ...tls('mutual', keystore),
      'listener.name.mutual.ssl.truststore.type': 'PEM',
      'listener.name.mutual.ssl.truststore.location': trusted,
      'listener.name.mutual.ssl.client.auth': 'required',
      ...tls('past', expired.keystore),
      ...tls('login', keystore),
      'listener.name.login.sasl.enabled.mechanisms': MECHANISMS.map(name => name.toUpperCase()).join(),
      ...jaas('login', 'plain', 'plain.PlainLoginModule required user_app="open-sesame"'),
      ...jaas('login', 'scram-sha-256', 'scram.ScramLoginModule required'),
      ...jaas('login', 'scram-sha-512', 'scram.ScramLoginModule required'),
      ...jaas('login', 'oauthbearer', token),
      'listener.name.renew.sasl.enabled.mechanisms': 'OAUTHBEARER',
      ...jaas('renew', 'oauthbearer', token),
      // Shorter than the ten seconds before the end from which kafkajs, left alone, would log in at every request.
      'listener.name.renew.oauthbearer.connections.max.reauth.ms': '5000',
    },
  });
}

/** A token as Kafka's validator for experiments takes it: a JWT without a signature. */
function token(lifeSeconds: number): string {
  const part = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  return `${part({ alg: 'none' })}.${part({ sub: 'app', iat: now - 7200, exp: now + lifeSeconds })}.`;
}

async function makeTopics(broker: TestBroker): Promise<StageTopics> {
  const id = uniqueName('secure');
  const topics = { input: id, labels: `${id}-labels`, rejected: `${id}-rejected`, metrics: `${id}-metrics` };
  await broker.createTopics(...Object.values(topics).map(topic => ({ topic, partitions: 2 })));
  return topics;
}

function produce(broker: TestBroker, topic: string, from: number, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, i) => from + i);
  return broker.produce(
    topic,
    numbers.map(n => ({ key: `${n}`, value: JSON.stringify({ text: `text ${n}` }) })),
  );
}

/** Waits for labels of this many records. */
function labelled(broker: TestBroker, { labels }: StageTopics, count: number): Promise<void> {
  return eventually(`${count} records have labels`, async () => {
    const ids = (await broker.readAll(labels)).map(record => headerOf(record, 'siftline.id'));
    return new Set(ids).size === count;
  });
}

function tryToRun(brokers: string, access: Fields): Promise<Ended> {
  const fields = Object.entries({ ...access, 'input.topics': 'x', 'metrics.port': '0' });
  const sets = fields.flatMap(([field, value]) => ['--set', `${field}=${value}`]);
  return siftline('run', '--brokers', brokers, '--model', MODEL, ...sets);
}

test('a broker with certificates and logins', { skip: noOpenssl() }, async t => {
  const place = makePlace(t);
  const { authority, stranger, client, expired, file } = place;
  const broker = await startSecureBroker(t, place);
  const address = (listener: string) => broker.listeners[listener] ?? '';
  const tls = { 'kafka.tls.enabled': 'true', 'kafka.tls.caFile': authority.ca };
  const mutual = (pair: Pick<Certificate, 'cert' | 'key'>): Fields => ({
    ...tls,
    'kafka.tls.certFile': pair.cert,
    'kafka.tls.keyFile': pair.key,
  });
  const password = file('password', 'open-sesame\n');
  const login = (mechanism: string, secret = mechanism === 'oauthbearer' ? file('token', token(3600)) : password) => ({
    ...tls,
    'kafka.sasl.mechanism': mechanism,
    ...(mechanism === 'oauthbearer'
      ? { 'kafka.sasl.tokenFile': secret }
      : { 'kafka.sasl.username': 'app', 'kafka.sasl.passwordFile': secret }),
  });
  const start = async (scope: TestContext, brokers: string, access: Fields) => {
    const topics = await makeTopics(broker);
    const set = { ...stageFields(topics, topics.input), ...access, 'workers.count': '1' };
    const instance = Instance.start(scope, { brokers, model: MODEL, set });
    await instance.event('assigned');
    return { topics, instance };
  };
  const works = async (scope: TestContext, brokers: string, access: Fields) => {
    const { topics, instance } = await start(scope, brokers, access);
    await produce(broker, topics.input, 0, 50);
    await labelled(broker, topics, 50);
    assert.equal(await instance.kill('SIGTERM'), 0);
  };

  await t.test('a client certificate opens the way to labels', async scope => {
    await works(scope, address('MUTUAL'), mutual(client));
  });
  for (const mechanism of MECHANISMS) {
    await t.test(`${mechanism} over TLS opens the way to labels`, async scope => {
      await works(scope, address('LOGIN'), login(mechanism));
    });
  }

  const failed = 'SASL_AUTHENTICATION_FAILED: Kafka refused: SASL .* authentication failed';
  const refusedLogin = new RegExp(`${failed}.*check kafka\\.sasl\\.username, the password file .*the token file`);
  const wrong = (mechanism: string) =>
    login(mechanism, file('wrong', mechanism === 'oauthbearer' ? token(-600) : 'open-barley'));
  const cases: ReadonlyArray<readonly [what: string, listener: string, access: Fields, line: RegExp]> = [
    ...MECHANISMS.map(each => [`${each} with a wrong secret`, 'LOGIN', wrong(each), refusedLogin] as const),
    [
      'an authority that did not sign',
      'MUTUAL',
      { ...mutual(client), 'kafka.tls.caFile': stranger.ca },
      /BROKER_UNREACHABLE.*; set kafka\.tls\.caFile to the PEM file/,
    ],
    ['no client certificate', 'MUTUAL', tls, /answers \([\w ]+\); the broker wants a client certificate: /],
    [
      "a stranger's client certificate",
      'MUTUAL',
      mutual(stranger.issue('nobody')),
      /answers \([\w ]+\); the broker refuses the client certificate: /,
    ],
    [
      'an expired client certificate',
      'MUTUAL',
      mutual(expired),
      /answers \([\w ]+\); the broker refuses the client certificate: it may have expired/,
    ],
    ['an expired broker certificate', 'PAST', tls, /BROKER_UNREACHABLE.*; renew the broker's certificate/],
    [
      'a key of another certificate',
      'MUTUAL',
      mutual({ cert: client.cert, key: expired.key }),
      /BROKER_UNREACHABLE.*; kafka\.tls\.certFile and keyFile do not belong together/,
    ],
  ];
  for (const [what, listener, access, line] of cases) {
    await t.test(`${what} ends the run with one line`, async () => {
      const ended = await tryToRun(address(listener), access);
      assertOneLine(ended, line);
      assert.equal(ended.code, ExitCode.broker);
      assert.doesNotMatch(ended.said, /open-barley|eyJ/);
    });
  }

  await t.test('a renewed token is used on the open connection, a refused one ends the stage', async scope => {
    const secret = file('renewed', token(3600));
    const { 'kafka.tls.enabled': _tls, 'kafka.tls.caFile': _ca, ...access } = login('oauthbearer', secret);
    const { topics, instance } = await start(scope, address('RENEW'), access);
    file('renewed', token(7200));
    for (let from = 0; from < 200; from += 20) {
      await produce(broker, topics.input, from, 20);
      await labelled(broker, topics, from + 20);
      await sleep(500);
    }
    assert.doesNotMatch(instance.stderr, /SASL state|publish_failed|consumer_lost/);
    file('renewed', token(-600));
    assert.equal(await instance.exited, ExitCode.broker);
    assert.match(instance.stderr, refusedLogin);
    assert.doesNotMatch(instance.stderr, /eyJ/);
  });

  await t.test('a new certificate and a new password are picked up without a restart', async scope => {
    const pair = { cert: join(place.folder, 'in-use.pem'), key: join(place.folder, 'in-use.key') };
    const install = (from: Certificate) => {
      copyFileSync(from.cert, pair.cert);
      copyFileSync(from.key, pair.key);
    };
    install(client);
    const secret = file('changing', 'open-sesame');
    const stages = [
      await start(scope, address('MUTUAL'), mutual(pair)),
      await start(scope, address('LOGIN'), login('scram-sha-256', secret)),
    ];
    for (const { topics } of stages) {
      await produce(broker, topics.input, 0, 200);
      await labelled(broker, topics, 200);
    }
    // From its restart on the broker trusts another authority: what was good before is refused.
    install(stranger.issue('successor'));
    copyFileSync(stranger.ca, place.trusted);
    await changePassword(broker.bootstrap, 'app', 'open-rye');
    file('changing', 'open-rye\n');
    await broker.restart();
    for (const { topics, instance } of stages) {
      await produce(broker, topics.input, 200, 200);
      await labelled(broker, topics, 400);
      assert.equal(await instance.kill('SIGTERM'), 0);
    }
    assertOneLine(await tryToRun(address('LOGIN'), login('scram-sha-256')), refusedLogin);
  });
});
