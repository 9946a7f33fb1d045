import assert from 'node:assert/strict';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { readModelFolder } from '../../src/model/folder.js';
import { type HuggingFaceConfig, tasksFromConfig } from '../../src/model/hugging-face.js';
import { Model } from '../../src/model/model.js';
import { ModelCopies } from '../support/model-copies.js';
import { fixtureModel } from '../support/models.js';

const copies = new ModelCopies();
after(() => copies.remove());

/** Opens the model of the fixture with one of the graphs that test/fixtures/logits/make.py has made. */
async function opened(graph: string): Promise<Model> {
  const path = copies.of(fixtureModel('bert-single'));
  copyFileSync(join('test/fixtures/logits', `${graph}.onnx`), join(path, 'model.onnx'));
  return Model.open(await readModelFolder({ path, maxTokens: 64, verify: true }));
}

async function scores(graph: string): Promise<number[]> {
  const model = await opened(graph);
  try {
    return [...(await model.classify(['a calm day at the harbour', 'a dreadful film'], 512)).scores];
  } finally {
    await model.close();
  }
}

describe('logits', () => {
  for (const type of ['float16', 'float64'])
    test(`of ${type} are read as the numbers that they are`, async () => {
      const exact = await scores('float32');
      assert.ok(new Set(exact).size > 3, 'the texts differ');
      assert.deepEqual(await scores(type), exact, 'eighths are exact in every type');
    });

  for (const [graph, words] of [
    ['int64', /output "logits" holds int64; siftline reads logits of float32, float16, float64/],
    ['bfloat16', /output "logits" (holds bfloat16|is no tensor)|cannot load/],
    ['tokens', /has the shape \[n, t, 3\], a row for each token: is it a token classifier\?/],
    ['flat', /has the shape \[n\];/],
    ['wide', /output "logits" has 4 values(?: for a text)?, task label names 3 labels/],
  ] as const)
    test(`of a graph that gives ${graph} are refused before the first text`, async () => {
      await assert.rejects(opened(graph), words);
    });
});

describe('the labels of a config.json', () => {
  const labelsOf = (config: HuggingFaceConfig) => tasksFromConfig('folder', config)[0]?.labels;

  test('are those of Transformers where it names none', () => {
    assert.deepEqual(labelsOf({}), ['LABEL_0', 'LABEL_1']);
    assert.deepEqual(labelsOf({ id2label: null, num_labels: 4 }), ['LABEL_0', 'LABEL_1', 'LABEL_2', 'LABEL_3']);
    assert.deepEqual(labelsOf({ id2label: { 0: 'a', 1: 'b', 2: 'c' }, num_labels: 2 }), ['a', 'b', 'c']);
  });

  test('of a reranker are refused by name', () => {
    assert.throws(
      () => labelsOf({ num_labels: 1, sentence_transformers: { version: '5.1.0' } }),
      /cross-encoder .* reranker/,
    );
  });
});
