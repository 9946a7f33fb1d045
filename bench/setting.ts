import { readFileSync } from 'node:fs';
import { type ModelFolder, readModelFolder } from '../src/model/folder.js';
import { Tokenizer } from '../src/model/tokenizer.js';
import type { ModelInfo } from '../src/ports.js';
import type { BenchArgs } from './args.js';
import { measureRaw } from './contestants/raw.js';
import type { Measured } from './measured.js';
import { distinctTexts, readTexts } from './texts.js';
import { BenchBroker } from './topics.js';

const MAX_TOKENS = 128;
const RUN_TOKENS = 512;

/** The common setting of all contestants: texts, model, broker. */
export class Setting {
  readonly args: BenchArgs;
  readonly broker: BenchBroker;
  readonly folder: ModelFolder;
  /** The real texts that the texts were made from. */
  readonly real: readonly string[];
  readonly texts: readonly string[];
  readonly meanTokens: number;
  readonly #tokenizer: Tokenizer;

  private constructor(args: BenchArgs, broker: BenchBroker, folder: ModelFolder) {
    this.args = args;
    this.broker = broker;
    this.folder = folder;
    this.real = readTexts(args.texts);
    this.texts = distinctTexts(this.real, args.count);
    this.#tokenizer = new Tokenizer(JSON.parse(readFileSync(folder.tokenizerFile, 'utf8')), folder.info.maxTokens);
    this.meanTokens = this.#ids(this.texts).reduce((sum, ids) => sum + ids.length, 0) / this.texts.length;
  }

  static async open(args: BenchArgs): Promise<Setting> {
    const folder = await readModelFolder({ path: args.model, maxTokens: MAX_TOKENS, verify: true });
    return new Setting(args, await BenchBroker.start(), folder);
  }

  get model(): ModelInfo {
    return this.folder.info;
  }

  /** Measures the limit on these texts. */
  raw(texts: readonly string[], threads: number): Promise<Measured> {
    const { onnxFile, optimised, saturates, padId } = this.folder;
    return measureRaw({ onnxFile, optimised, saturates, padId, runTokens: RUN_TOKENS, ids: this.#ids(texts) }, threads);
  }

  #ids(texts: readonly string[]): number[][] {
    return texts.map(text => this.#tokenizer.encode(text).ids as number[]);
  }
}
