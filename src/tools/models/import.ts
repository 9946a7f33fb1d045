import { statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { SiftlineError } from '../../errors.js';
import { type ModelFolder, readModelFolder } from '../../model/folder.js';
import { worstDelta } from '../../model/invariance.js';
import { taskFor, truthOf } from './accuracy.js';
import { type CardFacts, cardOf, type Measured } from './card.js';
import { writeCard, writeManifest, writeModelFiles } from './files.js';
import { type Graphs, makeGraphs } from './graphs.js';
import type { Imported, ImportOptions, ImportTexts } from './import-types.js';
import { measure } from './measure.js';
import type { PythonOptions } from './python.js';
import { hasPlaceholderLabels, inspectSource, type SourceModel, TRIED } from './source.js';
import { checkOutput, importFailure, Staging } from './staging.js';
import { type LabelledText, packagedTexts, readLabelled, readTexts, spread } from './texts.js';

const MOST = { calibration: 2000, comparison: 400, labelled: 5000 } as const;
const FEWEST_TEXTS = 32;
const HOLD_OUT_FROM = 100;

/**
 * Makes a siftline model of a fine-tuned Hugging Face folder. The call is checked first; then the graph is made,
 * measured by the engine that serves, and admitted or refused. The output appears whole or not at all, also when
 * `io.signal` ends the work.
 */
export async function importModel(options: ImportOptions, io: PythonOptions): Promise<Imported> {
  const source = inspectSource(options.source);
  checkPrecision(source, options);
  const name = options.name ?? basename(options.output ?? source.path);
  const output = options.output ?? join('models', name);
  checkOutput(output, { source: source.path, force: options.force });
  const texts = await textsFor(options, source);
  const warnings = warningsFor(source, options, texts);
  io.say(`importing ${source.name}: ${source.family}, ${source.onnxFile ? 'ONNX' : 'PyTorch weights'}`);
  const staging = opened(output);
  try {
    const graphs = await makeGraphs({ source, options, texts, staging }, io);
    const made = await write(staging, { name, source, options, graphs });
    const { measured, golden, speedup } = await measure({ made, graphs, options, texts }, io);
    admit(measured, { precision: graphs.precision, source: source.path });
    const megabytes = statSync(made.onnxFile).size / 1e6;
    const facts = {
      license: options.license,
      languages: options.languages,
      name,
      source,
      precision: graphs.precision,
      saturates: graphs.saturates,
      tasks: made.tasks,
      megabytes,
    };
    writeManifest(staging.folder, { golden, agreement: measured });
    writeCard(
      staging.folder,
      cardOf({ ...facts, maxTokens: made.info.maxTokens, texts: textFacts(options, texts), measured }),
    );
    io.signal.throwIfAborted();
    staging.publish();
    const { version, precision } = made.info;
    return { output, name, version, precision, megabytes, agreement: measured, speedup, warnings };
  } catch (error) {
    throw importFailure(error, output);
  } finally {
    staging.remove();
  }
}

function opened(output: string): Staging {
  try {
    return new Staging(output);
  } catch (error) {
    throw importFailure(error, output);
  }
}

async function write(
  staging: Staging,
  parts: { name: string; source: SourceModel; options: ImportOptions; graphs: Graphs },
): Promise<ModelFolder> {
  const { name, source, options, graphs } = parts;
  await writeModelFiles(staging.folder, {
    name,
    source,
    graphs,
    license: options.license,
    languages: options.languages,
  });
  return readModelFolder({ path: staging.folder, maxTokens: graphs.maxTokens, verify: true });
}

function checkPrecision({ path, onnxFile, precision }: SourceModel, options: ImportOptions): void {
  if (options.precision === 'as-is' && !onnxFile) {
    throw SiftlineError.usage(
      'PRECISION_IMPOSSIBLE',
      `${path}: holds PyTorch weights; --precision as-is needs an ONNX file; leave it out, or export the model first`,
    );
  }
  if (options.precision !== 'as-is' && precision && precision !== 'float') {
    throw SiftlineError.model(
      'MODEL_QUANTISED',
      `${onnxFile}: is already quantised (${precision}); import the fp32 export of the model, or import this file with --precision as-is`,
    );
  }
}

async function textsFor(options: ImportOptions, source: SourceModel): Promise<ImportTexts> {
  const own = options.calibration !== undefined;
  const all = options.calibration === undefined ? packagedTexts() : await readTexts(options.calibration, options.text);
  if (all.length < FEWEST_TEXTS) {
    throw SiftlineError.usage(
      'INPUT_TOO_SMALL',
      `${options.calibration}: has ${all.length} texts; give at least ${FEWEST_TEXTS}; a few hundred are better`,
    );
  }
  const chosen = spread(all, MOST.calibration + MOST.comparison);
  const heldOut = (i: number) => i % 5 === 4;
  const divided = all.length >= HOLD_OUT_FROM;
  return {
    own,
    calibration: divided ? chosen.filter((_, i) => !heldOut(i)) : chosen,
    comparison: spread(divided ? chosen.filter((_, i) => heldOut(i)) : chosen, MOST.comparison),
    labelled: await labelledFor(options, source),
  };
}

async function labelledFor(options: ImportOptions, { tasks }: SourceModel): Promise<LabelledText[]> {
  if (options.labelled === undefined) return [];
  const { task } = taskFor(tasks, options.task);
  const rows = spread(await readLabelled(options.labelled, options), MOST.labelled);
  for (const { label } of rows) truthOf(task, label);
  return rows;
}

function textFacts(options: ImportOptions, { own, calibration }: ImportTexts): CardFacts['texts'] {
  return options.precision === 'as-is' ? undefined : { own, calibration: calibration.length };
}

function warningsFor(source: SourceModel, options: ImportOptions, texts: ImportTexts): string[] {
  const warnings: string[] = [];
  if (!TRIED.includes(source.family))
    warnings.push(`family "${source.family}" has not been tested with siftline; check the figures`);
  if (hasPlaceholderLabels(source))
    warnings.push('the labels have no names (LABEL_0 ...); name them in id2label of config.json and import again');
  if (options.precision === 'int8' && !texts.own) {
    warnings.push('the int8 scales come from general English sentences; --calibration with your own texts is better');
  }
  if (options.precision === 'as-is' && source.precision === 'int8-dynamic') {
    warnings.push(
      'this file takes its scales from the batch, so the answer to a text changes with the other texts of its batch; import the fp32 export with --precision int8',
    );
  }
  if (options.license === undefined) warnings.push('the licence is unknown; look it up, and give it with --license');
  return warnings;
}

/**
 * The largest share of texts for which the served tokenizer may make other tokens than the tokenizer of training. With
 * more, it is a different tokenizer.
 */
const MOST_DIFFERENT_TOKENS = 0.01;

/** Throws unless the model may be used. Int8 is admitted by its measured scores, and not assumed to be good enough. */
export function admit(measured: Measured, { precision, source }: { precision: string; source: string }): void {
  checkTokenizer(measured, source);
  checkInvariance(measured, { precision, source });
  checkAgreement(measured, { precision, source });
  checkAccuracy(measured, { precision, source });
}

interface Candidate {
  readonly precision: string;
  readonly source: string;
}

function checkTokenizer({ tokenizer }: Measured, source: string): void {
  if (!tokenizer || tokenizer.different <= tokenizer.texts * MOST_DIFFERENT_TOKENS) return;
  throw SiftlineError.model(
    'TOKENIZER_DIFFERS',
    `${source}: ${tokenizer.different} of ${tokenizer.texts} texts have other tokens here than with the Rust tokenizer; please report the family and its tokenizer.json`,
  );
}

function checkInvariance({ batchInvariance }: Measured, { precision, source }: Candidate): void {
  const { bitEqual, tolerance } = batchInvariance;
  const worst = worstDelta(batchInvariance);
  if (bitEqual || worst <= tolerance) return;
  throw SiftlineError.model(
    'BATCH_DEPENDENT',
    `${source}: as ${precision}, a text's logits move by ${worst.toPrecision(2)} with padding and batch (limit ${tolerance}); ` +
      (precision === 'int8-static' ? 'import it with --precision fp32' : 'check that the export uses attention_mask'),
  );
}

function checkAgreement({ againstOriginal: found, limits }: Measured, { precision, source }: Candidate): void {
  if (!found || found.meanDelta <= limits.meanDelta) return;
  throw SiftlineError.model(
    'AGREEMENT_LOW',
    `${source}: as ${precision}, probabilities differ from the original's by ${found.meanDelta.toFixed(4)} on average over ${found.texts} texts (limit ${limits.meanDelta}); ` +
      (precision === 'int8-static'
        ? 'give texts like your own with --calibration, or import it with --precision fp32'
        : 'import it with --precision as-is'),
  );
}

function checkAccuracy({ accuracy: found, limits }: Measured, { precision, source }: Candidate): void {
  if (!found || found.original - found.imported <= limits.accuracyLoss) return;
  throw SiftlineError.model(
    'ACCURACY_LOST',
    `${source}: as ${precision}, accuracy on ${found.rows} labelled texts is ${found.imported.toFixed(4)}, the original's ${found.original.toFixed(4)} (limit of the loss ${limits.accuracyLoss}); ` +
      'give texts like your own with --calibration, import it with --precision fp32, or allow more with --max-accuracy-loss',
  );
}
