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

/** The compiler holds them to those a model is admitted by; what admits it is loaded only when there is one. */
const LIMITS: typeof AgreementLimits = { meanDelta: 0.02, accuracyLoss: 0.01 };

const HELP = `
DIR is a text classifier as Hugging Face tools save it: config.json, tokenizer.json, and model.onnx (or onnx/model.onnx)
or model.safetensors. Without --precision as-is this needs Python 3.11 or later; what it needs is installed once, into
$CACHE or ~/.cache/siftline-training.

  siftline models import my-model --calibration posts.csv --text body
  siftline models import my-model --labelled test.csv --text body --label class --license Apache-2.0`;

/** `models`: take in a fine-tuned model, list, show and verify what is there. */
export function addModels(program: Command, context: CliContext): void {
  const models = program
    .command('models')
    .description('take in your own fine-tuned model; list, show and verify models');
  addImport(models, context);
  models
    .command('list')
    .description('the models that ship with siftline, and those in the given folders')
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
    .description('what a model is: tasks, labels, sizes, licence, what was measured')
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
    .option('--output <folder>', 'where the model goes; without it, models/ and its name')
    .option('--name <name>', "what results call it; without it, the folder's name")
    .addOption(
      new Option('--precision <kind>', 'int8 is small and fast; as-is takes an ONNX file over, without Python')
        .choices(['int8', 'fp32', 'as-is'])
        .default('int8'),
    )
    .option('--calibration <file>', 'some hundred texts like yours (.txt, .jsonl, .csv): int8 scales come from them')
    .option('--labelled <file>', 'labelled texts (.jsonl, .csv): accuracy is compared with the original')
    .option('--text <field>', 'where the text is in those files', 'text')
    .option('--label <field>', 'where the label is', 'label')
    .option('--task <name>', 'which task the labels answer, of a model with several')
    .option(
      '--max-delta <n>',
      "refuse a mean difference from the original's probabilities above it",
      share('from 0 to 1'),
      LIMITS.meanDelta,
    )
    .option('--max-accuracy-loss <n>', 'refuse a loss of accuracy above it', share('from 0 to 1'), LIMITS.accuracyLoss)
    .option('--max-tokens <n>', 'measure with texts of up to so many tokens', whole(8, 512), 128)
    .option('--license <spdx>', "the original's licence, such as Apache-2.0")
    .option('--languages <list>', 'its languages, such as en,de', list)
    .option('--python <path>', 'use this interpreter and install nothing')
    .option('--force', 'replace a model that is there')
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
    .option('--text <field>', 'where the text is in it', 'text')
    .option('--label <field>', 'where the label is', 'label')
    .option('--task <name>', 'which task the labels answer, of a model with several')
    .option('--against <dir>', 'the model it was made from: measure the agreement again')
    .option('--python <path>', 'use this interpreter and install nothing (--against PyTorch weights)')
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
  await interruptible({ stderr, ended: 'not all was checked' }, async signal => {
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

/** The engine is loaded only by a command that runs a model here: `siftline run` has it in its workers alone. */
async function engine<T>(load: () => Promise<T>): Promise<T> {
  const { disableTelemetry } = await import('../stage/offline.js');
  disableTelemetry();
  return load();
}

/** `ok      golden     8 samples ...`; the way out on a line of its own. */
function lineOf({ status, check, text, details = [], remedy }: Finding): string {
  const word = { ok: 'ok', warn: 'warn', fail: 'FAILED', skip: 'skip' }[status];
  const below = [...details, ...(remedy ? [`-> ${remedy}`] : [])].map(line => `${' '.repeat(20)}${line}`);
  return `${[`${word.padEnd(8)}${check.padEnd(12)}${text}`, ...below].join('\n')}\n`;
}

function notVerified(model: string, failed: readonly Finding[]): SiftlineError {
  const checks = failed.map(({ check }) => check).join(', ');
  return SiftlineError.model('MODEL_NOT_VERIFIED', `${model}: not as it should be (${checks}); do what is said above`);
}

function asJson(value: unknown): string {
  return `${printableJson(value, 2)}\n`;
}
