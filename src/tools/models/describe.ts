import { worstDelta } from '../../model/invariance.js';
import type { TaskSpec } from '../../model/manifest.js';
import { table } from '../../observe/table.js';
import type { ListedModel, ModelFacts } from './catalogue.js';
import type { Imported } from './import-types.js';

const HEAD = ['name', 'version', 'precision', 'size', 'languages', 'licence', 'tasks'];

/** Returns a table with a head; a model that cannot be read has the reason below its name. */
export function listText(models: readonly ListedModel[]): string {
  const usable = models.flatMap(model => ('error' in model ? [] : [model]));
  const [head = '', ...rows] = table([HEAD, ...usable.map(rowOf)]);
  const lines = models.flatMap(model =>
    'error' in model ? [model.name, `  cannot be used: ${model.error}`] : [rows[usable.indexOf(model)] ?? ''],
  );
  return `${[head, ...lines].join('\n')}\n`;
}

function rowOf({ name, version, precision, bytes, languages, license, tasks }: ModelFacts): string[] {
  return [
    name,
    version,
    precision,
    size(bytes.graph),
    languages.join(' ') || '-',
    license ?? 'unknown',
    tasks.map(task => task.name).join(', '),
  ];
}

/** Returns the manifest in words. */
export function showText(model: ModelFacts): string {
  const { maxTokens, maxPositions, bytes, agreement } = model;
  const lines: Array<readonly [string, string]> = [
    ['name', `${model.name} ${model.version}`],
    ['folder', model.path],
    ['licence', model.license ?? 'unknown'],
    ['languages', model.languages.join(', ') || 'not stated'],
    ['precision', model.precision],
    ['sizes', `model ${size(bytes.graph)}, tokenizer ${size(bytes.tokenizer)}`],
    ['tokenizer', model.tokenizer],
    ['tokens', `${maxTokens === undefined ? '' : `measured with up to ${maxTokens}; `}at most ${maxPositions}`],
    ['SHA-256', model.sha256],
    ['identity', model.identity],
    ['proof', `${counted(model.files, 'file')} with SHA-256, ${counted(model.golden, 'golden sample')}`],
    ['agreement', agreementText(agreement)],
    ...(agreement.accuracy ? [['accuracy', accuracyText(agreement.accuracy)] as const] : []),
  ];
  const head = lines.map(([name, text]) => `${name.padEnd(11)}${text}`);
  return `${[...head, '', ...model.tasks.flatMap(taskLines)].join('\n')}\n`;
}

function agreementText({ meanDelta, bitEqual, tolerance }: ModelFacts['agreement']): string {
  const delta =
    meanDelta === undefined
      ? 'not compared with its original'
      : `probabilities within ${meanDelta.toFixed(4)} of the original's on average`;
  if (bitEqual) return `${delta}; logits bit-equal alone, padded and in batches`;
  return tolerance === undefined ? delta : `${delta}; a logit may move by ${tolerance} with the batch`;
}

function accuracyText({ rows, original, imported }: NonNullable<ModelFacts['agreement']['accuracy']>): string {
  return `${(imported * 100).toFixed(1)} % of ${rows} labelled texts, the original ${(original * 100).toFixed(1)} %`;
}

function taskLines({ name, activation, labels, thresholds, temperature }: TaskSpec): string[] {
  const how = activation === 'softmax' ? 'one of' : labels.length === 1 ? 'yes or no' : 'any of';
  const own = labels.map((label, i) => (activation === 'softmax' ? label : `${label} (from ${thresholds[i] ?? 0.5})`));
  return [`task ${name}: ${how} ${labels.length}, ${activation}, temperature ${temperature}`, `  ${own.join(', ')}`];
}

/** Returns the result of an import in words. */
export function importedText({ output, name, version, precision, megabytes, agreement, speedup }: Imported): string {
  const { againstOriginal: against, batchInvariance: batch, accuracy } = agreement;
  const moved = worstDelta(batch).toPrecision(2);
  const lines = [
    `${output}: ${name} ${version}, ${precision}, ${megabytes.toFixed(1)} MB`,
    batch.bitEqual
      ? `logits bit-equal alone, padded and in batches (${batch.texts} texts)`
      : `logits move by up to ${moved} with padding and batch (${batch.texts} texts)`,
    ...(against
      ? [
          `probabilities ${against.meanDelta.toFixed(4)} from the original's on average, ${against.maxDelta.toFixed(3)} at most (${against.texts} texts)`,
        ]
      : []),
    ...(accuracy ? [`accuracy ${accuracyText(accuracy)}`] : []),
    ...(speedup === undefined ? [] : [`${speedup.toFixed(1)} times as fast as the original here, one thread`]),
    `try it: siftline classify FILE --model ${output}`,
  ];
  return `${lines.join('\n')}\n`;
}

function size(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
