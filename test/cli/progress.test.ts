import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { Progress } from '../../src/cli/progress.js';
import { labelled, recordAt, rejectedOutcome, skippedOutcome } from '../support/memory-records.js';

const OUTCOMES = [
  labelled(recordAt(0, 0)),
  labelled(recordAt(0, 1)),
  rejectedOutcome(recordAt(0, 2)),
  skippedOutcome(recordAt(0, 3)),
];

/** The bar is drawn five times a second. */
function nextFrame(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 300));
}

function progressOn(options: { isTTY: boolean; draw: boolean; totalBytes?: number }) {
  const stderr = Object.assign(new PassThrough(), { isTTY: options.isTTY, columns: 120 });
  const progress = new Progress({ stderr, totalBytes: options.totalBytes, draw: options.draw });
  return { progress, written: () => String(stderr.read() ?? '') };
}

test('the end is one line: records, labelled, rejected by reason, texts per second', () => {
  const { progress, written } = progressOn({ isTTY: false, draw: false });
  progress.start();
  progress.stored(OUTCOMES, 10);
  progress.stored([rejectedOutcome(recordAt(0, 4))], 10);
  assert.equal(written(), '');
  progress.end('');
  assert.match(written(), /^siftline: 4 records, 2 labelled, 2 rejected \(TEXT_EMPTY 2\), \d+ texts\/s\n$/);
});

test('without records the end is told too', () => {
  const { progress, written } = progressOn({ isTTY: false, draw: false });
  progress.start();
  progress.end(', stopped');
  assert.equal(written(), 'siftline: 0 records, 0 labelled, 0 rejected, 0 texts/s, stopped\n');
});

test('a bar shows how far it is and how long it will take, and goes away', async () => {
  const { progress, written } = progressOn({ isTTY: true, draw: true, totalBytes: 200 });
  progress.start();
  progress.stored(OUTCOMES, 50);
  await nextFrame();
  const drawn = written();
  assert.match(drawn, /25% 3 records, \d+ texts\/s, \d+ s left/);
  progress.end('');
  assert.match(written(), /siftline: 3 records/);
});

test('where the size is not known it counts without a bar', async () => {
  const { progress, written } = progressOn({ isTTY: true, draw: true });
  progress.start();
  progress.stored(OUTCOMES, 50);
  await nextFrame();
  const drawn = written();
  assert.match(drawn, /3 records, \d+ texts\/s/);
  assert.doesNotMatch(drawn, /%|left|NaN|---/);
  progress.end('');
});
