import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SiftlineError } from '../../errors.js';
import { makeWorkFolder } from '../../files.js';
import { locateModel, type ModelFolder, readManifest, readModelFolder } from '../../model/folder.js';
import type { GoldenVerdict } from '../../model/golden.js';
import { worstDelta } from '../../model/invariance.js';
import { sha256Of } from '../../model/known-files.js';
import type { Manifest, TaskSpec } from '../../model/manifest.js';
import { type Finding, fail, failure, ok, skip } from '../../observe/finding.js';
import { accuracyOf, taskFor, truthOf } from './accuracy.js';
import { compareScores, FLOAT_TOLERANCE, type StoredAgreement, storedAgreement } from './agreement.js';
import { proveGolden, scoresOf } from './engine.js';
import { exportOriginal } from './graphs.js';
import { measureInvariance } from './measure.js';
import type { PythonOptions } from './python.js';
import { inspectSource } from './source.js';
import { type LabelledText, packagedTexts, readLabelled, spread } from './texts.js';

export interface VerifyOptions {
  readonly model: string;
  readonly data?: string | undefined;
  readonly text: string;
  readonly label: string;
  readonly task?: string | undefined;
  /** The fine-tuned folder that the model was made from. */
  readonly against?: string | undefined;
}

interface VerifiedModel {
  readonly folder: ModelFolder;
  readonly manifest: Manifest;
  readonly stored: StoredAgreement;
}

const MAX_TOKENS = 128;
const MOST_ROWS = 5000;

/** Checks a model folder, with one finding for each check. A check that depends on a failed one is skipped. */
export async function* verifyModel(options: VerifyOptions, io: PythonOptions): AsyncGenerator<Finding> {
  const path = locateModel(options.model);
  const manifest = readManifest(path);
  if (!manifest) {
    yield fail(
      'files',
      `${path}: has no siftline.json to compare it with`,
      `import it with siftline models import ${path}`,
    );
    return;
  }
  yield await checkFiles(path, manifest);
  const opened = await openFolder(path, manifest);
  yield opened.finding;
  if (!opened.folder) {
    for (const check of ['golden', 'batches', 'agreement']) yield skip(check, 'the model cannot be loaded');
    return;
  }
  const subject = { folder: opened.folder, manifest, stored: storedAgreement(manifest.agreement) };
  yield await checkGolden(subject);
  yield await checkInvariance(subject, io);
  yield* checkAgreement(subject, options, io);
}

async function checkFiles(path: string, { files }: Manifest): Promise<Finding> {
  const wrong: string[] = [];
  for (const [name, expected] of Object.entries(files)) {
    const file = join(path, name);
    if (!existsSync(file)) wrong.push(`${name}: is missing`);
    else if ((await sha256Of(file)) !== expected) wrong.push(`${name}: SHA-256 is not ${expected.slice(0, 12)}...`);
  }
  const count = Object.keys(files).length;
  if (wrong.length > 0) return fail('files', `${wrong.join('; ')}`, 'restore the files, or import the model again');
  if (!('model.onnx' in files)) return fail('files', 'the manifest does not name model.onnx', 'import the model again');
  return ok('files', `SHA-256 of ${count} files is as in the manifest`);
}

/** Reads the folder, and loads graph and tokenizer once. */
async function openFolder(path: string, manifest: Manifest): Promise<{ finding: Finding; folder?: ModelFolder }> {
  try {
    const folder = await readModelFolder({ path, maxTokens: manifest.maxTokens ?? MAX_TOKENS, verify: false });
    await scoresOf(folder, [], new AbortController().signal);
    const tasks = folder.tasks.map(({ name, labels }) => `${name} (${labels.length})`).join(', ');
    const text = `${manifest.name} ${manifest.version}, ${manifest.precision}; tasks (labels): ${tasks}`;
    return { finding: ok('load', text), folder };
  } catch (error) {
    return { finding: failure('load', error) };
  }
}

async function checkGolden({ folder }: VerifiedModel): Promise<Finding> {
  const count = folder.golden.length;
  if (count === 0) return skip('golden', 'the manifest has no golden samples');
  try {
    const { verdict, doubt } = await proveGolden(folder);
    return doubt ? fail('golden', doubt.text, doubt.remedy) : ok('golden', closeness(verdict));
  } catch (error) {
    return failure('golden', error);
  }
}

function closeness({ samples, close, worst }: GoldenVerdict): string {
  const all = `${samples} golden samples have the scores of the machine that made the model`;
  if (close === samples || !worst) return all;
  return `${all}, ${samples - close} of them to within ${Math.abs(worst.expected - worst.actual).toFixed(3)}`;
}

/**
 * Checks that a logit does not depend on the batch. Static int8 must give equal bits. For other precisions a logit may
 * move by the tolerance of the manifest, or of float kernels.
 */
async function checkInvariance({ folder, manifest, stored }: VerifiedModel, io: PythonOptions): Promise<Finding> {
  const found = await measureInvariance(
    folder,
    folder.golden.map(({ text }) => text),
    io,
  );
  const how = `${found.texts} texts alone, padded to ${folder.info.maxTokens} and in batches`;
  if (found.bitEqual) return ok('batches', `${how}: the same logits, bit for bit`);
  const worst = worstDelta(found);
  const tolerance = manifest.precision === 'int8-static' ? 0 : (stored.tolerance ?? FLOAT_TOLERANCE);
  const text = `${how}: a logit moves by up to ${worst.toPrecision(2)}`;
  if (worst <= tolerance) return ok('batches', `${text}; with ${manifest.precision} it may move by ${tolerance}`);
  const most = tolerance === 0 ? 'it must not move at all' : `it may move by ${tolerance}`;
  return fail(
    'batches',
    `${text}; with ${manifest.precision} ${most}`,
    'import the fp32 original again; with this file, answers would change with the batch',
  );
}

