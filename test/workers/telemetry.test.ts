import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fixtureModel } from '../support/models.js';

/** ONNX Runtime 1.30 looks up a telemetry host and writes under $HOME and the temporary folder unless it is told not to. */
const home = mkdtempSync(join(tmpdir(), 'siftline-home-'));
after(() => rmSync(home, { recursive: true }));
const strace = spawnSync('strace', ['-V']).error ? 'strace is not installed' : false;

function openPool(prefix: readonly string[] = []): void {
  const { ORT_DISABLE_TELEMETRY, ...env } = process.env;
  const [command = '', ...args] = [
    ...prefix,
    process.execPath,
    'build/test/support/open-pool.js',
    fixtureModel('bert-single'),
  ];
  const { stdout, stderr, status } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...env, HOME: home, TMPDIR: home },
  });
  assert.equal(status, 0, stderr);
  assert.equal(stdout.trim(), 'answers');
}

test('inference leaves no file behind', () => {
  const before = readdirSync('/tmp').filter(name => name.startsWith('mat-debug'));
  openPool();
  assert.deepEqual(readdirSync(home, { recursive: true }), []);
  assert.deepEqual(
    readdirSync('/tmp').filter(name => name.startsWith('mat-debug') && !before.includes(name)),
    [],
  );
});

test('inference opens no connection, asks no name server and touches no telemetry store', { skip: strace }, () => {
  const log = join(home, 'strace.log');
  openPool(['strace', '-f', '-e', 'trace=%network,openat', '-o', log]);
  const calls = readFileSync(log, 'utf8').split('\n');
  assert.ok(calls.length > 100, 'strace saw nothing');
  const outward = /AF_INET|htons\(53\)|resolv\.conf|nsswitch|\/etc\/hosts|mat-debug|onnxruntime\.db/;
  assert.deepEqual(
    calls.filter(line => outward.test(line)),
    [],
  );
});
