import { Command } from 'commander';
import { addCheck } from './check.js';
import { addClassify } from './classify.js';
import type { CliContext } from './context.js';
import { addDemo } from './demo.js';
import { addRun } from './run.js';
import { addTopics } from './topics.js';

/** The command line, whole. */
export function createProgram(context: CliContext): Command {
  const program = new Command('siftline');
  program
    .description('Classify a Kafka stream with BERT, on ordinary CPUs.')
    .version(context.version)
    .showSuggestionAfterError()
    .showHelpAfterError('(see --help)')
    .exitOverride();
  addRun(program, context);
  addDemo(program, context);
  addClassify(program, context);
  addTopics(program, context);
  addCheck(program, context);
  return program;
}
