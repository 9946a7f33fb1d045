import { Command } from 'commander';
import { addAudit } from './audit.js';
import { addCalibrate } from './calibrate.js';
import { addCheck } from './check.js';
import { addClassify } from './classify.js';
import type { CliContext } from './context.js';
import { addDemo } from './demo.js';
import { addDlq } from './dlq.js';
import { addEval } from './eval.js';
import { addExplain } from './explain.js';
import { addModels } from './models.js';
import { addReplay } from './replay.js';
import { addRun } from './run.js';
import { addTopics } from './topics.js';
import { addTune } from './tune.js';

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
  addExplain(program, context);
  addEval(program, context);
  addCalibrate(program, context);
  addTune(program, context);
  addModels(program, context);
  addTopics(program, context);
  addCheck(program, context);
  addDlq(program, context);
  addReplay(program, context);
  addAudit(program, context);
  return program;
}
