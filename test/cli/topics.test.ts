import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addTopics } from '../../src/cli/topics.js';
import { ExitCode, SiftlineError } from '../../src/errors.js';
import { runCommand } from './in-process.js';

async function refusal(...argv: string[]): Promise<SiftlineError> {
  const { error, stdout } = await runCommand(addTopics, ['topics', ...argv]);
  assert.ok(error instanceof SiftlineError, `ended with ${error}`);
  assert.equal(stdout, '');
  return error;
}

test('without brokers there is nothing to ask', async () => {
  const { code, exitCode, message } = await refusal();
  assert.deepEqual([code, exitCode], ['CONFIG_INVALID', ExitCode.config]);
  assert.match(message, /--brokers host:9092/);
});

test('brokers that are all away end it at once, each with its reason', async () => {
  const started = performance.now();
  const { code, exitCode, message } = await refusal('--brokers', '127.0.0.1:1,no.such.invalid:9092');
  assert.deepEqual([code, exitCode], ['BROKER_UNREACHABLE', ExitCode.broker]);
  assert.match(message, /127\.0\.0\.1:1 \(.*ECONNREFUSED.*\), no\.such\.invalid:9092 \(.*ENOTFOUND/);
  assert.match(message, /; correct kafka\.brokers, or start the brokers$/);
  assert.ok(performance.now() - started < 10_000);
});

for (const argv of [
  ['--partitions', '0'],
  ['--partitions', '1.5'],
  ['--replication-factor', 'three'],
]) {
  test(`${argv.join(' ')} is refused as no number of that kind`, async () => {
    const { error } = await runCommand(addTopics, ['topics', '--brokers', '127.0.0.1:1', ...argv]);
    assert.match(String(error), /give a whole number from 1/);
  });
}
