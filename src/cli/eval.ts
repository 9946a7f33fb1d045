import type { Command } from 'commander';
import type { CliContext } from './context.js';
import type { EvalFlags } from './eval-run.js';
import { list, whole, withConfigOptions, withDataOptions } from './options.js';

const HELP = `
Decisions are made as siftline run makes them, with the thresholds of the policy. Texts are never printed. Each number is
explained in docs/evaluation.md.

  siftline eval --data reviews.csv --text body --label stars --map 1=negative,5=positive --ignore-unknown --task sentiment
  siftline eval --data comments.jsonl --task moderation --positive toxic --label is_toxic --html report.html`;

/** Adds `eval`, which measures how good a model is on labelled texts, or which of two models is better. */
export function addEval(program: Command, context: CliContext): void {
  const command = withDataOptions(
    program.command('eval').description('score the model on labelled texts: accuracy, F1, calibration, intervals'),
  )
    .option(
      '--labels <list>',
      'for a single-label task: ask only for these labels, and drop rows with other labels',
      list,
    )
    .option(
      '--bootstrap <n>',
      'number of resamples for the 95 % intervals; 0 leaves the intervals out',
      whole(0, 999_999),
      1_000,
    )
    .option('--against <model>', 'compare with this model, on the same rows')
    .option('--against-task <name>', 'name of the task in the other model, if it differs')
    .option('--json', 'one line of JSON, for programs')
    .option('--html <file>', 'write a report with plots, as one self-contained HTML page')
    .option('--errors <file>', 'write wrong answers as JSON lines: line, expected, got, score; no texts')
    .addHelpText('after', HELP);
  withConfigOptions(command, ['text', 'model', 'workers', 'logLevel']);
  command.action(async (flags: EvalFlags) => {
    const { evaluateFile } = await import('./eval-run.js');
    await evaluateFile(flags, context);
  });
}
