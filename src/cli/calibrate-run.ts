import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import type { Config } from '../config/schema.js';
import { withThresholds } from '../config/yaml-edit.js';
import { messageOf, SiftlineError } from '../errors.js';
import { replaceFile, requireWritable } from '../files.js';
import { quietLog } from '../observe/log.js';
import { createPaint } from '../observe/paint.js';
import { printableData, printableJson } from '../observe/printable.js';
import { packageFile } from '../package.js';
import { type ModelFolder, parseManifest, type TaskSpec } from '../stage/offline.js';
import { type Calibration, calibrate } from '../tools/eval/calibration.js';
import { calibrationJson, calibrationText } from '../tools/eval/calibration-report.js';
import { editManifest } from '../tools/eval/manifest-edit.js';
import { chooseQuestion } from '../tools/eval/question.js';
import type { ScoredSample } from '../tools/eval/sample.js';
import { type GoalFlags, parseGoals } from '../tools/eval/threshold.js';
import type { CliContext } from './context.js';
import { dataFrom, scoreData, withoutCascade } from './labelled-data.js';
import { configFrom, type DataFlags } from './options.js';

/** Names the places that temperature and thresholds are written to. */
interface WriteFlags {
  readonly writeModel?: boolean;
  readonly writePolicy?: string;
  readonly policyVersion?: string;
  readonly force?: boolean;
}

export interface CalibrateFlags extends DataFlags, GoalFlags, WriteFlags {
  readonly holdout: number;
  readonly json?: boolean;
}

/** Runs `calibrate` with its flags: fits to the rows, writes the result where a flag asks for it, and reports. */
export async function calibrateFile(flags: CalibrateFlags, { env, stdout, stderr }: CliContext): Promise<void> {
  const loaded = await configFrom(flags, env);
  await requireWritable(flags.writePolicy, '--write-policy');
  const data = await dataFrom(flags, loaded.config);
  const { folder, sample } = await scoreData({
    ...data,
    // Temperature and thresholds belong to one model, not to a mixture of two.
    config: withoutCascade(loaded.config),
    stderr,
    log: quietLog(loaded),
    ask: (tasks, found) => {
      const question = chooseQuestion(tasks, flags);
      requireTargets(flags, found, specOf(found, question.task.name));
      parseGoals(flags, question.task.labels);
      return question;
    },
  });
  const spec = specOf(folder, sample.question.task.name);
  const calibration = calibrateSample(sample, { flags, spec, config: loaded.config });
  const written = await writeAll(calibration, { flags, spec, folder });
  const report = { calibration, task: spec.name, data: flags.data, activation: spec.activation, written };
  stdout.write(
    flags.json
      ? `${printableJson(calibrationJson(report))}\n`
      : calibrationText(printableData(report), createPaint(stdout.isTTY === true)),
  );
}

function calibrateSample(
  sample: ScoredSample,
  { flags, spec, config }: { flags: CalibrateFlags; spec: TaskSpec; config: Config },
): Calibration {
  const own = config.policy.thresholds?.[spec.name] ?? {};
  const thresholds = spec.labels.map((label, i) => [label, own[label] ?? spec.thresholds[i] ?? 0.5] as const);
  return calibrate(sample, {
    temperature: spec.temperature,
    // The temperature stays in two cases: a policy has no temperature, and one label alone does not represent its task.
    keepTemperature: flags.positive !== undefined || (flags.writePolicy !== undefined && flags.writeModel !== true),
    thresholds: Object.fromEntries(thresholds),
    goals: parseGoals(flags, spec.labels),
    holdout: flags.holdout,
  });
}

function specOf(folder: ModelFolder, task: string): TaskSpec {
  return folder.tasks.find(each => each.name === task) as TaskSpec;
}

/** Throws for a place that cannot be written to, before the model starts to work. */
function requireTargets(flags: WriteFlags, folder: ModelFolder, spec: TaskSpec): void {
  if (flags.writeModel) requireOwnModel(folder, flags.force === true);
  if (flags.writePolicy === undefined) return;
  if (spec.activation === 'softmax') {
    throw SiftlineError.usage(
      'CALIBRATE_POLICY',
      `--write-policy: task ${spec.name} is single-label (softmax), so a policy has no thresholds for it; give --write-model, which writes its temperature into the model`,
    );
  }
  withThresholds(flags.writePolicy, textOf(flags.writePolicy), {
    task: spec.name,
    thresholds: {},
    version: 'x',
    rename: false,
  });
}

function requireOwnModel({ path }: ModelFolder, force: boolean): void {
  if (!existsSync(join(path, 'siftline.json'))) {
    throw SiftlineError.usage(
      'CALIBRATE_MODEL',
      `--write-model: ${path} has no siftline.json to hold temperature and thresholds; run siftline models import first`,
    );
  }
  if (force || !realpathSync(path).startsWith(realpathSync(packageFile('models')) + sep)) return;
  throw SiftlineError.usage(
    'CALIBRATE_MODEL',
    `--write-model: ${path} ships with siftline, so the next update undoes the change; copy it (cp -r ${path} my-model) and give --model ./my-model, or give --force`,
  );
}

interface Target {
  readonly flags: WriteFlags;
  readonly spec: TaskSpec;
  readonly folder: ModelFolder;
}

/** Writes to the places that the flags ask for, and returns their paths. */
async function writeAll(calibration: Calibration, { flags, spec, folder }: Target): Promise<string[]> {
  const { writeModel, writePolicy } = flags;
  const written: string[] = [];
  if (writeModel) {
    const file = join(folder.path, 'siftline.json');
    await replaceFile(file, [manifestText(file, { calibration, spec })]);
    written.push(file);
  }
  if (writePolicy !== undefined) {
    await replaceFile(writePolicy, [policyText(writePolicy, { calibration, flags, task: spec.name })]);
    written.push(writePolicy);
  }
  return written;
}

function manifestText(file: string, { calibration, spec }: { calibration: Calibration; spec: TaskSpec }): string {
  const { before, after } = calibration.temperature;
  // A new temperature changes the number of every threshold, also of a threshold that stays where it is.
  const changed = calibration.labels.filter(label => before !== after || !label.kept);
  const thresholds = spec.activation === 'sigmoid' ? changed.map(({ label, threshold }) => [label, threshold]) : [];
  const text = editManifest(textOf(file), {
    task: spec.name,
    temperature: after,
    thresholds: Object.fromEntries(thresholds),
  });
  parseManifest(file, JSON.parse(text));
  return text;
}

function policyText(
  file: string,
  { calibration, flags, task }: { calibration: Calibration; flags: WriteFlags; task: string },
): string {
  const chosen = calibration.labels.filter(({ kept }) => !kept).map(({ label, threshold }) => [label, threshold]);
  return withThresholds(file, textOf(file), {
    task,
    thresholds: Object.fromEntries(chosen),
    version: flags.policyVersion ?? `calibrated-${new Date().toISOString().replace(/[-:]|\..*/g, '')}`,
    rename: flags.policyVersion !== undefined,
  });
}

/** Returns the text of a file; empty for a file that does not exist yet. */
function textOf(file: string): string {
  try {
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  } catch (cause) {
    throw SiftlineError.usage(
      'INPUT_UNREADABLE',
      `${file} cannot be read: ${messageOf(cause)}; check its path and permissions`,
      cause,
    );
  }
}
