import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { startBroker } from '../../src/local-broker/broker.js';
import { propertiesFile, serverProperties } from '../../src/local-broker/broker-properties.js';
import { KAFKA_VERSION, kafkaJars } from '../../src/local-broker/java-setup.js';
import { notRoot } from '../support/small-disk.js';
import { withCommands } from './fake-commands.js';

const posix = { skip: process.platform === 'win32' && 'the fake commands are shell scripts' };
const JAVA_17 = `echo 'openjdk version "17.0.1"' >&2`;
/** Takes -DoutputDirectory=... as the plugin does, and a moment. */
const MAVEN = `
case "$*" in *--version*) exit 0;; esac
for arg; do case "$arg" in -DoutputDirectory=*) out="\${arg#*=}";; esac; done
/bin/mkdir -p "$out"; /bin/sleep 0.2; echo "$*" > "$out/kafka.jar"`;
const MAVEN_OFFLINE = `
case "$*" in *--version*) exit 0;; esac
echo '[INFO] Scanning'; echo '[ERROR] Could not transfer artifact kafka'; exit 1`;

async function scratch(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'jars-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

describe('the jars of Kafka', posix, () => {
  test('are fetched once, also when several processes ask at the same time', async t => {
    const folder = await scratch(t);
    const cache = join(folder, 'not', 'yet', 'kafka');
    const lines: string[] = [];
    const ask = () => kafkaJars(line => lines.push(line), { cacheDir: cache });
    const answers = await withCommands(t, { mvn: MAVEN }, () => Promise.all([ask(), ask(), ask()]));

    assert.deepEqual(answers, Array(3).fill({ classpath: join(cache, 'libs', '*') }));
    assert.deepEqual(await readdir(join(folder, 'not', 'yet')), ['kafka'], 'no half download stays');
    assert.match(
      await readFile(join(cache, 'libs', 'kafka.jar'), 'utf8'),
      new RegExp(`-Dkafka.version=${KAFKA_VERSION}`),
    );

    lines.length = 0;
    await withCommands(t, {}, ask);
    assert.deepEqual(lines, [], 'the second time needs no Maven');
  });

  test('of another user, or where all can put theirs, are not run', { skip: notRoot }, async t => {
    for (const spoil of [(path: string) => chownSync(path, 54_321, 54_321), (path: string) => chmodSync(path, 0o777)]) {
      for (const spoilt of ['', 'kafka', 'kafka/libs']) {
        const folder = await scratch(t);
        mkdirSync(join(folder, 'kafka/libs'), { recursive: true });
        const ask = () => withCommands(t, {}, () => kafkaJars(() => {}, { cacheDir: join(folder, 'kafka') }));
        assert.ok('classpath' in (await ask()));
        spoil(join(folder, spoilt));
        const answer = await ask();
        assert.match('missing' in answer ? answer.missing : '', /belongs to another user|can be written by others/);
      }
    }
  });

  test('are those of the version that is asked for, in a folder of their own', async t => {
    const home = await scratch(t);
    await withCommands(t, { mvn: MAVEN }, async () => {
      const cacheDir = join(home, 'kafka');
      const answer = await kafkaJars(() => {}, { cacheDir, version: '3.9.2' });
      assert.deepEqual(answer, { classpath: join(cacheDir, 'libs', '*') });
      assert.match(await readFile(join(cacheDir, 'libs', 'kafka.jar'), 'utf8'), /-Dkafka\.version=3\.9\.2 /);
    });
  });

  test('are missing with a reason when Maven cannot fetch them', async t => {
    const folder = await scratch(t);
    const answer = await withCommands(t, { mvn: MAVEN_OFFLINE }, () =>
      kafkaJars(() => {}, { cacheDir: join(folder, 'kafka') }),
    );
    assert.match('missing' in answer ? answer.missing : '', /\[ERROR\] Could not transfer artifact kafka/);
    assert.deepEqual(await readdir(folder), []);
  });
});

describe('without a broker to be had', posix, () => {
  const nowhere: Array<[string, Record<string, string>, RegExp]> = [
    [
      'Java and Docker',
      {},
      /missing: Java 17 or later \(`java -version` does not run\); Docker \(`docker version` finds no engine\)/,
    ],
    ['Maven and Docker', { java: JAVA_17 }, /missing: Maven, which fetches .*; Docker/],
    [
      'Java and the image',
      { docker: '[ "$1" = version ]' },
      /missing: Java 17 or later .*; image apache\/kafka:\S+ in Docker/,
    ],
  ];
  for (const [what, commands, message] of nowhere) {
    test(`says that ${what} were looked for`, async t => {
      const cacheDir = join(await scratch(t), 'kafka');
      const starting = withCommands(t, commands, () => startBroker({ log: () => {}, cacheDir }));
      await assert.rejects(starting, { code: 'BROKER_UNAVAILABLE', exitCode: 5, message });
    });
  }
});

test('a version of Kafka that is asked for is never taken from an image of another version', posix, async t => {
  const cacheDir = join(await scratch(t), 'kafka');
  const commands = { java: JAVA_17, mvn: MAVEN_OFFLINE, docker: '[ "$1" != run ]' };
  const options = { log: () => {}, cacheDir, kafkaVersion: '3.9.2' };
  const starting = withCommands(t, commands, () => startBroker(options));
  await assert.rejects(starting, {
    code: 'BROKER_UNAVAILABLE',
    message: /\[ERROR\].*; Docker \(which provides neither/,
  });
});

test('server.properties has every listener in all three places, and escapes backslashes', () => {
  const properties = serverProperties({
    bindHost: '',
    port: 1,
    controllerPort: 2,
    dataDir: 'C:\\data',
    extra: [{ name: 'SECURE', protocol: 'SASL_SSL', port: 3 }],
  });
  assert.equal(properties.listeners, 'PLAINTEXT://:1,SECURE://:3,CONTROLLER://:2');
  assert.equal(properties['advertised.listeners'], 'PLAINTEXT://127.0.0.1:1,SECURE://127.0.0.1:3');
  assert.equal(
    properties['listener.security.protocol.map'],
    'PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT',
  );
  assert.match(propertiesFile(properties), /^log\.dirs=C:\\\\data$/m);
});
