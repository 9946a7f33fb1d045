import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelFolder } from '../../model/folder.js';
import type { Manifest, TaskSpec } from '../../model/manifest.js';
import { type Finding, fail, ok, skip } from '../../observe/finding.js';
import { accuracyOf, taskFor, truthOf } from './accuracy.js';
import { compareScores, type StoredAgreement } from './agreement.js';
import { scoresOf } from './engine.js';
import { exportOriginal } from './graphs.js';
import type { PythonOptions } from './python.js';
import { misused } from './refusal.js';
import { inspectSource } from './source.js';
import { type LabelledText, packagedTexts, readLabelled, spread } from './texts.js';

export interface VerifyOptions {
  readonly model: string;
  readonly data?: string | undefined;
  readonly text: string;
  readonly label: string;
  readonly task?: string | undefined;
  /** The fine-tuned folder the model was made from. */
  readonly against?: string | undefined;
}

/** The model that is verified. */
export interface Subject {
  readonly folder: ModelFolder;
  readonly manifest: Manifest;
  readonly stored: StoredAgreement;
}

const MOST_ROWS = 5000;

/** Agreement and accuracy: what the manifest says, or measured again when an original or labelled texts are given. */
export async function* checkAgreement(
  subject: Subject,
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
    return skip('agreement', 'the manifest does not compare it with an original; --against or --data measures');
  const text = `probabilities differed from the original's by ${meanDelta.toFixed(4)} on average when it was made (limit ${limits.meanDelta})`;
  const lost = accuracy ? accuracy.original - accuracy.imported : 0;
  if (meanDelta > limits.meanDelta || lost > limits.accuracyLoss)
    return fail('agreement', text, 'import the model again');
  return ok('agreement', text);
}

async function labelledRows(file: string, { folder }: Subject, options: VerifyOptions): Promise<LabelledText[]> {
  const { task } = taskFor(folder.tasks, options.task);
  const rows = spread(await readLabelled(file, options), MOST_ROWS);
  for (const { label } of rows) truthOf(task, label);
  return rows;
}

async function originalScores(
  against: string,
  { subject, texts }: { subject: Subject; texts: readonly string[] },
  io: PythonOptions,
): Promise<readonly Float64Array[]> {
  const work = mkdtempSync(join(tmpdir(), 'siftline-verify-'));
  try {
    const limits = { work, maxTokens: subject.folder.info.maxTokens };
    const original = asCalibrated(await exportOriginal(inspectSource(against), limits, io), subject.folder);
    return (await scoresOf(original, texts, io.signal)).rows;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** With the model's temperatures and thresholds: what is compared are the graphs. Throws for a model of other labels. */
function asCalibrated(original: ModelFolder, { tasks }: ModelFolder): ModelFolder {
  const labelsOf = (all: readonly TaskSpec[]) => all.map(({ labels }) => labels.join(', ')).join('; ');
  if (labelsOf(original.tasks) !== labelsOf(tasks)) {
    throw misused(
      'MODEL_LABELS',
      `--against: ${original.path} answers ${labelsOf(original.tasks)}, the model ${labelsOf(tasks)}; name the model it was made from`,
    );
  }
  const calibrated = original.tasks.map((task, i) => ({ ...task, ...calibrationOf(tasks[i] ?? task) }));
  return { ...original, tasks: calibrated };
}

function calibrationOf({ temperature, thresholds }: TaskSpec): Pick<TaskSpec, 'temperature' | 'thresholds'> {
  return { temperature, thresholds };
}

function agreementFinding(
  { folder, stored }: Subject,
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

/** Held to the original's accuracy on the same rows, or else to that at the import, which was on rows like these. */
function accuracyFinding(
  { folder, stored }: Subject,
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
  if (goal === undefined) return ok('accuracy', `${text}; nothing to hold it to: --against names the original`);
  const compared = `${text}, the original${original ? '' : ' at the import'} on ${(goal * 100).toFixed(1)} % (a loss of ${stored.limits.accuracyLoss} is let pass)`;
  if (goal - found <= stored.limits.accuracyLoss) return ok('accuracy', compared);
  return fail('accuracy', compared, 'import the model again, with texts like your own or --precision fp32');
}
