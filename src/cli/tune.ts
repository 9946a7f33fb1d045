import type { Command } from 'commander';
import type { CliContext } from './context.js';
import { aboveZero, inputFormatOption, share, withConfigOptions } from './options.js';
import type { TuneFlags } from './tune-run.js';

const HELP = `
Measures on this machine, with these texts, and without a broker: workers.count, runTokens and batchMs; and with
model.cascade.path the confidence of the cascade. Without -o nothing is written. More in docs/tuning.md.

  siftline tune posts.csv --text body -c siftline.yaml -o siftline.tuned.yaml
  siftline tune posts.csv --text body --latency-ms 100 --rate 200`;

const SHARE = share('above 0 and at most 1, such as 0.99', n => n > 0);

/** Adds `tune`, which finds settings for this machine and these texts by measuring. */
export function addTune(program: Command, context: CliContext): void {
  const command = program
    .command('tune')
    .description('find by measuring: threads, run and batch length, and the confidence of a cascade')
    .argument('[files...]', 'texts as classify takes them; without files, the texts of the demo')
    .addOption(inputFormatOption())
    .option(
      '--latency-ms <ms>',
      'highest p99 of a text, from its arrival to its answer; without it, throughput counts',
      aboveZero,
    )
    .option('--rate <n>', 'texts a second at which the latency must hold', aboveZero)
    .option(
      '--load <share>',
      'without --rate: the rate, as a share of the throughput of the given settings',
      SHARE,
      0.6,
    )
    .option('--agreement <share>', 'share of texts that a cascade must decide as its full model would', SHARE, 0.99)
    .option('--by-label', 'find a confidence for each task or label of a cascade, not one for all')
    .option('--seconds <n>', 'how long the measuring may take, about', aboveZero, 180)
    .option('-o, --output <file>', 'write the better settings into this configuration file; a missing file is created')
    .option('--json', 'one line of JSON, for programs')
    .addHelpText('after', HELP);
  withConfigOptions(command, ['text', 'model', 'tasks', 'workers', 'logLevel']);
  command.action(async (files: string[], flags: TuneFlags) => {
    const { tuneFiles } = await import('./tune-run.js');
    await tuneFiles(files, flags, context);
  });
}
