import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type FolderOptions, readModelFolder } from '../../src/model/folder.js';
import type { ModelInfo } from '../../src/ports.js';
import { editJson, editManifest, ModelCopies, moveWeights } from '../support/model-copies.js';
import { fixtureModel } from '../support/models.js';

const copies = new ModelCopies();
after(() => copies.remove());

async function infoOf(path: string, options: Partial<FolderOptions> = {}): Promise<ModelInfo> {
  return (await readModelFolder({ path, maxTokens: 64, verify: false, ...options })).info;
}

const plain = await infoOf(fixtureModel('bert-single'));
const made = await infoOf(fixtureModel('bert-two-tasks'));

function hashOf(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

const CHANGES: ReadonlyArray<readonly [what: string, model: string, change: (path: string) => void]> = [
  ['the tokenizer', 'bert-single', path => appendFileSync(join(path, 'tokenizer.json'), ' ')],
  ['the graph', 'bert-single', path => appendFileSync(join(path, 'model.onnx'), Buffer.of(0x50, 0))],
  [
    'labels that are swapped in config.json',
    'bert-single',
    path =>
      editJson<{ id2label: Record<string, string> }>(join(path, 'config.json'), ({ id2label }) => {
        [id2label[0], id2label[1]] = [id2label[1] ?? '', id2label[0] ?? ''];
      }),
  ],
  [
    'the padding token',
    'bert-single',
    path => editJson(join(path, 'config.json'), json => Object.assign(json, { pad_token_id: 1 })),
  ],
  [
    'a temperature',
    'bert-two-tasks',
    path => editManifest(path, ({ tasks }) => Object.assign(tasks[0] ?? {}, { temperature: 1.5 })),
  ],
  [
    'a threshold',
    'bert-two-tasks',
    path =>
      editManifest(path, ({ tasks }) => {
        const [task] = tasks as ReadonlyArray<{ labels: readonly string[]; thresholds?: object }>;
        Object.assign(task ?? {}, { thresholds: { ...task?.thresholds, [task?.labels[0] ?? '']: 0.123 } });
      }),
  ],
  [
    'the activation',
    'bert-two-tasks',
    path => editManifest(path, ({ tasks }) => Object.assign(tasks[0] ?? {}, other(tasks[0]))),
  ],
  [
    'the optimisation of the graph',
    'bert-two-tasks',
    path => editManifest(path, json => Object.assign(json, { optimised: false })),
  ],
  [
    'what is said of the CPU',
    'bert-two-tasks',
    path => editManifest(path, json => Object.assign(json, { precision: 'int8-static' })),
  ],
];

function other(task: Record<string, unknown> | undefined): object {
  return { activation: task?.activation === 'softmax' ? 'sigmoid' : 'softmax' };
}

for (const [what, model, change] of CHANGES) {
  test(`${what} belongs to the identity of a model`, async () => {
    const info = await infoOf(copies.of(fixtureModel(model), change));
    const before = model === 'bert-single' ? plain : made;
    assert.match(info.identity, /^[0-9a-f]{64}$/);
    assert.notEqual(info.identity, before.identity);
    if (what !== 'the graph') assert.equal(info.sha256, before.sha256);
  });
}

test('weights beside the graph belong to the identity, and not to the SHA-256 of the graph', async () => {
  const [one, same, retrained] = await Promise.all(
    [0, 0, 1].map(changed =>
      infoOf(
        copies.of(fixtureModel('bert-single'), path => {
          moveWeights(path);
          const file = join(path, 'model.onnx_data');
          const bytes = readFileSync(file);
          bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ changed, bytes.length >> 1);
          writeFileSync(file, bytes);
        }),
      ),
    ),
  );
  assert.equal(one?.identity, same?.identity);
  assert.notEqual(one?.identity, retrained?.identity);
  assert.equal(one?.sha256, retrained?.sha256);
});

test('what decides no answer does not belong to it', async () => {
  const renamed = copies.of(fixtureModel('bert-two-tasks'), path =>
    editManifest(path, json =>
      Object.assign(json, { name: 'other', version: '9', golden: [], license: 'MIT', files: {} }),
    ),
  );
  appendFileSync(join(renamed, 'README.md'), 'a card');
  assert.equal((await infoOf(renamed)).identity, made.identity);
  const moved = copies.of(fixtureModel('bert-single'), path => {
    mkdirSync(join(path, 'onnx'));
    renameSync(join(path, 'model.onnx'), join(path, 'onnx/model.onnx'));
  });
  assert.equal((await infoOf(moved)).identity, plain.identity);
});

test('settings of a stage do not belong to it', async () => {
  const path = fixtureModel('bert-two-tasks');
  const tasks = [made.tasks[0]?.name ?? ''];
  for (const options of [{ maxTokens: 8 }, { tasks }, { verify: true }]) {
    assert.equal((await infoOf(path, options)).identity, made.identity);
  }
});

test('it is the SHA-256 of sorted lines that anybody can make', () => {
  const path = fixtureModel('bert-single');
  const content = (name: string) => hashOf(readFileSync(join(path, name)));
  const [task] = plain.tasks;
  const tasks = [[task?.name, null, task?.activation, task?.labels, task?.thresholds, 1]];
  const lines = [
    `config.json ${content('config.json')}`,
    `engine ${hashOf('[false,false]')}`,
    `graph ${content('model.onnx')}`,
    `tasks ${hashOf(JSON.stringify(tasks))}`,
    `tokenizer.json ${content('tokenizer.json')}`,
  ];
  assert.equal(plain.identity, hashOf(lines.map(line => `${line}\n`).join('')));
});
