import type { Command } from 'commander';
import type { CalibrateFlags } from './calibrate-run.js';
import type { CliContext } from './context.js';
import { share, withConfigOptions, withDataOptions } from './options.js';

const HELP = `
Fits one temperature for the task, and then a threshold for every sigmoid label: the one with the best F1, or the one that
--precision, --recall or --for asks for. Without --write-model or --write-policy nothing is written. More in docs/evaluation.md.

  siftline calibrate --model ./my-model --task moderation --data labelled.jsonl --precision 0.95 --write-model
  siftline calibrate --task moderation --data labelled.jsonl --for toxic=precision:0.95,sexist=recall:0.9 --write-policy siftline.yaml`;

const HOLDOUT = share('from 0 to below 1, such as 0.5; 0 keeps nothing back', n => n < 1);

/** Adds `calibrate`, which fits temperature and thresholds to labelled texts. */
export function addCalibrate(program: Command, context: CliContext): void {
  const command = withDataOptions(
    program.command('calibrate').description("fit the model's temperature and thresholds to labelled texts"),
  )
    .option('--precision <share>', 'choose thresholds that reach at least this precision, with the most recall')
    .option('--recall <share>', 'choose thresholds that reach at least this recall, with the most precision')
    .option('--for <goals>', 'goals label by label, such as toxic=precision:0.95,sexist=recall:0.9,rude=f1')
    .option('--holdout <share>', 'share of the rows to hold out; the numbers are reported on them', HOLDOUT, 0.5)
    .option('--write-model', "write temperature and thresholds into the model folder's siftline.json")
    .option('--force', 'allow --write-model to change a model that ships with siftline')
    .option(
      '--write-policy <file>',
      'write thresholds into the policy of this configuration file; a missing file is created',
    )
    .option(
      '--policy-version <name>',
      'new name of the policy (policy.version); without it, a new file gets the date and time',
    )
    .option('--json', 'one line of JSON, for programs')
    .addHelpText('after', HELP);
  withConfigOptions(command, ['text', 'model', 'workers', 'logLevel']);
  command.action(async (flags: CalibrateFlags) => {
    const { calibrateFile } = await import('./calibrate-run.js');
    await calibrateFile(flags, context);
  });
}
