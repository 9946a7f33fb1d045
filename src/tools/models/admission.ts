import { worstDelta } from '../../model/invariance.js';
import type { Measured } from './card.js';
import { refused } from './refusal.js';

/** Texts of which a served tokenizer may make other tokens than the one of training: more is another tokenizer. */
const MOST_DIFFERENT_TOKENS = 0.01;

/** Throws unless the model may be used: int8 is admitted by what it does, not assumed to be good enough. */
export function admit(measured: Measured, { precision, source }: { precision: string; source: string }): void {
  checkTokenizer(measured, source);
  checkInvariance(measured, { precision, source });
  checkAgreement(measured, { precision, source });
  checkAccuracy(measured, { precision, source });
}

interface Model {
  readonly precision: string;
  readonly source: string;
}

function checkTokenizer({ tokenizer }: Measured, source: string): void {
  if (!tokenizer || tokenizer.different <= tokenizer.texts * MOST_DIFFERENT_TOKENS) return;
  throw refused(
    'TOKENIZER_DIFFERS',
    `${source}: of ${tokenizer.texts} texts, ${tokenizer.different} have other tokens here than the Rust tokenizer gives; please report the family and its tokenizer.json`,
  );
}

function checkInvariance({ batchInvariance }: Measured, { precision, source }: Model): void {
  const { bitEqual, tolerance } = batchInvariance;
  const worst = worstDelta(batchInvariance);
  if (bitEqual || worst <= tolerance) return;
  throw refused(
    'BATCH_DEPENDENT',
    `${source}: as ${precision}, a text's logits move by ${worst.toPrecision(2)} with padding and batch (${tolerance} is let pass); ` +
      (precision === 'int8-static' ? 'import it with --precision fp32' : 'check that the export uses attention_mask'),
  );
}

function checkAgreement({ againstOriginal: found, limits }: Measured, { precision, source }: Model): void {
  if (!found || found.meanDelta <= limits.meanDelta) return;
  throw refused(
    'AGREEMENT_LOW',
    `${source}: as ${precision}, probabilities differ from the original's by ${found.meanDelta.toFixed(4)} on average over ${found.texts} texts (limit ${limits.meanDelta}); ` +
      (precision === 'int8-static'
        ? 'give texts like your own with --calibration, or import it with --precision fp32'
        : 'import it with --precision as-is'),
  );
}

function checkAccuracy({ accuracy: found, limits }: Measured, { precision, source }: Model): void {
  if (!found || found.original - found.imported <= limits.accuracyLoss) return;
  throw refused(
    'ACCURACY_LOST',
    `${source}: as ${precision}, accuracy on ${found.rows} labelled texts is ${found.imported.toFixed(4)}, the original's ${found.original.toFixed(4)} (${limits.accuracyLoss} may be lost); ` +
      'give texts like your own with --calibration, import it with --precision fp32, or allow more with --max-accuracy-loss',
  );
}
