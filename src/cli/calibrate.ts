import type { Command } from 'commander';
import type { Config } from '../config/schema.js';
import { requireWritable } from '../files.js';
import type { ModelFolder } from '../stage/offline.js';
import type { Calibration } from '../tools/eval/calibration.js';
import type { GoalFlags } from '../tools/eval/goal.js';
import type { Sample } from '../tools/eval/sample.js';
import type { TaskSpec, WriteFlags } from './calibrated-files.js';
import type { CliContext } from './context.js';
import { type DataFlags, withDataOptions } from './data-options.js';
import { configFrom, share, withConfigOptions } from './options.js';

interface CalibrateFlags extends DataFlags, GoalFlags, WriteFlags {
  readonly holdout: number;
  readonly json?: boolean;
}

const HELP = `
Fits one temperature for the task, and at it a threshold for every sigmoid label: the best F1, or what --precision, --recall
or --for ask for. Without --write-model or --write-policy nothing is written. More in docs/evaluation.md.

  siftline calibrate --model ./my-model --task moderation --data labelled.jsonl --precision 0.95 --write-model
  siftline calibrate --task moderation --data labelled.jsonl --for toxic=precision:0.95,sexist=recall:0.9 --write-policy siftline.yaml`;

const HOLDOUT = share('from 0 to below 1, such as 0.5; 0 keeps nothing back', n => n < 1);

/** `calibrate`: temperature and thresholds from labelled texts. */
export function addCalibrate(program: Command, context: CliContext): void {
  const command = withDataOptions(
    program.command('calibrate').description("fit the model's temperature and thresholds to labelled texts"),
  )
    .option('--precision <share>', 'thresholds for at least this precision, with the most recall')
    .option('--recall <share>', 'thresholds for at least this recall, with the most precision')
    .option('--for <goals>', 'label by label, such as toxic=precision:0.95,sexist=recall:0.9,rude=f1')
    .option('--holdout <share>', 'share of the rows kept back, on which the numbers are reported', HOLDOUT, 0.5)
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
  const { calibrationJson, calibrationText } = await import('../tools/eval/calibration-report.js');
  const { parseGoals } = await import('../tools/eval/goal.js');
  const { chooseQuestion } = await import('../tools/eval/question.js');
  const { createPaint } = await import('../observe/paint.js');
  const { quietLog } = await import('../observe/log.js');
  const { requireTargets, writeAll } = await import('./calibrated-files.js');
  const { dataFrom, scoreData, withoutCascade } = await import('./labelled-data.js');
  const loaded = await configFrom(flags, env);
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
  const calibration = await calibrateSample(sample, { flags, spec, config: loaded.config });
  const written = await writeAll(calibration, { flags, spec, folder });
  const report = { calibration, task: spec.name, data: flags.data, activation: spec.activation, written };
  stdout.write(
    flags.json
      ? `${JSON.stringify(calibrationJson(report))}\n`
      : calibrationText(report, createPaint(stdout.isTTY === true)),
  );
}

async function calibrateSample(
  sample: Sample,
  { flags, spec, config }: { flags: CalibrateFlags; spec: TaskSpec; config: Config },
): Promise<Calibration> {
  const { calibrate } = await import('../tools/eval/calibration.js');
  const { parseGoals } = await import('../tools/eval/goal.js');
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
