import { Command } from 'commander';
import type { CliContext } from './context.js';

type AddCommand = (program: Command, context: CliContext) => void;

/** All commands in the order of the help. One that is called is loaded without the others. */
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

/** The command line with the command of this name; without one, or for a name that no command has, with all of them. */
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
