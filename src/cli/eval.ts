import type { Command } from 'commander';
import type { CliContext } from './context.js';
import type { EvalFlags } from './eval-run.js';
import { list, whole, withConfigOptions, withDataOptions } from './options.js';

const HELP = `
Decisions are those of serving, thresholds of the policy included. Texts are never printed. What each number means:
docs/evaluation.md.

  siftline eval --data reviews.csv --text body --label stars --map 1=negative,5=positive --ignore-unknown --task sentiment
  siftline eval --data comments.jsonl --task moderation --positive toxic --label is_toxic --html report.html`;

/** `eval`: how good a model is on labelled texts, or which of two is better. */
export function addEval(program: Command, context: CliContext): void {
  const command = withDataOptions(
    program.command('eval').description('score the model on labelled texts: accuracy, F1, calibration, intervals'),
  )
    .option('--labels <list>', 'of a task that chooses, ask only for these labels; rows with others are dropped', list)
    .option('--bootstrap <n>', 'how many resamples make the 95 % intervals; 0 for none', whole(0, 999_999), 1_000)
    .option('--against <model>', 'compare with this model, on the same rows')
    .option('--against-task <name>', "the other model's task, where it has another name")
    .option('--json', 'one line of JSON, for programs')
    .option('--html <file>', 'write a report with plots, one page that needs nothing else')
    .option('--errors <file>', 'write wrong answers as JSON lines: line, expected, got, score; no texts')
    .addHelpText('after', HELP);
  withConfigOptions(command, ['text', 'model', 'workers', 'logLevel']);
  command.action(async (flags: EvalFlags) => {
    const { evaluateFile } = await import('./eval-run.js');
    await evaluateFile(flags, context);
  });
}
