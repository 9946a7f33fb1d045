import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Measured } from '../../../src/tools/models/card.js';
import { admit } from '../../../src/tools/models/import.js';

const GOOD: Measured = {
  againstOriginal: { texts: 96, sameLabel: 0.9, meanDelta: 0.01, maxDelta: 0.3 },
  batchInvariance: { texts: 64, bitEqual: true, maxDeltaPadded: 0, maxDeltaBatched: 0, tolerance: 0 },
  tokenizer: { texts: 400, different: 4 },
  accuracy: { rows: 800, task: 'label', original: 0.91, imported: 0.905 },
  limits: { meanDelta: 0.02, accuracyLoss: 0.01 },
};

function admitted(change: Partial<Measured>, precision = 'int8-static'): void {
  admit({ ...GOOD, ...change }, { precision, source: 'my-model' });
}

test('a model within its limits is admitted, however many labels flip', () => {
  assert.doesNotThrow(() =>
    admitted({ againstOriginal: { texts: 96, sameLabel: 0.6, meanDelta: 0.02, maxDelta: 0.4 } }),
  );
});

test('int8 whose logits move with the batch, however little, is refused for fp32', () => {
  const moved = { texts: 64, bitEqual: false, maxDeltaPadded: 0, maxDeltaBatched: 1e-6, tolerance: 0 };
  assert.throws(() => admitted({ batchInvariance: moved }), {
    code: 'BATCH_DEPENDENT',
    exitCode: 4,
    message: /--precision fp32$/,
  });
});

test('floats may move by their tolerance, and no further', () => {
  const moved = { texts: 64, bitEqual: false, maxDeltaPadded: 4e-6, maxDeltaBatched: 2e-6, tolerance: 1e-3 };
  assert.doesNotThrow(() => admitted({ batchInvariance: moved }, 'fp32'));
  assert.throws(() => admitted({ batchInvariance: { ...moved, maxDeltaPadded: 0.2 } }, 'float'), {
    code: 'BATCH_DEPENDENT',
    message: /attention_mask/,
  });
});

test('a logit that is not a number is no equal one', () => {
  const broken = { texts: 64, bitEqual: false, maxDeltaPadded: Number.NaN, maxDeltaBatched: 0, tolerance: 1e-3 };
  assert.throws(() => admitted({ batchInvariance: broken }, 'fp32'), { code: 'BATCH_DEPENDENT' });
});

test('probabilities too far from the original are refused', () => {
  const far = { texts: 96, sameLabel: 1, meanDelta: 0.021, maxDelta: 0.03 };
  assert.throws(() => admitted({ againstOriginal: far }), {
    code: 'AGREEMENT_LOW',
    message: /0\.0210.*limit 0\.02.*--calibration/,
  });
  assert.throws(() => admitted({ againstOriginal: { ...far, meanDelta: Number.NaN } }), { code: 'AGREEMENT_LOW' });
});

test('a loss of accuracy beyond the limit is refused, a gain never', () => {
  const of = (imported: number) => ({ accuracy: { rows: 800, task: 'label', original: 0.91, imported } });
  assert.throws(() => admitted(of(0.89)), { code: 'ACCURACY_LOST', message: /0\.8900.*0\.9100.*--max-accuracy-loss/ });
  assert.doesNotThrow(() => admitted(of(0.95)));
});

test('a tokenizer that reads texts differently is refused', () => {
  assert.throws(() => admitted({ tokenizer: { texts: 400, different: 5 } }), {
    code: 'TOKENIZER_DIFFERS',
    message: /5 of 400 texts have other tokens/,
  });
});
