import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readModelFolder } from '../../src/model/folder.js';
import { shareWeights } from '../../src/model/shared-weights.js';
import { WorkerPool } from '../../src/workers/pool.js';
import { shippedModel } from '../support/models.js';

/** A pool over weights of english-small that were laid out and then spoilt, and what it said of them. */
async function openOver(t: TestContext, spoil: (place: string) => void) {
  const path = mkdtempSync(join(tmpdir(), 'siftline-spoilt-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  const weightsFolder = { path, configured: true };
  const folder = await readModelFolder({ path: shippedModel('english-small'), maxTokens: 128, verify: false });
  assert.equal(await shareWeights(folder, weightsFolder), undefined);
  spoil(join(path, readdirSync(path)[0] ?? ''));
  const said: string[] = [];
  const pool = new WorkerPool({
    setup: { folder, runTokens: 512, verify: true, weightsFolder },
    threads: 2,
    startTimeoutMs: 120_000,
    onUnshared: why => said.push(why),
    onDoubt: why => said.push(why),
  });
  t.after(() => pool.close());
  await pool.open();
  return { pool, said, left: readdirSync(path) };
}

for (const [file, what] of [
  ['weights.bin', 'weights'],
  ['model.onnx', 'a graph'],
] as const) {
  test(`${what} laid out for all threads and damaged since is removed, and the model's own file answers`, async t => {
    const { pool, said, left } = await openOver(t, place => {
      const { size } = statSync(join(place, file));
      writeFileSync(join(place, file), Buffer.alloc(size, 0x5a));
    });
    assert.equal(said.length, 1);
    assert.match(said[0] ?? '', /english-small-\w+: the weights there were damaged and have been removed/);
    assert.deepEqual(left, []);
    const reply = await pool.run({ kind: 'classify', texts: ['a calm day at the harbour'] });
    assert.equal(reply.kind, 'answers');
  });
}
