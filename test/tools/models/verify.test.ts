import assert from 'node:assert/strict';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { sha256Of } from '../../../src/model/known-files.js';
import type { Finding } from '../../../src/observe/finding.js';
import { importModel } from '../../../src/tools/models/import.js';
import type { VerifyOptions } from '../../../src/tools/models/verify.js';
import { verifyModel } from '../../../src/tools/models/verify.js';
import { EMPTY_HOME } from '../../support/empty-home.js';
import { editJson, editManifest, IMPORT, type ManifestJson, ModelCopies } from '../../support/model-copies.js';
import { fixtureModel, reference, shippedModel } from '../../support/models.js';

const copies = new ModelCopies();
after(() => copies.remove());

const io = { env: { HOME: EMPTY_HOME }, python: undefined, say: () => {}, signal: new AbortController().signal };

async function imported(name: string): Promise<string> {
  const output = join(copies.path, name);
  await importModel({ ...IMPORT, source: fixtureModel(name), output }, io);
  return output;
}

async function verify(model: string, options: Partial<VerifyOptions> = {}): Promise<Finding[]> {
  const findings: Finding[] = [];
  for await (const finding of verifyModel({ model, text: 'text', label: 'label', ...options }, io))
    findings.push(finding);
  return findings;
}

function statuses(findings: readonly Finding[]): string[] {
  return findings.map(({ check, status }) => `${check} ${status}`);
}

function find(findings: readonly Finding[], check: string): Finding {
  const finding = findings.find(each => each.check === check);
  assert.ok(finding, `no finding ${check}`);
  return finding;
}

/** Puts the present SHA-256 into the manifest, as a forger would. */
async function sign(path: string, change: (json: ManifestJson) => void): Promise<string> {
  const sha = await sha256Of(join(path, 'model.onnx'));
  editManifest(path, json => {
    json.files['model.onnx'] = sha;
    change(json);
  });
  return path;
}

let model = '';
let dynamic = '';
before(async () => {
  model = await imported('bert-single');
  dynamic = await imported('bert-dynamic');
});

describe('a model as it should be', () => {
  test('the shipped ones pass every check', async () => {
    const findings = await verify(shippedModel('english'));
    assert.deepEqual(statuses(findings), ['files ok', 'load ok', 'golden ok', 'batches ok', 'agreement ok']);
    assert.match(find(findings, 'batches').text, /^6[4-9] texts .* padded to 128 .*bit for bit/);
  });

  test('an imported one passes', async () => {
    assert.deepEqual(statuses(await verify(model)), [
      'files ok',
      'load ok',
      'golden ok',
      'batches ok',
      'agreement skip',
    ]);
  });

  test('a dynamic one passes within the tolerance it states, and the line says so', async () => {
    const findings = await verify(dynamic);
    const batches = find(findings, 'batches');
    assert.deepEqual([batches.status, find(findings, 'golden').status], ['ok', 'ok']);
    assert.match(batches.text, /a logit moves by up to \S+; with int8-dynamic it may move by \S+/);
  });
});

