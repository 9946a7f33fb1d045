import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { cpuSaturates } from '../../../src/model/arithmetic.js';
import { readModelFolder } from '../../../src/model/folder.js';
import { sha256Of } from '../../../src/model/known-files.js';
import { Model } from '../../../src/model/model.js';
import { importModel } from '../../../src/tools/models/import.js';
import type { Imported, ImportOptions } from '../../../src/tools/models/import-types.js';
import { EMPTY_HOME } from '../../support/empty-home.js';
import { editJson, IMPORT, ModelCopies, moveWeights } from '../../support/model-copies.js';
import { fixtureModel, reference } from '../../support/models.js';
import { int8WeightsOf, largestPair } from '../../support/onnx.js';
import { usablePython } from '../../support/python.js';
import { noSmallDisk, smallDisk } from '../../support/small-disk.js';

const WEIGHTS = join(process.cwd(), 'test/fixtures/weights/bert');
/** Of the int8 file of bert-single by the pinned packages; it changes with them and with what training/quantise.py does. */
const BERT_SINGLE_INT8 = '8f8c7a2cb9cf448763ee3b72ab7d2bd9a7c946d35f36cc9bc8bb404bf496ab4e';
const copies = new ModelCopies();
after(() => copies.remove());
let outputs = 0;

interface Call extends Partial<ImportOptions> {
  readonly source: string;
  readonly python?: string;
  readonly signal?: AbortSignal;
}

async function take({ python, signal, ...options }: Call): Promise<Imported & { said: string[] }> {
  const said: string[] = [];
  const io = {
    env: { PATH: '', HOME: EMPTY_HOME },
    python,
    say: (line: string) => void said.push(line),
    signal: signal ?? new AbortController().signal,
  };
  const output = options.output ?? join(copies.path, `out-${outputs++}`, 'mine');
  return { ...(await importModel({ ...IMPORT, output, ...options }, io)), said };
}

function manifestOf(folder: string) {
  return JSON.parse(readFileSync(join(folder, 'siftline.json'), 'utf8'));
}

/** Nothing of the model, and no scratch folder beside it. */
function assertNothingIn(folder: string): void {
  assert.deepEqual(existsSync(folder) ? readdirSync(folder) : [], []);
}

test('on a disk that is full the model is not there, what was there stays, and the error says so', {
  skip: noSmallDisk,
}, async t => {
  const disk = smallDisk(t, 128 * 1024);
  const output = join(disk, 'mine');
  mkdirSync(output);
  writeFileSync(join(output, 'siftline.json'), 'old');
  await assert.rejects(take({ source: fixtureModel('bert-single'), output, force: true, precision: 'as-is' }), {
    code: 'OUTPUT_UNWRITABLE',
    exitCode: 2,
    message: /mine: cannot be written: ENOSPC: no space left on device/,
  });
  assert.deepEqual(readdirSync(disk), ['mine']);
  assert.equal(readFileSync(join(output, 'siftline.json'), 'utf8'), 'old');
});

