import { type Command, InvalidArgumentError } from 'commander';
import type { Config } from '../config/schema.js';
import type { ModelFolder } from '../model/folder.js';
import type { TaskSpec } from '../model/manifest.js';
import { type Calibration, calibrate } from '../tools/eval/calibration.js';
import { calibrationJson, calibrationText } from '../tools/eval/calibration-report.js';
import { chooseQuestion } from '../tools/eval/question.js';
import { createPaint } from '../tools/eval/report.js';
import type { ScoredSample } from '../tools/eval/sample.js';
import { type GoalFlags, parseGoals } from '../tools/eval/threshold.js';
import { requireTargets, type WriteFlags, writeAll } from './calibrated-files.js';
import type { CliContext } from './context.js';
import { type DataFlags, dataFrom, withDataOptions } from './data-options.js';
import { configFrom, withConfigOptions } from './options.js';
import { quietLog, scoreData, withoutCascade } from './scored-data.js';
import { requireWritable } from './write-file.js';

interface CalibrateFlags extends DataFlags, GoalFlags, WriteFlags {
  readonly holdout: number;
  readonly json?: boolean;
}

const HELP = `
Fits one temperature for the task, and at it a threshold for every sigmoid label: the best F1, or what --precision, --recall
or --for ask for. Without --write-model or --write-policy nothing is written. More in docs/evaluation.md.

  siftline calibrate --model ./my-model --task moderation --data labelled.jsonl --precision 0.95 --write-model
  siftline calibrate --task moderation --data labelled.jsonl --for toxic=precision:0.95,sexist=recall:0.9 --write-policy siftline.yaml`;

/** `calibrate`: temperature and thresholds from labelled texts. */
export function addCalibrate(program: Command, context: CliContext): void {
  const command = withDataOptions(
    program.command('calibrate').description("fit the model's temperature and thresholds to labelled texts"),
  )
    .option('--precision <share>', 'thresholds for at least this precision, with the most recall')
    .option('--recall <share>', 'thresholds for at least this recall, with the most precision')
    .option('--for <goals>', 'label by label, such as toxic=precision:0.95,sexist=recall:0.9,rude=f1')
    .option('--holdout <share>', 'share of the rows kept back, on which the numbers are reported', share, 0.5)
    .option('--write-model', "write temperature and thresholds into the model folder's siftline.json")
    .option('--force', 'write into a model that ships with siftline too')
    .option('--write-policy <file>', 'write thresholds into the policy of this configuration file, new or not')
    .option('--policy-version <name>', 'what the policy is called from now on; a new file has the date and time')
    .option('--json', 'one line of JSON, for programs')
    .addHelpText('after', HELP);
  withConfigOptions(command, ['text', 'model', 'workers', 'logLevel']);
  command.action((flags: CalibrateFlags) => calibrateFile(flags, context));
}

async function calibrateFile(flags: CalibrateFlags, { env, stdout, stderr }: CliContext): Promise<void> {
  const loaded = configFrom(flags, env);
  await requireWritable(flags.writePolicy, '--write-policy');
  const data = await dataFrom(flags, loaded.config);
  const { folder, sample } = await scoreData({
    ...data,
    // Temperature and thresholds are of one model, and not of a mixture.
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
      ? `${JSON.stringify(calibrationJson(report))}\n`
      : calibrationText(report, createPaint(stdout.isTTY === true)),
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
    // A policy has no temperature, and one label does not speak for its task.
    keepTemperature: flags.positive !== undefined || (flags.writePolicy !== undefined && flags.writeModel !== true),
    thresholds: Object.fromEntries(thresholds),
    goals: parseGoals(flags, spec.labels),
    holdout: flags.holdout,
  });
}

function specOf(folder: ModelFolder, task: string): TaskSpec {
  return folder.tasks.find(each => each.name === task) as TaskSpec;
}

function share(value: string): number {
  if (/^(0|0?\.\d+)$/.test(value)) return Number(value);
  throw new InvalidArgumentError('give a share from 0 to below 1, such as 0.5; 0 keeps nothing back.');
}
