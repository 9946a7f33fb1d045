import assert from 'node:assert/strict';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { SiftlineError } from '../../src/errors.js';
import { type FolderOptions, readModelFolder } from '../../src/model/folder.js';
import { Model } from '../../src/model/model.js';
import { editJson, editManifest, ModelCopies } from '../support/model-copies.js';
import { fixtureModel } from '../support/models.js';

const copies = new ModelCopies();
after(() => copies.remove());

/** A copy of a fixture model, spoilt by `spoil`. */
function spoilt(name: string, spoil: (path: string) => void): string {
  return copies.of(fixtureModel(name), spoil);
}

async function refusal(path: string, options: Partial<FolderOptions> = {}): Promise<SiftlineError> {
  try {
    const folder = await readModelFolder({ path, maxTokens: 64, verify: true, ...options });
    const model = await Model.open(folder);
    await model.prove(512);
  } catch (error) {
    assert.ok(error instanceof SiftlineError, String(error));
    assert.equal(error.exitCode, 4);
    return error;
  }
  throw new assert.AssertionError({ message: 'the model was accepted' });
}

const CASES: ReadonlyArray<readonly [what: string, code: string, says: RegExp, path: () => string]> = [
  ['a folder that is not there', 'MODEL_MISSING', /no-such-folder/, () => '/no-such-folder'],
  ['a name that does not ship', 'MODEL_MISSING', /klingon/, () => 'klingon'],
  [
    'a folder without a graph',
    'MODEL_INCOMPLETE',
    /no ONNX graph/,
    () => spoilt('bert-single', p => rmSync(join(p, 'model.onnx'))),
  ],
  [
    'a folder without a tokenizer',
    'MODEL_INCOMPLETE',
    /tokenizer\.json/,
    () => spoilt('bert-single', p => rmSync(join(p, 'tokenizer.json'))),
  ],
  [
    'PyTorch weights alone',
    'MODEL_INCOMPLETE',
    /siftline models import \/\S+$/,
    () =>
      spoilt('bert-single', p => {
        rmSync(join(p, 'model.onnx'));
        writeFileSync(join(p, 'model.safetensors'), '');
      }),
  ],
  [
    'a config that is not JSON',
    'MODEL_UNREADABLE',
    /config\.json/,
    () => spoilt('bert-single', p => writeFileSync(join(p, 'config.json'), '{"id2')),
  ],
  [
    'a tokenizer that is none',
    'MODEL_TOKENIZER',
    /tokenizer\.json/,
    () => spoilt('bert-single', p => writeFileSync(join(p, 'tokenizer.json'), '{"a":1}')),
  ],
  [
    'a truncated graph',
    'MODEL_UNREADABLE',
    /model\.onnx/,
    () => spoilt('bert-single', p => truncateSync(join(p, 'model.onnx'), 100_000)),
  ],
  [
    'a graph that is not the manifest’s',
    'MODEL_CHANGED',
    /SHA-256/,
    () => spoilt('bert-two-tasks', p => truncateSync(join(p, 'model.onnx'), 200_000)),
  ],
  [
    'labels that do not fit the graph',
    'MODEL_LABELS',
    /3 values.*2 labels/,
    () =>
      spoilt('bert-single', p =>
        editJson(join(p, 'config.json'), json => Object.assign(json, { id2label: { 0: 'a', 1: 'b' } })),
      ),
  ],
  [
    'a label named twice',
    'MODEL_UNSUPPORTED',
    /twice/,
    () =>
      spoilt('bert-single', p =>
        editJson(join(p, 'config.json'), json => Object.assign(json, { id2label: { 0: 'a', 1: 'a', 2: 'b' } })),
      ),
  ],
  [
    'another kind of model',
    'MODEL_UNSUPPORTED',
    /BertForTokenClassification/,
    () =>
      spoilt('bert-single', p =>
        editJson(join(p, 'config.json'), json =>
          Object.assign(json, { architectures: ['BertForTokenClassification'] }),
        ),
      ),
  ],
  [
    'a regression model',
    'MODEL_UNSUPPORTED',
    /regression/,
    () =>
      spoilt('bert-one-logit', p =>
        editJson(join(p, 'config.json'), json => Object.assign(json, { problem_type: 'regression' })),
      ),
  ],
  [
    'a manifest with an unknown field',
    'MODEL_MANIFEST',
    /surprise/,
    () => spoilt('bert-two-tasks', p => editManifest(p, json => Object.assign(json, { surprise: 1 }))),
  ],
  [
    'a golden sample that scores differently',
    'MODEL_GOLDEN',
    /golden sample 0/,
    () =>
      spoilt('bert-two-tasks', p =>
        editManifest(p, json => {
          Object.assign(json.golden[0]?.scores.topic ?? {}, { food: 0.9 });
        }),
      ),
  ],
];

for (const [what, code, says, path] of CASES) {
  test(`${what} is refused with ${code} and a message that helps`, async () => {
    const error = await refusal(path());
    assert.equal(error.code, code);
    assert.match(error.message, says);
  });
}

test('a damaged answer of one task refuses the model, whichever tasks are asked', async () => {
  const path = spoilt('bert-two-tasks', p =>
    editManifest(p, json => {
      Object.assign(json.golden[0]?.scores.topic ?? {}, { food: 0.9 });
    }),
  );
  for (const tasks of [['moderation'], ['topic'], undefined]) {
    assert.equal((await refusal(path, { tasks })).code, 'MODEL_GOLDEN');
  }
});

test('a task the model does not have is refused, and the message lists those it has', async () => {
  const error = await refusal(fixtureModel('bert-two-tasks'), { tasks: ['spam'] });
  assert.equal(error.code, 'MODEL_TASK_UNKNOWN');
  assert.match(error.message, /spam.*moderation, topic/);
});

test('RoBERTa has two positions fewer than its table', async () => {
  const { info } = await readModelFolder({ path: fixtureModel('roberta'), maxTokens: 512, verify: true });
  assert.equal(info.maxTokens, 64);
});

test('labels, activation and thresholds are read from the model', async () => {
  const single = await readModelFolder({ path: fixtureModel('bert-single'), maxTokens: 64, verify: true });
  const multi = await readModelFolder({ path: fixtureModel('bert-multi'), maxTokens: 64, verify: true });
  const two = await readModelFolder({ path: fixtureModel('bert-two-tasks'), maxTokens: 64, verify: true });
  assert.equal(single.info.tasks[0]?.activation, 'softmax');
  assert.equal(multi.info.tasks[0]?.activation, 'sigmoid');
  assert.deepEqual(two.info.tasks[0]?.thresholds, [0.5, 0.35]);
  assert.equal(two.info.precision, 'fp32');
});