describe('a model that was changed', () => {
  test('a file with another SHA-256 fails by name, and the rest is still looked at', async () => {
    const path = copies.of(model, at =>
      editJson(join(at, 'config.json'), json => Object.assign(json, { note: 'changed' })),
    );
    const findings = await verify(path);
    assert.deepEqual(statuses(findings).slice(0, 3), ['files fail', 'load ok', 'golden ok']);
    assert.match(find(findings, 'files').text, /^config\.json: SHA-256 is not/);
  });

  test('a missing file fails', async () => {
    const path = copies.of(model, at => rmSync(join(at, 'tokenizer_config.json')));
    assert.match(find(await verify(path), 'files').text, /tokenizer_config\.json: is missing/);
  });

  test('a truncated graph fails, also with a forged SHA-256', async () => {
    const path = copies.of(model, at => truncateSync(join(at, 'model.onnx'), 100_000));
    await sign(path, () => {});
    assert.deepEqual(statuses(await verify(path)), [
      'files ok',
      'load fail',
      'golden skip',
      'batches skip',
      'agreement skip',
    ]);
  });

  test('a golden sample that scores differently fails with sample and label', async () => {
    const path = copies.of(model, at =>
      editManifest(at, json => {
        const label = json.golden[2]?.scores.label;
        if (label?.neutral) label.neutral += 0.1;
      }),
    );
    const golden = find(await verify(path), 'golden');
    assert.equal(golden.status, 'fail');
    assert.match(golden.text, /golden sample 2, label\/neutral/);
  });

  test('scores of another arithmetic fail with the way out, though none is far off', async () => {
    const path = copies.of(model, at =>
      editManifest(at, json => {
        for (const { scores } of json.golden)
          for (const labels of Object.values(scores))
            for (const label of Object.keys(labels)) labels[label] = (labels[label] ?? 0) + 0.004;
      }),
    );
    const golden = find(await verify(path), 'golden');
    assert.equal(golden.status, 'fail');
    assert.match(golden.text, /0 of 8 golden samples score here as they did/);
    assert.match(golden.remedy ?? '', /import the original again/);
  });

  test('a graph whose answers depend on the batch is no static int8 file', async () => {
    const path = await sign(copies.of(dynamic), json => Object.assign(json, { precision: 'int8-static' }));
    const batches = find(await verify(path), 'batches');
    assert.equal(batches.status, 'fail');
    assert.match(batches.text, /with int8-static it must not move at all/);
  });

  test('nor may it move further than its manifest says', async () => {
    const path = await sign(copies.of(dynamic), json => {
      json.agreement.batchInvariance.tolerance = 0.01;
    });
    assert.equal(find(await verify(path), 'batches').status, 'fail');
  });

  test('an agreement below the limit it states fails', async () => {
    const path = await sign(copies.of(model), json => {
      Object.assign(json.agreement, { againstOriginal: { meanDelta: 0.03 } });
    });
    const agreement = find(await verify(path), 'agreement');
    assert.equal(agreement.status, 'fail');
    assert.match(agreement.text, /0\.0300.*limit 0\.02/);
  });

  test('a folder without a manifest is to be imported', async () => {
    const findings = await verify(fixtureModel('roberta'));
    assert.deepEqual(statuses(findings), ['files fail']);
    assert.match(findings[0]?.remedy ?? '', /siftline models import .*roberta/);
  });
});

describe('measured again', () => {
  /** What bert-single says of its reference texts, as labels; `wrong` of them turned. */
  function labelled(wrong: number): string {
    const file = join(copies.path, `labelled-${wrong}.jsonl`);
    const rows = reference('bert-single').cases.map(({ text, scores }, i) => {
      const ranked = Object.entries(Object.values(scores)[0] ?? {}).sort(([, a], [, b]) => b - a);
      return JSON.stringify({ text, label: ranked[i < wrong ? 1 : 0]?.[0] });
    });
    writeFileSync(file, `${rows.join('\n')}\n`);
    return file;
  }

  test('against the original it is the same', async () => {
    const findings = await verify(model, { against: fixtureModel('bert-single') });
    assert.match(find(findings, 'agreement').text, /by 0\.0000 on average/);
  });

  test('a temperature set since does not count as a difference of the graphs', async () => {
    const path = copies.of(model, at =>
      editManifest(at, json => {
        Object.assign(json.tasks[0] ?? {}, { temperature: 3 });
      }),
    );
    assert.match(find(await verify(path, { against: fixtureModel('bert-single') }), 'agreement').text, /by 0\.0000/);
  });

  test('a model of other labels is no original', async () => {
    await assert.rejects(verify(model, { against: fixtureModel('roberta') }), {
      code: 'MODEL_LABELS',
      message: /no, yes/,
    });
  });

  test('against another model it fails', async () => {
    const other = copies.of(fixtureModel('bert-dynamic'));
    const path = copies.of(model, at =>
      editManifest(at, json => Object.assign(json.agreement.limits, { meanDelta: 0.001 })),
    );
    assert.equal(find(await verify(path, { against: other }), 'agreement').status, 'fail');
  });

  test('accuracy is held to the original on the same texts', async () => {
    const findings = await verify(model, { data: labelled(2), against: fixtureModel('bert-single') });
    assert.equal(find(findings, 'accuracy').status, 'ok');
    assert.match(find(findings, 'accuracy').text, /8\d\.\d %.*the original on 8\d\.\d %/);
  });

  test('without the original it is held to what the manifest says, or just told', async () => {
    assert.match(
      find(await verify(model, { data: labelled(2) }), 'accuracy').text,
      /give the original with --against to compare it/,
    );
    const path = copies.of(model, at =>
      editManifest(at, json => Object.assign(json.agreement, { accuracy: { rows: 13, original: 1, imported: 1 } })),
    );
    assert.equal(find(await verify(path, { data: labelled(0) }), 'accuracy').status, 'ok');
    assert.equal(find(await verify(path, { data: labelled(2) }), 'accuracy').status, 'fail');
  });
});
