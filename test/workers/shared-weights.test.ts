import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
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

for (const [file, what, spoil] of [
  ['weights.bin', 'zeros in place of the weights', bytes => bytes.fill(0)],
  [
    'weights.bin',
    'weights with one bit turned over',
    bytes => bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1),
  ],
  ['model.onnx', 'another graph of the same size', bytes => bytes.fill(0x5a)],
  ['sizes.json', 'a seal that is cut short', bytes => bytes.subarray(0, bytes.length >> 1)],
  [
    'sizes.json',
    'a seal with other hashes',
    bytes => Buffer.from(bytes.toString().replaceAll(/[0-9a-f]{64}/g, 'a'.repeat(64))),
  ],
  [
    'sizes.json',
    'a seal with sizes alone',
    bytes =>
      Buffer.from(
        JSON.stringify(
          bytes
            .toString()
            .match(/(?<=,)\d+/g)
            ?.map(Number),
        ),
      ),
  ],
] as ReadonlyArray<readonly [string, string, (bytes: Buffer) => unknown]>) {
  test(`${what}: laid out again at the start, and all threads share them`, async t => {
    let good: Buffer = Buffer.alloc(0);
    let place = '';
    const { pool, said, left } = await openOver(t, folder => {
      place = folder;
      good = readFileSync(join(place, file));
      const bytes = Buffer.from(good);
      const spoilt = spoil(bytes);
      rmSync(join(place, file));
      writeFileSync(join(place, file), Buffer.isBuffer(spoilt) ? spoilt : bytes);
    });
    assert.deepEqual(said, []);
    assert.deepEqual(left, [basename(place)]);
    assert.ok(readFileSync(join(place, file)).equals(good));
    const modes = [place, ...readdirSync(place).map(name => join(place, name))].map(
      each => statSync(each).mode & 0o777,
    );
    assert.deepEqual(modes, [0o700, 0o400, 0o400, 0o400]);
    const reply = await pool.run({ kind: 'classify', texts: ['a calm day at the harbour'] });
    assert.equal(reply.kind, 'answers');
  });
}
