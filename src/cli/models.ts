import { type Command, Option } from 'commander';
import { SiftlineError } from '../errors.js';
import type { Finding } from '../observe/finding.js';
import { printableData, printableJson, printableLines } from '../observe/printable.js';
import type { LIMITS as AgreementLimits } from '../tools/models/agreement.js';
import type { ImportOptions } from '../tools/models/import-types.js';
import type { VerifyOptions } from '../tools/models/verify.js';
import type { CliContext } from './context.js';
import { interruptible } from './interrupt.js';
import { list, share, whole } from './options.js';

interface JsonFlag {
  readonly json?: boolean;
}

interface PythonFlag {
  readonly python?: string;
}

type ImportFlags = Omit<ImportOptions, 'source' | 'force' | 'languages'> &
  JsonFlag &
  PythonFlag & { readonly force?: boolean; readonly languages?: readonly string[] };
type VerifyFlags = Omit<VerifyOptions, 'model'> & JsonFlag & PythonFlag;

/**
 * The limits by which a model is admitted. The compiler holds them to the limits of the import, which is loaded only
 * when a model is imported.
 */
const LIMITS: typeof AgreementLimits = { meanDelta: 0.02, accuracyLoss: 0.01 };

const HELP = `
DIR is a text classifier as Hugging Face tools save it: config.json, tokenizer.json, and model.onnx (or onnx/model.onnx)
or model.safetensors. Without --precision as-is this needs Python 3.11 or later; its packages are installed once, into
$CACHE or ~/.cache/siftline-training.

  siftline models import my-model --calibration posts.csv --text body
  siftline models import my-model --labelled test.csv --text body --label class --license Apache-2.0`;

/** Adds `models`, which imports a fine-tuned model, and lists, shows and verifies models. */
export function addModels(program: Command, context: CliContext): void {
  const models = program
    .command('models')
    .description('import your own fine-tuned model; list, show and verify models');
  addImport(models, context);
  models
    .command('list')
    .description('list the models that ship with siftline, and the models in the given folders')
    .argument('[folders...]', 'a model, or a folder of models')
    .option('--json', 'one JSON object, for programs')
    .action(async (folders: string[], { json }: JsonFlag) => {
      const { listModels } = await import('../tools/models/catalogue.js');
      const { listText } = await import('../tools/models/describe.js');
      const found = await listModels(folders);
      context.stdout.write(json ? asJson({ models: found }) : listText(printableData(found)));
    });
  models
    .command('show')
    .description('show a model: tasks, labels, sizes, licence and measurements')
    .argument('<model>', 'a model folder, or the name of a shipped model')
    .option('--json', 'one JSON object, for programs')
    .action(async (model: string, { json }: JsonFlag) => {
      const { modelFacts } = await import('../tools/models/catalogue.js');
      const { showText } = await import('../tools/models/describe.js');
      const facts = await modelFacts(model);
      context.stdout.write(json ? asJson(facts) : showText(printableData(facts)));
    });
  addVerify(models, context);
}

function addImport(models: Command, context: CliContext): void {
  models
    .command('import')
    .description('make a siftline model of a fine-tuned Hugging Face folder, and measure it')
    .argument('<dir>', 'the fine-tuned model')
    .option('--output <folder>', 'folder to write the model to; without it, models/NAME')
    .option('--name <name>', "name of the model in results; without it, the folder's name")
    .addOption(
      new Option(
        '--precision <kind>',
        'int8 is small and fast; as-is keeps the ONNX file unchanged and needs no Python',
      )
        .choices(['int8', 'fp32', 'as-is'])
        .default('int8'),
    )
    .option('--calibration <file>', 'a few hundred texts like yours (.txt, .jsonl, .csv), which set the scales of int8')
    .option('--labelled <file>', 'labelled texts (.jsonl, .csv), on which accuracy is compared with the original')
    .option('--text <field>', 'field or column of the text in those files', 'text')
    .option('--label <field>', 'field or column of the label', 'label')
    .option('--task <name>', 'task that the labels answer; for a model with several tasks')
    .option(
      '--max-delta <n>',
      "refuse a model whose probabilities differ more than this from the original's, on average",
      share('from 0 to 1'),
      LIMITS.meanDelta,
    )
    .option(
      '--max-accuracy-loss <n>',
      'refuse a model that loses more accuracy than this',
      share('from 0 to 1'),
      LIMITS.accuracyLoss,
    )
    .option('--max-tokens <n>', 'measure with texts of up to this many tokens', whole(8, 512), 128)
    .option('--license <spdx>', "the original's licence, such as Apache-2.0")
    .option('--languages <list>', 'its languages, such as en,de', list)
    .option('--python <path>', 'use this Python interpreter and install nothing')
    .option('--force', 'replace the model if the folder already holds one')
    .option('--json', 'one JSON object, for programs')
    .addHelpText('after', HELP)
    .action((source: string, flags: ImportFlags) => runImport(source, flags, context));
}

