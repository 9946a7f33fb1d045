import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { locateModel, type ModelFolder, readManifest, readModelFolder, sha256Of } from '../../model/folder.js';
import { doubtOf, type GoldenVerdict } from '../../model/golden.js';
import { worstDelta } from '../../model/invariance.js';
import type { Manifest } from '../../model/manifest.js';
import { type Finding, fail, failure, ok, skip } from '../../observe/finding.js';
import { FLOAT_TOLERANCE, storedAgreement } from './agreement.js';
import { proveGolden, scoresOf } from './engine.js';
import { measureInvariance } from './measure.js';
import type { PythonOptions } from './python.js';
import { checkAgreement, type Subject, type VerifyOptions } from './verify-agreement.js';

const MAX_TOKENS = 128;

/** Checks a model folder, one finding a check; what rests on a failed check is skipped. */
export async function* verifyModel(options: VerifyOptions, io: PythonOptions): AsyncGenerator<Finding> {
  const path = locateModel(options.model);
  const manifest = readManifest(path);
  if (!manifest) {
    yield fail('files', `${path}: has no siftline.json to hold it to`, `siftline models import ${path}`);
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
  return ok('files', `SHA-256 of ${count} files as the manifest says`);
}

/** Reads the folder and loads graph and tokenizer once. */
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

async function checkGolden({ folder }: Subject): Promise<Finding> {
  const count = folder.golden.length;
  if (count === 0) return skip('golden', 'the manifest has no golden samples');
  try {
    const verdict = await proveGolden(folder);
    const doubt = doubtOf(folder.path, verdict);
    return doubt ? fail('golden', doubt.text, doubt.remedy) : ok('golden', closeness(verdict));
  } catch (error) {
    return failure('golden', error);
  }
}

function closeness({ samples, close, worst }: GoldenVerdict): string {
  const all = `${samples} samples score as they did where the model was made`;
  if (close === samples || !worst) return all;
  return `${all}, ${samples - close} of them to within ${Math.abs(worst.expected - worst.actual).toFixed(3)}`;
}

/** Static int8 must give equal bits; for the rest a logit may move as far as the manifest says, or float kernels do. */
async function checkInvariance({ folder, manifest, stored }: Subject, io: PythonOptions): Promise<Finding> {
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
  if (worst <= tolerance) return ok('batches', `${text}; ${manifest.precision} may move by ${tolerance}`);
  const most = tolerance === 0 ? 'must not move at all' : `may move by ${tolerance}`;
  return fail(
    'batches',
    `${text}; ${manifest.precision} ${most}`,
    'answers would change with the batch: import the fp32 original again',
  );
}