describe('a file taken over as it is, without Python', () => {
  for (const name of [
    'bert-single',
    'bert-multi',
    'bert-one-logit',
    'bert-two-tasks',
    'distilbert',
    'roberta',
    'xlmr',
  ]) {
    test(`${name} scores as before, and has a manifest, golden samples and a card`, async () => {
      const { output } = await take({ source: fixtureModel(name) });
      const folder = await readModelFolder({ path: output, maxTokens: 64, verify: true });
      const model = await Model.open(folder);
      await model.prove(512);
      const { cases } = reference(name);
      const { scores } = await model.classify(
        cases.map(({ text }) => text),
        512,
      );
      await model.close();
      const expected = cases.flatMap(one => Object.values(one.scores).flatMap(labels => Object.values(labels)));
      for (const [i, score] of expected.entries()) assert.ok(Math.abs(score - (scores[i] ?? Number.NaN)) < 1e-3);
      assert.deepEqual([folder.golden.length, folder.optimised], [8, false]);
      assert.match(readFileSync(join(output, 'README.md'), 'utf8'), /^# mine$/m);
    });
  }

  test('the manifest says what is known and what is not', async () => {
    const { output } = await take({
      source: fixtureModel('bert-multi'),
      name: 'tone',
      license: 'MIT',
      languages: ['en'],
    });
    const { name, license, languages, precision, optimised, maxTokens, tasks, files, agreement } = manifestOf(output);
    assert.deepEqual(
      [name, license, languages, precision, optimised, maxTokens],
      ['tone', 'MIT', ['en'], 'float', false, 64],
    );
    assert.deepEqual(Object.keys(files), ['config.json', 'model.onnx', 'tokenizer.json', 'tokenizer_config.json']);
    assert.deepEqual([tasks[0].output, tasks[0].activation, tasks[0].thresholds.rude], ['logits', 'sigmoid', 0.5]);
    assert.deepEqual([agreement.againstOriginal, agreement.batchInvariance.tolerance], [undefined, 1e-3]);
    assert.match(readFileSync(join(output, 'README.md'), 'utf8'), /^license: mit$/m);
  });

  for (const location of ['model.onnx_data', 'parts/weights.bin']) {
    test(`weights beside the graph come along as ${location}, with their SHA-256`, async () => {
      const source = copies.of(fixtureModel('roberta'), path => moveWeights(path, location));
      const { output } = await take({ source });
      assert.equal(manifestOf(output).files[location], await sha256Of(join(source, location)));
      assert.ok((await readModelFolder({ path: output, maxTokens: 64, verify: true })).weightsFiles.length === 1);
    });
  }

  test('a file with scales from the batch is held to what it does, with a warning', async () => {
    const { output, precision, warnings } = await take({ source: fixtureModel('bert-dynamic') });
    const { bitEqual, tolerance, maxDeltaPadded } = manifestOf(output).agreement.batchInvariance;
    assert.deepEqual([precision, bitEqual], ['int8-dynamic', false]);
    assert.ok(tolerance >= maxDeltaPadded && maxDeltaPadded > 0.1, `${maxDeltaPadded} within ${tolerance}`);
    assert.ok(warnings.some(line => /the answer to a text changes with the other texts of its batch/.test(line)));
  });

  test('a quantised file says that it saturates where this CPU was seen to clip its sums', async () => {
    const seen = (await cpuSaturates()) || undefined;
    const [int8, float] = [
      await take({ source: fixtureModel('bert-dynamic') }),
      await take({ source: fixtureModel('bert-single') }),
    ];
    assert.deepEqual([manifestOf(int8.output).saturates, manifestOf(float.output).saturates], [seen, undefined]);
  });

  test('golden samples have the scores of exact arithmetic, and do not depend on the other texts of the import', async () => {
    const labelled = join(copies.path, 'beside.jsonl');
    writeFileSync(labelled, '{"text":"a text beside them","label":"neutral"}\n');
    const { output } = await take({ source: fixtureModel('bert-dynamic'), labelled });
    const scores = Object.values(manifestOf(output).golden[0].scores.label as Record<string, number>);
    // A CPU that clips would give 0.18, 0.50 and 0.32.
    for (const [i, exact] of [0.278, 0.678, 0.044].entries()) {
      assert.ok(Math.abs(exact - (scores[i] ?? Number.NaN)) < 0.02, String(scores));
    }
  });

  test('accuracy on labelled texts is measured', async () => {
    const labelled = join(copies.path, 'labelled.jsonl');
    const { cases } = reference('bert-single');
    const rows = cases.map(({ text, scores }) => {
      const [label] = Object.entries(Object.values(scores)[0] ?? {}).sort(([, a], [, b]) => b - a)[0] ?? [];
      return JSON.stringify({ text, label });
    });
    writeFileSync(labelled, `${rows.join('\n')}\n`);
    const { agreement } = await take({ source: fixtureModel('bert-single'), labelled });
    assert.deepEqual(agreement.accuracy, { rows: rows.length, task: 'label', original: 1, imported: 1 });
  });
});

describe('what is refused', () => {
  const config = (change: (json: Record<string, unknown>) => void) =>
    copies.of(fixtureModel('bert-single'), path => editJson(join(path, 'config.json'), change));
  const CASES: ReadonlyArray<readonly [what: string, code: string, says: RegExp, call: () => Call]> = [
    ['a folder that is not there', 'MODEL_MISSING', /nowhere/, () => ({ source: 'nowhere' })],
    [
      'token classification',
      'MODEL_UNSUPPORTED',
      /BertForTokenClassification.*DeBERTa-v2/,
      () => ({ source: config(json => Object.assign(json, { architectures: ['BertForTokenClassification'] })) }),
    ],
    [
      'a decoder',
      'MODEL_UNSUPPORTED',
      /"gpt2" is not an encoder.*BERT/,
      () => ({
        source: config(json =>
          Object.assign(json, { model_type: 'gpt2', architectures: ['GPT2ForSequenceClassification'] }),
        ),
      }),
    ],
    [
      'an encoder-decoder',
      'MODEL_UNSUPPORTED',
      /"t5" is not an encoder/,
      () => ({
        source: config(json =>
          Object.assign(json, { model_type: 't5', is_encoder_decoder: true, architectures: null }),
        ),
      }),
    ],
    [
      'natural language inference',
      'MODEL_UNSUPPORTED',
      /pairs of texts.*single texts/,
      () => ({
        source: config(json =>
          Object.assign(json, { id2label: { 0: 'contradiction', 1: 'neutral', 2: 'ENTAILMENT' } }),
        ),
      }),
    ],
    [
      'regression',
      'MODEL_UNSUPPORTED',
      /regression/,
      () => ({ source: config(json => Object.assign(json, { problem_type: 'regression' })) }),
    ],
    [
      'no tokenizer.json',
      'MODEL_INCOMPLETE',
      /tokenizer\.json is missing; write it with .*save_pretrained/,
      () => ({ source: copies.of(fixtureModel('bert-single'), path => rmSync(join(path, 'tokenizer.json'))) }),
    ],
    [
      'no weights',
      'MODEL_INCOMPLETE',
      /no weights.*model\.safetensors/,
      () => ({ source: copies.of(fixtureModel('bert-single'), path => rmSync(join(path, 'model.onnx'))) }),
    ],
    ['weights as they are', 'PRECISION_IMPOSSIBLE', /PyTorch weights/, () => ({ source: WEIGHTS })],
    [
      'int8 of what is int8',
      'MODEL_QUANTISED',
      /already quantised \(int8-dynamic\).*as-is/,
      () => ({ source: fixtureModel('bert-dynamic'), precision: 'int8' }),
    ],
    ['int8 without Python', 'PYTHON_MISSING', /as-is/, () => ({ source: fixtureModel('roberta'), precision: 'int8' })],
    [
      'labels the model does not have',
      'INPUT_LABEL_UNKNOWN',
      /"angry".*positive/,
      () => {
        const labelled = join(copies.path, 'wrong.jsonl');
        writeFileSync(labelled, '{"text":"a","label":"angry"}\n');
        return { source: fixtureModel('bert-single'), labelled };
      },
    ],
    [
      'a handful of calibration texts',
      'INPUT_TOO_SMALL',
      /1 texts.*at least 32/,
      () => {
        const calibration = join(copies.path, 'few.txt');
        writeFileSync(calibration, 'one\n');
        return { source: fixtureModel('bert-single'), calibration };
      },
    ],
  ];
  for (const [what, code, says, call] of CASES) {
    test(`${what}, with ${code}, and nothing is written`, async () => {
      const output = join(copies.path, `refused-${outputs++}`, 'mine');
      await assert.rejects(take({ output, ...call() }), { code, message: says });
      assertNothingIn(join(output, '..'));
    });
  }

  test('an import that is interrupted leaves nothing', async () => {
    const controller = new AbortController();
    const output = join(copies.path, 'interrupted', 'mine');
    const running = take({ source: fixtureModel('bert-single'), output, signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await assert.rejects(running, { name: 'AbortError' });
    assertNothingIn(join(output, '..'));
  });
});

describe('through Python', () => {
  const onnx = usablePython('onnx');
  const torch = usablePython('torch');
  const python = 'python' in onnx ? onnx.python : '';

  test('int8 is bit-equal alone, padded and in batches, for a graph with token types too', {
    skip: 'skip' in onnx && onnx.skip,
  }, async () => {
    const { output, precision, agreement } = await take({
      source: fixtureModel('bert-single'),
      precision: 'int8',
      python,
      maxDelta: 0.1,
    });
    assert.deepEqual(
      [precision, agreement.batchInvariance.bitEqual, agreement.tokenizer?.different],
      ['int8-static', true, 0],
    );
    assert.ok(
      agreement.againstOriginal && agreement.againstOriginal.texts >= 90 && agreement.againstOriginal.meanDelta > 0,
    );
    const folder = await readModelFolder({ path: output, maxTokens: 64, verify: true });
    assert.deepEqual([folder.optimised, folder.info.precision], [true, 'int8-static']);
    assert.match(readFileSync(join(output, 'README.md'), 'utf8'), /general English sentences.*--calibration/);
  });

  test('int8 has no two weights whose products a CPU could clip, and its manifest and card say so', {
    skip: 'skip' in onnx && onnx.skip,
  }, async () => {
    const { output } = await take({ source: fixtureModel('bert-single'), precision: 'int8', python, maxDelta: 0.1 });
    const weights = int8WeightsOf(readFileSync(join(output, 'model.onnx')));
    const large = weights.filter(weight => largestPair(weight) > 128).map(({ name }) => name);
    assert.deepEqual([weights.length, large], [14, []]);
    assert.equal(manifestOf(output).saturates, false);
    assert.match(readFileSync(join(output, 'README.md'), 'utf8'), /^- No CPU clips a sum of its int8 products/m);
  });

  test('the int8 file is the same whatever the CPU it was made on', { skip: 'skip' in onnx && onnx.skip }, async () => {
    const { output } = await take({ source: fixtureModel('bert-single'), precision: 'int8', python, maxDelta: 0.1 });
    assert.equal(await sha256Of(join(output, 'model.onnx')), BERT_SINGLE_INT8);
  });

  test('int8 that strays too far is refused, and nothing is written', {
    skip: 'skip' in onnx && onnx.skip,
  }, async () => {
    const output = join(copies.path, 'strayed', 'mine');
    await assert.rejects(
      take({ source: fixtureModel('bert-single'), output, precision: 'int8', python, maxDelta: 0.0001 }),
      {
        code: 'AGREEMENT_LOW',
        exitCode: 4,
        message: /--precision fp32/,
      },
    );
    assertNothingIn(join(output, '..'));
  });

  test('several tasks are quantised together', { skip: 'skip' in onnx && onnx.skip }, async () => {
    const { output } = await take({ source: fixtureModel('bert-two-tasks'), precision: 'int8', python, maxDelta: 0.1 });
    const { tasks } = manifestOf(output);
    assert.deepEqual([tasks.length, tasks[0].thresholds.shouting, tasks[1].temperature], [2, 0.35, 1.5]);
  });

  test('fp32 is fused and the same', { skip: 'skip' in onnx && onnx.skip }, async () => {
    const { agreement } = await take({ source: fixtureModel('distilbert'), precision: 'fp32', python });
    assert.ok((agreement.againstOriginal?.maxDelta ?? 1) < 1e-5);
  });

  test('what Python refuses comes as one line', { skip: 'skip' in onnx && onnx.skip }, async () => {
    const source = copies.of(fixtureModel('roberta'), path => writeFileSync(join(path, 'model.onnx'), 'no graph'));
    await assert.rejects(take({ source, precision: 'int8', python }), { code: 'CONVERT_FAILED', message: /^[^\n]+$/ });
  });

  test('safetensors are exported on the way', { skip: 'skip' in torch && torch.skip }, async () => {
    const { agreement, said } = await take({ source: WEIGHTS, precision: 'int8', python, maxDelta: 0.1 });
    assert.equal(agreement.batchInvariance.bitEqual, true);
    assert.ok(said.includes('exporting the PyTorch weights to ONNX'));
  });
});