/**
 * Checks agreement and accuracy: as stated in the manifest, or measured again if an original or labelled texts are
 * given.
 */
async function* checkAgreement(
  subject: VerifiedModel,
  options: VerifyOptions,
  io: PythonOptions,
): AsyncGenerator<Finding> {
  const { stored } = subject;
  if (options.against === undefined && options.data === undefined) {
    yield storedFinding(stored);
    return;
  }
  const rows = options.data === undefined ? undefined : await labelledRows(options.data, subject, options);
  const texts = rows?.map(({ text }) => text) ?? packagedTexts();
  const own = await scoresOf(subject.folder, texts, io.signal);
  const original =
    options.against === undefined ? undefined : await originalScores(options.against, { subject, texts }, io);
  if (original) yield agreementFinding(subject, own.rows, original);
  if (rows) yield accuracyFinding(subject, { rows, own: own.rows, original }, options);
}

function storedFinding({ meanDelta, accuracy, limits }: StoredAgreement): Finding {
  if (meanDelta === undefined)
    return skip('agreement', 'the manifest has no comparison with an original; give --against or --data to measure');
  const text = `probabilities differed from the original's by ${meanDelta.toFixed(4)} on average when it was made (limit ${limits.meanDelta})`;
  const lost = accuracy ? accuracy.original - accuracy.imported : 0;
  if (meanDelta > limits.meanDelta || lost > limits.accuracyLoss)
    return fail('agreement', text, 'import the model again');
  return ok('agreement', text);
}

async function labelledRows(file: string, { folder }: VerifiedModel, options: VerifyOptions): Promise<LabelledText[]> {
  const { task } = taskFor(folder.tasks, options.task);
  const rows = spread(await readLabelled(file, options), MOST_ROWS);
  for (const { label } of rows) truthOf(task, label);
  return rows;
}

async function originalScores(
  against: string,
  { subject, texts }: { subject: VerifiedModel; texts: readonly string[] },
  io: PythonOptions,
): Promise<readonly Float64Array[]> {
  const work = makeWorkFolder('siftline-verify-');
  try {
    const limits = { work, maxTokens: subject.folder.info.maxTokens };
    const original = asCalibrated(await exportOriginal(inspectSource(against), limits, io), subject.folder);
    return (await scoresOf(original, texts, io.signal)).rows;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * Gives the original the temperatures and thresholds of the model, so that only the graphs are compared. Throws for a
 * model with other labels.
 */
function asCalibrated(original: ModelFolder, { tasks }: ModelFolder): ModelFolder {
  const labelsOf = (all: readonly TaskSpec[]) => all.map(({ labels }) => labels.join(', ')).join('; ');
  if (labelsOf(original.tasks) !== labelsOf(tasks)) {
    throw SiftlineError.usage(
      'MODEL_LABELS',
      `--against: ${original.path} answers ${labelsOf(original.tasks)}, the model ${labelsOf(tasks)}; give the model that it was made from`,
    );
  }
  const calibrated = original.tasks.map((task, i) => ({ ...task, ...calibrationOf(tasks[i] ?? task) }));
  return { ...original, tasks: calibrated };
}

function calibrationOf({ temperature, thresholds }: TaskSpec): Pick<TaskSpec, 'temperature' | 'thresholds'> {
  return { temperature, thresholds };
}

function agreementFinding(
  { folder, stored }: VerifiedModel,
  own: readonly Float64Array[],
  original: readonly Float64Array[],
): Finding {
  const found = compareScores(folder.tasks, own, original);
  const limit = stored.limits.meanDelta;
  const text = `probabilities differ from the original's by ${found.meanDelta.toFixed(4)} on average, ${found.maxDelta.toFixed(3)} at most, over ${found.texts} texts (limit ${limit})`;
  return found.meanDelta <= limit
    ? ok('agreement', text)
    : fail('agreement', text, 'import the model again, with texts like your own');
}

/**
 * Compares the accuracy with the original's on the same rows. Without an original, compares it with the original's
 * accuracy at the import, which was measured on similar rows.
 */
function accuracyFinding(
  { folder, stored }: VerifiedModel,
  scores: {
    rows: readonly LabelledText[];
    own: readonly Float64Array[];
    original: readonly Float64Array[] | undefined;
  },
  options: VerifyOptions,
): Finding {
  const { rows, own, original } = scores;
  const labelled = taskFor(folder.tasks, options.task);
  const found = accuracyOf(labelled, own, rows);
  const text = `${labelled.task.name} is right on ${(found * 100).toFixed(1)} % of ${rows.length} texts`;
  const goal = original ? accuracyOf(labelled, original, rows) : stored.accuracy?.original;
  if (goal === undefined) return ok('accuracy', `${text}; give the original with --against to compare it`);
  const compared = `${text}, the original${original ? '' : ' at the import'} on ${(goal * 100).toFixed(1)} % (limit of the loss ${stored.limits.accuracyLoss})`;
  if (goal - found <= stored.limits.accuracyLoss) return ok('accuracy', compared);
  return fail('accuracy', compared, 'import the model again, with texts like your own or --precision fp32');
}
