import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { externalWeights } from '../../src/model/external-weights.js';
import { readModelFolder } from '../../src/model/folder.js';
import { Model } from '../../src/model/model.js';
import { ModelCopies, moveWeights } from '../support/model-copies.js';
import { fixtureModel, shippedModel } from '../support/models.js';

const TEXTS = ['a calm day at the harbour', 'what a dreadful film', 'rain '.repeat(90)];

const copies = new ModelCopies();
after(() => copies.remove());

/** A copy of bert-single with its weights beside the graph. */
function apart(location?: string): string {
  return copies.of(fixtureModel('bert-single'), path => moveWeights(path, location));
}

async function opened(path: string): Promise<Model> {
  return Model.open(await readModelFolder({ path, maxTokens: 64, verify: true }));
}

async function scoresOf(model: Model): Promise<Float64Array> {
  return (await model.classify(TEXTS, 512)).scores;
}

for (const location of ['model.onnx_data', 'weights.bin', 'parts/model.data']) {
  test(`weights in ${location} are found, read and give the scores of the graph that has them inside`, async t => {
    const path = apart(location);
    const file = join(path, 'model.onnx');
    assert.deepEqual(externalWeights(file), [location]);
    const models = [await opened(path), await opened(fixtureModel('bert-single'))] as const;
    t.after(() => Promise.all(models.map(model => model.close())));
    assert.deepEqual(await scoresOf(models[0]), await scoresOf(models[1]));
  });
}

test('a graph with its weights inside keeps none beside it', () => {
  for (const path of [fixtureModel('bert-single'), shippedModel('english')]) {
    assert.deepEqual(externalWeights(join(path, 'model.onnx')), []);
  }
});

test('a file that is no graph keeps none either, whatever its bytes', () => {
  const file = join(apart(), 'model.onnx');
  const graph = readFileSync(file);
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(4_096), Buffer.alloc(4_096, 0xff), Buffer.from('not a graph')]) {
    writeFileSync(file, bytes);
    assert.deepEqual(externalWeights(file), []);
  }
  for (let cut = 0; cut < graph.length; cut += 997) {
    writeFileSync(file, graph.subarray(0, cut));
    externalWeights(file);
  }
});

for (const location of ['../../../../passwd', '/etc/./././passwd', 'in/../../passwd/']) {
  test(`weights in ${location} are not read`, async () => {
    const path = apart('as/long/a/name.bin'.slice(0, location.length));
    const graph = readFileSync(join(path, 'model.onnx')).toString('latin1');
    const name = externalWeights(join(path, 'model.onnx'))[0] ?? '';
    assert.equal(name.length, location.length);
    writeFileSync(join(path, 'model.onnx'), Buffer.from(graph.replaceAll(name, location), 'latin1'));
    await assert.rejects(readModelFolder({ path, maxTokens: 64, verify: true }), {
      code: 'MODEL_UNREADABLE',
      message: /outside of its folder/,
    });
  });
}

test('weights that are missing are named before anything is loaded', async () => {
  const path = apart();
  rmSync(join(path, 'model.onnx_data'));
  await assert.rejects(readModelFolder({ path, maxTokens: 64, verify: true }), {
    code: 'MODEL_INCOMPLETE',
    message: /model\.onnx_data/,
  });
});

test('weights that are written over under an open model do not change its answers', async t => {
  const path = apart();
  const model = await opened(path);
  t.after(() => model.close());
  const before = await scoresOf(model);
  const file = join(path, 'model.onnx_data');
  writeFileSync(file, Buffer.alloc(statSync(file).size, 0x3c));
  assert.deepEqual(await scoresOf(model), before);
});
