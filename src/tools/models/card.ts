import { type Invariance, worstDelta } from '../../model/invariance.js';
import type { TaskSpec } from '../../model/manifest.js';
import type { ScoreComparison } from './agreement.js';
import type { SourceModel } from './source.js';

/** The measurements of an import, in the form of the manifest's `agreement`. */
export interface Measured {
  /** Missing for a file that is kept as it is. */
  readonly againstOriginal?: ScoreComparison;
  readonly batchInvariance: Invariance & { readonly tolerance: number };
  /**
   * The number of texts that were tokenised both by the served tokenizer and by the one of training, and of those that
   * differ; missing if they were not compared.
   */
  readonly tokenizer?: { readonly texts: number; readonly different: number };
  readonly accuracy?: {
    readonly rows: number;
    readonly task: string;
    readonly original: number;
    readonly imported: number;
  };
  readonly limits: { readonly meanDelta: number; readonly accuracyLoss: number };
}

export interface CardFacts {
  readonly name: string;
  readonly source: SourceModel;
  readonly precision: string;
  /** The value in the manifest. */
  readonly saturates: boolean | undefined;
  readonly license: string | undefined;
  readonly languages: readonly string[];
  readonly tasks: readonly TaskSpec[];
  readonly maxTokens: number;
  readonly megabytes: number;
  /** The origin of the texts for int8 scales and comparison; undefined if no texts were needed. */
  readonly texts: { readonly own: boolean; readonly calibration: number } | undefined;
  readonly measured: Measured;
}

/** Returns the model card of an imported model: README.md of its folder. */
export function cardOf(facts: CardFacts): string {
  const { name, source, precision, license, megabytes, maxTokens } = facts;
  return `${[
    '---',
    ...(license ? [`license: ${license.toLowerCase()}`] : []),
    ...(facts.languages.length > 0 ? [`language: [${facts.languages.join(', ')}]`] : []),
    'library_name: onnx',
    'pipeline_tag: text-classification',
    '---',
    '',
    `# ${name}`,
    '',
    `Made by \`siftline models import\` from ${source.name} (${source.family}, ${source.onnxFile ? 'ONNX' : 'PyTorch weights'}).`,
    `${precision}, ${megabytes.toFixed(1)} MB, measured with texts of up to ${maxTokens} tokens.`,
    `Licence: ${license ?? 'unknown; the licence of the original applies, look it up before use'}.`,
    '',
    '## Labels',
    '',
    ...facts.tasks.map(labelLine),
    '',
    '## Measured',
    '',
    ...measuredLines(facts),
    '',
    '## Use',
    '',
    '    siftline classify texts.txt --model FOLDER',
    '    siftline run --model FOLDER --brokers HOST:9092 --topics TOPIC',
    '    siftline models verify FOLDER',
    '',
    'Scores are softmax or sigmoid of the logits divided by the temperature in `siftline.json`. The file is made for the',
    'version of ONNX Runtime that siftline comes with: keep the original, to import it again.',
  ].join('\n')}\n`;
}

function labelLine({ name, labels, activation }: TaskSpec): string {
  const how = activation === 'softmax' ? 'one of' : labels.length === 1 ? 'yes or no' : 'any of';
  return `- \`${name}\`, ${how}: ${labels.join(', ')}`;
}

function measuredLines({ texts, measured, precision, saturates }: CardFacts): string[] {
  const { againstOriginal, batchInvariance: batch, tokenizer, accuracy } = measured;
  const lines = [invarianceLine(batch), ...arithmeticLines(saturates)];
  if (againstOriginal) {
    const { meanDelta, maxDelta, sameLabel } = againstOriginal;
    lines.push(
      `- Against the original, ${againstOriginal.texts} texts: probabilities differ by ${meanDelta.toFixed(4)} on average and ${maxDelta.toFixed(3)} at most; ${percent(sameLabel)} have the same label.`,
    );
  }
  if (tokenizer)
    lines.push(
      `- Tokens as the original's tokenizer makes them: ${tokenizer.texts - tokenizer.different} of ${tokenizer.texts} texts.`,
    );
  if (accuracy) {
    lines.push(
      `- Accuracy of \`${accuracy.task}\` on ${accuracy.rows} labelled texts: ${percent(accuracy.imported)}, the original ${percent(accuracy.original)}.`,
    );
  }
  if (texts) lines.push(textsLine(texts, precision));
  return lines;
}

function invarianceLine(found: Invariance): string {
  if (found.bitEqual) return `- ${found.texts} texts have the same logits, bit for bit, alone, padded and in batches.`;
  return `- ${found.texts} texts alone, padded and in batches: a logit moves by up to ${worstDelta(found).toPrecision(2)}.`;
}

/** Returns lines about the sums of int8 products, which x86 CPUs without VNNI clip by themselves. */
function arithmeticLines(saturates: boolean | undefined): string[] {
  if (saturates === undefined) return [];
  return [
    saturates
      ? '- x86 CPUs without VNNI clip some of its int8 sums; siftline widens its products there, at about nine tenths of the throughput.'
      : '- No CPU clips a sum of its int8 products: all CPUs compute the same integers, each with its fastest kernel.',
  ];
}

function textsLine({ own, calibration }: NonNullable<CardFacts['texts']>, precision: string): string {
  const scales = precision === 'int8-static' ? `The int8 scales come from ${calibration} ` : 'The comparison used ';
  return own
    ? `- ${scales}texts given at the import.`
    : `- ${scales}general English sentences that come with siftline. Texts like the ones that the model will see are better: import it again with \`--calibration\`.`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
