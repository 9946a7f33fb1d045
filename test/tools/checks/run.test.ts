import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadConfig } from '../../../src/config/load.js';
import { checkConfig, checkFiles } from '../../../src/tools/checks/run.js';
import { configOf, statuses, words } from './support.js';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'siftline-check-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

test('settings that were given are shown with where they came from, defaults are not', () => {
  const loaded = loadConfig({ env: { SIFTLINE_WORKERS__COUNT: '2' }, flags: { 'input.group': 'mine' } });
  const [finding] = checkConfig(loaded);
  assert.deepEqual(finding?.details, [
    'input.group = "mine"  (flag)',
    'workers.count = 2  (env SIFTLINE_WORKERS__COUNT)',
  ]);
  assert.match(finding?.text ?? '', /2 settings given/);
});

test('neither the path of a secret nor the secret is shown', t => {
  const path = join(folder(t), 'token-path');
  writeFileSync(path, 'hunter2\n');
  const flags = { 'registry.url': 'http://r', 'registry.bearerTokenFile': path };
  const loaded = loadConfig({ env: {}, flags });
  const shown = [...checkConfig(loaded), ...checkFiles(loaded.config)].map(words).join('\n');
  assert.match(shown, /bearerTokenFile = "\(set, not shown\)"/);
  assert.doesNotMatch(shown, /hunter2|token-path/);
});

test('files that are there and in order are one finding, and no files are none', t => {
  const path = join(folder(t), 'ca.pem');
  writeFileSync(path, '-----BEGIN CERTIFICATE-----\n');
  const tls = { 'kafka.tls.enabled': 'true', 'kafka.tls.caFile': path };
  assert.deepEqual(statuses(checkFiles(configOf(tls))), ['ok']);
  assert.deepEqual(checkFiles(configOf()), []);
});

test('a certificate that is missing or not PEM, and an empty secret, fail by field', t => {
  const path = folder(t);
  writeFileSync(join(path, 'ca.der'), '\x30\x82');
  writeFileSync(join(path, 'empty'), '');
  const findings = checkFiles(
    configOf({
      'kafka.tls.enabled': 'true',
      'kafka.tls.caFile': join(path, 'ca.der'),
      'kafka.tls.certFile': join(path, 'missing'),
      'kafka.tls.keyFile': join(path, 'missing'),
      'registry.url': 'http://r',
      'registry.bearerTokenFile': join(path, 'empty'),
    }),
  );
  assert.deepEqual(statuses(findings), ['fail', 'fail', 'fail', 'fail']);
  assert.match(findings[0]?.text ?? '', /kafka\.tls\.caFile: .*ca\.der is not a PEM file/);
  assert.match(findings[1]?.text ?? '', /kafka\.tls\.certFile: ENOENT/);
  assert.match(findings[3]?.text ?? '', /registry\.bearerTokenFile: .*empty/);
});
