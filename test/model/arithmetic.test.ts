import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { arithmeticFor, cpuSaturates, probeGraph } from '../../src/model/arithmetic.js';
import { type ModelFolder, readModelFolder } from '../../src/model/folder.js';
import { Model } from '../../src/model/model.js';
import { Session } from '../../src/model/session.js';
import { shippedModel } from '../support/models.js';
import { type Int8Weight, int8WeightsOf, operatorsOf, withUnsignedWeights } from '../support/onnx.js';

const place = mkdtempSync(join(tmpdir(), 'siftline-arithmetic-'));
after(() => rmSync(place, { recursive: true }));

/** Comments and headlines that siftline ships for its demo. */
const TEXTS = readFileSync('examples/demo/texts.jsonl', 'utf8')
  .trim()
  .split('\n')
  .slice(0, 120)
  .map(line => (JSON.parse(line) as { text: string }).text);

async function scoresOf(folder: ModelFolder): Promise<Float64Array> {
  const model = await Model.open(folder);
  try {
    return (await model.classify(TEXTS, 512)).scores;
  } finally {
    await model.close();
  }
}

test('the probe is one product whose sums do not fit into 16 bits', () => {
  assert.deepEqual(operatorsOf(probeGraph()), ['MatMulInteger']);
  const [weight, ...others] = int8WeightsOf(probeGraph());
  assert.deepEqual([weight?.rows, weight?.columns, others.length], [4, 16, 0]);
  assert.ok(weight?.values.every(value => value === 127));
  assert.ok(2 * 255 * 127 > 2 ** 15 - 1);
});

test('a file that cannot saturate is computed natively on every CPU', async () => {
  assert.equal(await arithmeticFor({ saturates: false }), 'native');
  const here = (await cpuSaturates()) ? 'widened' : 'native';
  assert.equal(await arithmeticFor({}), here);
  assert.equal(await arithmeticFor({ saturates: true }), here);
});

describe('whatever the CPU, scores are those of exact arithmetic to the last bit', () => {
  for (const name of ['english', 'english-small', 'multilingual']) {
    test(name, async () => {
      const folder = await readModelFolder({ path: shippedModel(name), maxTokens: 128, verify: false });
      const onnxFile = join(place, `${name}.onnx`);
      writeFileSync(onnxFile, withUnsignedWeights(readFileSync(folder.onnxFile)));
      assert.deepEqual(int8WeightsOf(readFileSync(onnxFile)), []);
      assert.deepEqual(await scoresOf(folder), await scoresOf({ ...folder, onnxFile }));
    });
  }
});

test('the shipped weights have pairs that a clipping kernel would clip, so the tests above show something', async () => {
  const folder = await readModelFolder({ path: shippedModel('english-small'), maxTokens: 128, verify: false });
  const clipped = int8WeightsOf(readFileSync(folder.onnxFile)).reduce((sum, weight) => sum + clippingPairs(weight), 0);
  assert.ok(clipped > 1_000, `${clipped} pairs`);
});

test('a session says which arithmetic it computes with, and can be given another', async () => {
  const folder = await readModelFolder({ path: shippedModel('english-small'), maxTokens: 128, verify: false });
  for (const arithmetic of ['native', 'widened'] as const) {
    const session = await Session.open(folder, arithmetic);
    assert.equal(session.arithmetic, arithmetic);
    await session.close();
  }
});

/** Pairs of weights that meet neighbouring activations and exceed 16 bits at the largest of these, 255. */
function clippingPairs({ rows, columns, values }: Int8Weight): number {
  let count = 0;
  for (let row = 0; row + 1 < rows; row += 2) {
    for (let column = 0; column < columns; column++) {
      const sum = (values[row * columns + column] ?? 0) + (values[(row + 1) * columns + column] ?? 0);
      if (Math.abs(sum) > 128) count++;
    }
  }
  return count;
}
