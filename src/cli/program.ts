import { Command } from 'commander';
import type { CliContext } from './context.js';

type AddCommand = (program: Command, context: CliContext) => void;

/** All commands, in the order of the help. A command that is called is loaded without the others. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  run: async () => (await import('./run.js')).addRun,
  demo: async () => (await import('./demo.js')).addDemo,
  classify: async () => (await import('./classify.js')).addClassify,
  explain: async () => (await import('./explain.js')).addExplain,
  eval: async () => (await import('./eval.js')).addEval,
  calibrate: async () => (await import('./calibrate.js')).addCalibrate,
  tune: async () => (await import('./tune.js')).addTune,
  models: async () => (await import('./models.js')).addModels,
  topics: async () => (await import('./topics.js')).addTopics,
  check: async () => (await import('./check.js')).addCheck,
  dlq: async () => (await import('./dlq.js')).addDlq,
  replay: async () => (await import('./replay.js')).addReplay,
  audit: async () => (await import('./audit.js')).addAudit,
};

/**
 * Creates the command line with the one command of this name. Without a name, or for an unknown name, it has all
 * commands.
 */
export async function createProgram(context: CliContext, called = ''): Promise<Command> {
  const program = new Command('siftline');
  program
    .description('Classify a Kafka stream with BERT, on ordinary CPUs.')
    .version(context.version)
    .showSuggestionAfterError()
    .showHelpAfterError('(see --help)')
    .exitOverride();
  const names = Object.keys(COMMANDS);
  const wanted = names.includes(called) ? [called] : names;
  const loaded = await Promise.all(wanted.map(name => COMMANDS[name]?.()));
  for (const add of loaded) add?.(program, context);
  return program;
}
