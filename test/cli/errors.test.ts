import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ExitCode } from '../../src/errors.js';
import { FakeRegistry } from '../support/fake-registry.js';
import { fixtureModel } from '../support/models.js';
import { assertOneLine, siftline } from './process.js';

/*
 * The program as a user meets it: a process of its own, a mistake on its command line, and what is to be read then. The
 * messages that need a broker are in test/integration.
 */

const GOOD = ['--model', fixtureModel('bert-two-tasks'), '--set', 'metrics.port=0'];

test('an unknown command is told, with the one that was meant', async () => {
  const ended = await siftline('chek');
  assert.equal(ended.code, ExitCode.usage);
  assert.match(ended.said, /unknown command 'chek'\n\(Did you mean check\?\)\n\(see --help\)/);
});

test('a reader that goes away in the middle, as head does, is no error', async () => {
  const child = spawn(process.execPath, ['dist/main.js', 'audit', '--help'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  let said = '';
  child.stderr.setEncoding('utf8').on('data', chunk => {
    said += chunk;
  });
  const [code] = await once(child, 'close');
  assert.equal(said, '');
  assert.equal(code, ExitCode.ok);
});

const noFullDevice = process.platform !== 'linux' && 'there is no /dev/full';
for (const argv of [
  ['models', 'list', '--json'],
  ['audit', '--help'],
  ['classify', 'examples/demo/texts.jsonl', ...GOOD],
]) {
  test(`${argv[0]} ${argv[1]} on a standard output that is full says so in one line`, {
    skip: noFullDevice,
  }, async () => {
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, ['dist/main.js', ...argv], { stdio: ['ignore', full, 'pipe'] });
    closeSync(full);
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', chunk => {
      said += chunk;
    });
    const [code] = await once(child, 'close');
    const line = /^siftline: OUTPUT_UNWRITABLE: standard output: cannot be written: ENOSPC: no space left on device/;
    assertOneLine({ said }, line);
    assert.equal(code, ExitCode.usage);
  });
}

test('an unknown option is told, with the one that was meant', async () => {
  const ended = await siftline('run', '--workes', '2');
  assert.equal(ended.code, ExitCode.usage);
  assert.match(ended.said, /unknown option '--workes'\n\(Did you mean --workers\?\)/);
});

test('--set without a value is told how to be written', async () => {
  const ended = await siftline('run', '--set', 'workers.count');
  assert.equal(ended.code, ExitCode.usage);
  assert.match(ended.said, /write it as field=value, such as workers\.count=2/);
});

test('a wrong value is told with its field, what is allowed, and where it was given', async () => {
  const ended = await siftline('run', '--workers', 'two');
  assert.equal(ended.code, ExitCode.config);
  assert.match(
    ended.said,
    /CONFIG_INVALID: 1 problem .*\n {2}workers\.count: "two" .*whole number from 1 to 256 \(flag\)/,
  );
});

test('a configuration file that is not there is told by its name', async () => {
  const ended = await siftline('run', '--config', 'nope.yaml');
  assert.equal(ended.code, ExitCode.config);
  assertOneLine(ended, /CONFIG_UNREADABLE: .*"nope\.yaml": there is no such file; check the path/);
});

test('a mistake in the configuration file is told by line and column', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-errors-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'siftline.yaml');
  writeFileSync(file, 'kafka:\n  broker: [localhost:9092]\n');
  const ended = await siftline('run', '--config', file);
  assert.equal(ended.code, ExitCode.config);
  assert.match(ended.said, /kafka\.broker: is not a field; did you mean kafka\.brokers\? \(.*siftline\.yaml:2:3\)/);
});

test('a run without brokers is told the three ways to give them', async () => {
  const ended = await siftline('run');
  assert.equal(ended.code, ExitCode.config);
  assert.match(ended.said, /kafka\.brokers: is empty.*--brokers host:9092.*file.*SIFTLINE_KAFKA__BROKERS=/);
});

test('a run on a closed port ends within half a minute, with the address and the way out', async () => {
  const ended = await siftline('run', '--brokers', '127.0.0.1:1', ...GOOD);
  assert.equal(ended.code, ExitCode.broker);
  assertOneLine(
    ended,
    /BROKER_UNREACHABLE: no broker of 127\.0\.0\.1:1 answers .*; nothing listens there: start the broker/,
  );
  assert.ok(ended.ms < 30_000, `took ${ended.ms} ms`);
});

test('a check on a closed port says so at once, in its report and in its last line', async () => {
  const ended = await siftline('check', '--brokers', '127.0.0.1:1', ...GOOD);
  assert.equal(ended.code, ExitCode.check);
  assert.match(ended.stdout, /^FAIL {2}brokers .*127\.0\.0\.1:1/m);
  assertOneLine(ended, /CHECK_FAILED: not ready to start \(.*1 failed/);
  assert.ok(ended.ms < 15_000, `took ${ended.ms} ms`);
});

test('a model that is not there is told with what would do', async () => {
  const ended = await siftline('run', '--brokers', '127.0.0.1:1', '--model', 'nope');
  assert.equal(ended.code, ExitCode.model);
  assertOneLine(ended, /MODEL_MISSING: model\.path: "nope" .*; give a folder .*, or one of .*english/);
});

test('a graph that cannot be loaded is told by its file', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-errors-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'config.json'), '{}');
  const ended = await siftline('run', '--brokers', '127.0.0.1:1', '--model', folder, '--set', 'metrics.port=0');
  assert.equal(ended.code, ExitCode.model);
  assertOneLine(ended, /MODEL_INCOMPLETE: .*no ONNX graph .*; put model\.onnx there/);
});

test('a task the model does not have is told with the ones it has', async () => {
  const ended = await siftline('run', '--brokers', '127.0.0.1:1', ...GOOD, '--tasks', 'spam');
  assert.equal(ended.code, ExitCode.model);
  assertOneLine(ended, /MODEL_TASK_UNKNOWN: .*has no spam; choose from moderation, topic/);
});

test('a registry that is down fails a check by its address', async t => {
  const registry = await FakeRegistry.start();
  t.after(() => registry.close());
  registry.down = true;
  const flags = ['--set', `registry.url=${registry.url}`, '--set', 'registry.retries=0'];
  const ended = await siftline('check', '--brokers', '127.0.0.1:1', ...flags, ...GOOD);
  assert.equal(ended.code, ExitCode.check);
  assert.match(ended.stdout, /^FAIL {2}registry .*http:\/\/127\.0\.0\.1:\d+, asked for .*\n +-> try again/m);
});
