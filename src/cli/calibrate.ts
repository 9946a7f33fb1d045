import type { Command } from 'commander';
import type { CalibrateFlags } from './calibrate-run.js';
import type { CliContext } from './context.js';
import { share, withConfigOptions, withDataOptions } from './options.js';

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
  command.action(async (flags: CalibrateFlags) => {
    const { calibrateFile } = await import('./calibrate-run.js');
    await calibrateFile(flags, context);
  });
}
