import type { Config } from '../config/schema.js';
import { demoTexts } from '../demo/texts.js';
import { SiftlineError } from '../errors.js';
import { decodedRecords, type FileInput } from '../stage/offline.js';
import type { Text } from '../tools/tune/feed.js';

export interface TuneTexts {
  readonly texts: readonly Text[];
  /** For the report: where they come from. */
  readonly from: string;
  /** Records that `classify` would reject or skip. */
  readonly unusable: number;
}

/** Texts beyond these say no more about a machine. */
const MOST = { texts: 10_000, bytes: 32 * 1024 * 1024 };

/** The texts of these files as `classify` reads them, the first ten thousand; without files, those of the demo. */
export async function tuneTexts(inputs: readonly FileInput[], config: Config): Promise<TuneTexts> {
  if (inputs.length === 0) {
    const texts = demoTexts('texts.jsonl').map(text => ({ text, bytes: Buffer.byteLength(text) }));
    return { texts, from: 'of the demo, and not of yours: give files', unusable: 0 };
  }
  const from = `from ${inputs.map(({ name }) => name).join(', ')}`;
  const found = await readTexts(inputs, config);
  if (found.texts.length > 0) return { ...found, from };
  const why = found.unusable === 0 ? 'nothing in it' : `${found.unusable} records and none with a text`;
  throw SiftlineError.usage(
    'TUNE_EMPTY',
    `no texts ${from}: ${why}; give files with texts, and --text if they stand in another field than ${config.input.textFields.join(', ')}`,
  );
}

async function readTexts(inputs: readonly FileInput[], config: Config): Promise<Omit<TuneTexts, 'from'>> {
  const texts: Text[] = [];
  let [bytes, unusable] = [0, 0];
  for await (const batch of decodedRecords(inputs, config, config.workers.batchRecords).batches()) {
    for (const { decoded, record } of batch) {
      if (decoded.kind !== 'text') unusable += 1;
      else texts.push({ text: decoded.text, bytes: record.value?.length ?? 0 });
      bytes += record.value?.length ?? 0;
    }
    if (texts.length >= MOST.texts || bytes >= MOST.bytes) break;
  }
  return { texts: texts.slice(0, MOST.texts), unusable };
}
