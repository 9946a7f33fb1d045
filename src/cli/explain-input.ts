import { Readable } from 'node:stream';
import type { Config } from '../config/schema.js';
import { recordsOnly } from '../consumer/buffer.js';
import { createDecoder } from '../consumer/decode/decode.js';
import { type FileFormat, fileInput, streamInput } from '../consumer/files/input.js';
import { createFileDecoder, FileSource } from '../consumer/files/source.js';
import type { Decoded, SourceRecord } from '../ports.js';

/** A record and what decoding made of it. */
export interface Given {
  readonly decoded: Decoded;
  /** Where it stood; empty for a text of the command line. */
  readonly place: { readonly file?: string; readonly line?: number };
}

export interface Texts {
  batches(): AsyncIterable<readonly Given[]>;
  /** No more texts; what has been handed out may still be answered. */
  stop(): void;
}

/** Few at a time: each takes as long as a batch of `classify`, and is shown as soon as its neighbours are done. */
const BATCH_RECORDS = 8;

/** Texts of the command line, read as lines of a text file are. */
export function textsFromArguments(texts: readonly string[], config: Config['input']): Texts {
  const decoder = createDecoder({ ...config, format: 'text' });
  const given = texts.map((text, i) => ({ decoded: decoder.decode(recordOf(text, i)), place: {} }));
  return {
    async *batches() {
      yield given;
    },
    stop: () => {},
  };
}

/** Records of files, or of standard input, as `classify` reads them. */
export async function textsFromFiles(
  files: readonly string[],
  { format, stdin, config }: { format: FileFormat | undefined; stdin: NodeJS.ReadableStream; config: Config },
): Promise<Texts> {
  const readable = stdin instanceof Readable ? stdin : Readable.from(stdin);
  const names = files.length > 0 ? files : ['-'];
  const inputs = await Promise.all(
    names.map(async name => (name === '-' ? streamInput('stdin', readable, format) : fileInput(name, format))),
  );
  const { batchBytes } = config.workers;
  const source = new FileSource({ inputs, ...config.input, batchBytes, budget: recordsOnly(BATCH_RECORDS) });
  const decoder = createFileDecoder(inputs, config.input);
  const placeOf = ({ topic, offset }: SourceRecord) => ({
    ...(inputs.length > 1 ? { file: topic } : {}),
    line: Number(offset) + 1,
  });
  return {
    async *batches() {
      for (let batch = await source.take(); batch; batch = await source.take()) {
        yield batch.records.map(record => ({ decoded: decoder.decode(record), place: placeOf(record) }));
        source.done(batch);
      }
    },
    stop: () => source.stop(),
  };
}

function recordOf(text: string, line: number): SourceRecord {
  const value = Buffer.from(text);
  return { topic: 'arguments', partition: 0, offset: BigInt(line), timestamp: -1n, key: null, value, headers: [] };
}
