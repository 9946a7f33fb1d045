import type { Config } from '../../config/schema.js';
import type { FileInput } from '../../consumer/files/input.js';
import { readTextRows } from '../../consumer/files/texts.js';
import { SiftlineError } from '../../errors.js';

/** A text to measure with. */
export interface SizedText {
  readonly text: string;
  /** The length of the text in UTF-8. */
  readonly bytes: number;
}

export interface TuneTexts {
  readonly texts: readonly SizedText[];
  /** The origin of the texts, for the report. */
  readonly from: string;
  /** The number of records that `classify` would reject or skip. */
  readonly unusable: number;
}

/** The most texts to measure with. More of them say no more about a machine. */
const MOST = { texts: 10_000, bytes: 32 * 1024 * 1024 };

/**
 * Returns the texts of these files as `classify` reads them, the first ten thousand; without files, the texts of the
 * demo.
 */
export async function tuneTexts(
  inputs: readonly FileInput[],
  { input }: Pick<Config, 'input'>,
  demo: () => readonly string[],
): Promise<TuneTexts> {
  if (inputs.length === 0) {
    const texts = demo().map(text => ({ text, bytes: Buffer.byteLength(text) }));
    return { texts, from: 'of the demo, not your own: give files', unusable: 0 };
  }
  const from = `from ${inputs.map(({ name }) => name).join(', ')}`;
  const found = await textsOf(inputs, input);
  if (found.texts.length > 0) return { ...found, from };
  const why = found.unusable === 0 ? 'it is empty' : `none of its ${found.unusable} records has a text`;
  throw SiftlineError.usage(
    'TUNE_EMPTY',
    `no texts ${from}: ${why}; give files with texts, and --text if the field is not ${input.textFields.join(', ')}`,
  );
}

async function textsOf(inputs: readonly FileInput[], options: Config['input']): Promise<Omit<TuneTexts, 'from'>> {
  const texts: SizedText[] = [];
  let [bytes, unusable] = [0, 0];
  for (const input of inputs) {
    for await (const { value, decoded } of readTextRows(input, options)) {
      if (decoded.kind !== 'text') unusable += 1;
      else texts.push({ text: decoded.text, bytes: value.length });
      bytes += value.length;
      if (texts.length >= MOST.texts || bytes >= MOST.bytes) return { texts, unusable };
    }
  }
  return { texts, unusable };
}
