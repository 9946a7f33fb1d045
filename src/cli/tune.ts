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

/** `tune`: settings for this machine and these texts, by measuring. */
export function addTune(program: Command, context: CliContext): void {
  const command = program
    .command('tune')
    .description('find threads, run and batch length, and the confidence of a cascade, by measuring')
    .argument('[files...]', 'texts as classify takes them; without files, those of the demo')
    .addOption(inputFormatOption())
    .option(
      '--latency-ms <ms>',
      'p99 of a text, from its arrival to its answer; without it, throughput counts',
      aboveZero,
    )
    .option('--rate <n>', 'texts a second at which the latency is to hold', aboveZero)
    .option('--load <share>', 'without --rate: the same as a share of what the given settings can do', SHARE, 0.6)
    .option('--agreement <share>', 'share of texts that a cascade is to decide as its full model would', SHARE, 0.99)
    .option('--by-label', 'a confidence for each task or label of a cascade, not one for all')
    .option('--seconds <n>', 'how long it may take, about', aboveZero, 180)
    .option('-o, --output <file>', 'write what is better into this configuration file, new or not')
    .option('--json', 'one line of JSON, for programs')
    .addHelpText('after', HELP);
  withConfigOptions(command, ['text', 'model', 'tasks', 'workers', 'logLevel']);
  command.action(async (files: string[], flags: TuneFlags) => {
    const { tuneFiles } = await import('./tune-run.js');
    await tuneFiles(files, flags, context);
  });
}
