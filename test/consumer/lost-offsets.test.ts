import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goOnAfter, offsetLost } from '../../src/consumer/held-partitions.js';
import { ExitCode } from '../../src/errors.js';

const PASSED = { topic: 'texts', partition: 3, wanted: 5n, low: 20n, high: 30n };
const ANEW = { ...PASSED, wanted: 100n, low: 2n };

test('after retention, what was deleted is skipped, and with latest what is there as well', () => {
  assert.deepEqual(goOnAfter(PASSED, 'earliest'), { from: 20n, skipped: 15n });
  assert.deepEqual(goOnAfter(PASSED, 'latest'), { from: 30n, skipped: 25n });
});

test('in a topic made anew, earliest skips nothing that can be known, latest what is there', () => {
  assert.deepEqual(goOnAfter(ANEW, 'earliest'), { from: 2n, skipped: 0n });
  assert.deepEqual(goOnAfter(ANEW, 'latest'), { from: 30n, skipped: 28n });
});

test('the error names partition, offset, range and both ways out', () => {
  const { code, exitCode, message } = offsetLost(PASSED, 'team-a');
  assert.deepEqual([code, exitCode], ['OFFSET_LOST', ExitCode.topic]);
  assert.match(
    message,
    /^texts, partition 3: offset 5 is next for group team-a, but the partition holds only 20 to 30: /,
  );
  assert.match(message, /retention has deleted 15 offsets.*set input\.onLostOffsets to earliest or latest/);
  assert.match(message, /kafka-consumer-groups\.sh --group team-a --topic texts:3 --reset-offsets --to-earliest/);
  assert.match(
    offsetLost(ANEW, 'team-a').message,
    /offset 100 .* only 2 to 30: the topic was deleted and created again/,
  );
});
