import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { listFields } from '../../src/config/fields.js';
import { readSecret, redacted } from '../../src/config/secrets.js';
import { failure, load } from './support.js';

const SECRET = 'hunter2';

function withFile(content: string, use: (path: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-secret-'));
  try {
    writeFileSync(join(folder, 'secret'), content);
    use(join(folder, 'secret'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('the fields that lead to secrets are known as such', () => {
  const secret = listFields().filter(field => field.secret);
  assert.deepEqual(
    secret.map(({ path }) => path),
    [
      'kafka.tls.keyFile',
      'kafka.sasl.passwordFile',
      'kafka.sasl.tokenFile',
      'registry.passwordFile',
      'registry.bearerTokenFile',
    ],
  );
});

test('a secret in the wrong place is turned down and printed nowhere', () => {
  const places = [
    { yaml: `kafka: { sasl: { password: ${SECRET} } }` },
    { yaml: `kafka: { sasl: { passwordFile: ${SECRET} } }` },
    { yaml: `kafka: { sasl: { passwordFile: [${SECRET}] } }` },
    { yaml: `kafka: { brokers: ["user:${SECRET}@kafka:9092"] }` },
    { yaml: `registry: { url: "https://user:${SECRET}@registry" }` },
    { yaml: `registry: { passwordFile: "x\\${SECRET}" }` },
    { yaml: `registry: { passwordFile: *${SECRET} }` },
    { yaml: `registry: { passwordFile: !${SECRET} x }` },
    { yaml: `registry:\n  passwordFile: |${SECRET}\n    x\n` },
    { yaml: `registry: { passwordFile: "x" ${SECRET} }` },
    { yaml: `registry:\n- x\n: ${SECRET}\n` },
    { env: { SIFTLINE_KAFKA__SASL__PASSWORD: SECRET } },
    { env: { SIFTLINE_REGISTRY__BEARER_TOKEN_FILE: SECRET } },
    { env: { SIFTLINE_KAFKA__TLS__KEY_FILE: `-----BEGIN PRIVATE KEY-----\n${SECRET}\n` } },
    { flags: { 'registry.url': `ftp://user:${SECRET}@registry` } },
    { flags: { 'registry.password': SECRET } },
  ];
  for (const place of places) {
    assert.doesNotMatch(failure(place).message, new RegExp(SECRET), JSON.stringify(place));
  }
});

test('a printed configuration says of a secret field that it is set, and of no other', () => {
  const flags = { 'registry.url': 'https://r', 'registry.bearerTokenFile': '/run/token' };
  const { config } = load({ flags });
  const shown = redacted(config);
  assert.doesNotMatch(JSON.stringify(shown), /run\/token/);
  assert.deepEqual(shown, { ...config, registry: { ...config.registry, bearerTokenFile: '(set, not shown)' } });
});

test('a secret is the content of its file without one newline at the end', () => {
  withFile(`${SECRET}\n`, path => assert.equal(readSecret(path, 'f'), SECRET));
  withFile(`${SECRET}\r\n`, path => assert.equal(readSecret(path, 'f'), SECRET));
  withFile(` ${SECRET} \n\n`, path => assert.equal(readSecret(path, 'f'), ` ${SECRET} \n`));
});

test('a secret that cannot be read, or is empty, is told by field and path', () => {
  const code = 'CONFIG_SECRET_UNREADABLE';
  assert.throws(() => readSecret('/nowhere/secret', 'kafka.sasl.passwordFile'), {
    code,
    exitCode: 3,
    message: /^kafka\.sasl\.passwordFile: .*"\/nowhere\/secret".*ENOENT/,
  });
  withFile('\n', path => assert.throws(() => readSecret(path, 'f'), { code, message: /the file is empty/ }));
});