function addVerify(models: Command, context: CliContext): void {
  models
    .command('verify')
    .description('check a model: files, golden answers, independence from the batch, agreement with its original')
    .argument('<model>', 'a model folder, or the name of a shipped model')
    .option('--data <file>', 'labelled texts (.jsonl, .csv): measure accuracy')
    .option('--text <field>', 'field or column of the text', 'text')
    .option('--label <field>', 'field or column of the label', 'label')
    .option('--task <name>', 'task that the labels answer; for a model with several tasks')
    .option('--against <dir>', 'the model it was made from; measures the agreement with it again')
    .option('--python <path>', 'use this Python interpreter and install nothing (for --against with PyTorch weights)')
    .option('--json', 'one JSON object, for programs')
    .action((model: string, flags: VerifyFlags) => runVerify(model, flags, context));
}

async function runImport(source: string, { json, python, ...flags }: ImportFlags, context: CliContext): Promise<void> {
  const { env, stderr } = context;
  const { importedText } = await import('../tools/models/describe.js');
  await interruptible({ stderr, ended: 'nothing was written' }, async signal => {
    const { importModel } = await engine(() => import('../tools/models/import.js'));
    const io = { env, python, signal, say: (line: string) => void stderr.write(`${printableLines(line)}\n`) };
    const options = { ...flags, source, force: flags.force === true, languages: flags.languages ?? [] };
    const imported = await importModel(options, io);
    for (const warning of imported.warnings) io.say(`note: ${warning}`);
    context.stdout.write(json ? asJson({ ok: true, ...imported }) : importedText(printableData(imported)));
  });
}

async function runVerify(model: string, { json, python, ...flags }: VerifyFlags, context: CliContext): Promise<void> {
  const { env, stderr } = context;
  await interruptible({ stderr, ended: 'some checks were skipped' }, async signal => {
    const { verifyModel } = await engine(() => import('../tools/models/verify.js'));
    const io = { env, python, signal, say: () => {} };
    const findings: Finding[] = [];
    for await (const finding of verifyModel({ ...flags, model }, io)) {
      findings.push(finding);
      if (!json) context.stdout.write(lineOf(printableData(finding)));
    }
    const failed = findings.filter(({ status }) => status === 'fail');
    if (json) context.stdout.write(asJson({ ok: failed.length === 0, model, findings }));
    if (failed.length > 0) throw notVerified(model, failed);
  });
}

/**
 * Loads the engine, and only for a command that runs a model in this process. `siftline run` has it in its workers
 * alone.
 */
async function engine<T>(load: () => Promise<T>): Promise<T> {
  const { disableTelemetry } = await import('../stage/offline.js');
  disableTelemetry();
  return load();
}

/** Returns a line such as `ok      golden     8 samples ...`, with the way out on a separate line below. */
function lineOf({ status, check, text, details = [], remedy }: Finding): string {
  const word = { ok: 'ok', warn: 'warn', fail: 'FAILED', skip: 'skip' }[status];
  const below = [...details, ...(remedy ? [`-> ${remedy}`] : [])].map(line => `${' '.repeat(20)}${line}`);
  return `${[`${word.padEnd(8)}${check.padEnd(12)}${text}`, ...below].join('\n')}\n`;
}

function notVerified(model: string, failed: readonly Finding[]): SiftlineError {
  const checks = failed.map(({ check }) => check).join(', ');
  return SiftlineError.model(
    'MODEL_NOT_VERIFIED',
    `${model}: the model did not pass (${checks}); follow the advice above`,
  );
}

function asJson(value: unknown): string {
  return `${printableJson(value, 2)}\n`;
}
