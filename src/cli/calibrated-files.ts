import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import { withThresholds } from '../config/yaml-edit.js';
import { messageOf, SiftlineError } from '../errors.js';
import { replaceFile } from '../files.js';
import { packageFile } from '../package.js';
import { type ModelFolder, parseManifest } from '../stage/offline.js';
import type { Calibration } from '../tools/eval/calibration.js';
import { editManifest } from '../tools/eval/manifest-edit.js';

export type TaskSpec = ModelFolder['tasks'][number];

/** Says where temperature and thresholds are to go. */
export interface WriteFlags {
  readonly writeModel?: boolean;
  readonly writePolicy?: string;
  readonly policyVersion?: string;
  readonly force?: boolean;
}

/** Throws for a place that cannot be written to, before the model has worked for it. */
export function requireTargets(flags: WriteFlags, folder: ModelFolder, spec: TaskSpec): void {
  if (flags.writeModel) requireOwnModel(folder, flags.force === true);
  if (flags.writePolicy === undefined) return;
  if (spec.activation === 'softmax') {
    throw SiftlineError.usage(
      'CALIBRATE_POLICY',
      `--write-policy: task ${spec.name} chooses one of its labels, so a policy has no thresholds for it; its temperature goes into the model (--write-model)`,
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
    `--write-model: ${path} ships with siftline, and the next update would undo the change; copy it (cp -r ${path} my-model) and give --model ./my-model, or give --force`,
  );
}

interface Target {
  readonly flags: WriteFlags;
  readonly spec: TaskSpec;
  readonly folder: ModelFolder;
}

/** Writes what was asked for; the paths of what was written. */
export async function writeAll(calibration: Calibration, { flags, spec, folder }: Target): Promise<string[]> {
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
  // At another temperature a threshold that stays has another number.
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

/** Empty for a file that is not there yet. */
function textOf(file: string): string {
  try {
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  } catch (cause) {
    throw SiftlineError.usage('INPUT_UNREADABLE', `${file} cannot be read: ${messageOf(cause)}`, cause);
  }
}
