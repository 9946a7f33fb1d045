import type { Arithmetic } from './arithmetic.js';
import type { ModelFolder } from './folder.js';
import type { Invariance } from './invariance.js';
import { readKnown } from './known-files.js';
import { Tensors, widthFor } from './plan.js';
import { Session } from './session.js';
import { Tokenizer } from './tokenizer.js';

/** Texts in a run that stands for a batch of serving. */
const BATCH_TEXTS = 16;

/** Runs a graph and its tokenizer without tasks and scores: it gives the raw logits of runs of a chosen shape. */
export class Probe {
  readonly #tokenizer: Tokenizer;
  readonly #session: Session;
  readonly #tensors: Tensors;
  readonly #maxTokens: number;

  private constructor(folder: ModelFolder, session: Session) {
    this.#maxTokens = folder.info.maxTokens;
    const json = readKnown(folder.tokenizerFile, folder.hashes).toString('utf8');
    this.#tokenizer = new Tokenizer(JSON.parse(json), this.#maxTokens);
    this.#tensors = new Tensors(folder.padId);
    this.#session = session;
  }

  /**
   * Loads the tokenizer and the graph, in the arithmetic that is exact on this CPU unless another is given. Throws
   * MODEL_UNREADABLE.
   */
  static async open(folder: ModelFolder, arithmetic?: Arithmetic): Promise<Probe> {
    return new Probe(folder, await Session.open(folder, arithmetic));
  }

  get outputNames(): readonly string[] {
    return this.#session.outputNames;
  }

  tokens(text: string): readonly number[] {
    return this.#tokenizer.encode(text).ids;
  }

  /** Returns the logits of each text, run alone: the logits of all outputs, one after the other. */
  async logits(texts: readonly string[]): Promise<number[][]> {
    const rows: number[][] = [];
    for (const text of texts) {
      const ids = this.tokens(text);
      rows.push(...(await this.#logits([ids], widthFor(ids.length, this.#maxTokens))));
    }
    return rows;
  }

  /**
   * Runs every text alone, padded to the model's `maxTokens`, and in batches of 16 in the given order, and compares the
   * logits. Awaits `pause` between runs.
   */
  async invariance(texts: readonly string[], pause: () => Promise<void>): Promise<Invariance> {
    const ids = texts.map(text => this.tokens(text));
    const alone: number[][] = [];
    const padded: number[][] = [];
    const batched: number[][] = [];
    for (const own of ids) {
      alone.push(...(await this.#logits([own], widthFor(own.length, this.#maxTokens))));
      padded.push(...(await this.#logits([own], this.#maxTokens)));
      await pause();
    }
    for (let at = 0; at < ids.length; at += BATCH_TEXTS) {
      const together = ids.slice(at, at + BATCH_TEXTS);
      const longest = Math.max(...together.map(own => own.length));
      batched.push(...(await this.#logits(together, widthFor(longest, this.#maxTokens))));
      await pause();
    }
    return {
      texts: texts.length,
      bitEqual: alone.every((row, i) => row.every((z, j) => z === padded[i]?.[j] && z === batched[i]?.[j])),
      maxDeltaPadded: maxDelta(alone, padded),
      maxDeltaBatched: maxDelta(alone, batched),
    };
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  /**
   * Runs texts together at this width. Returns the logits of each text: the logits of all outputs, one after the other.
   */
  async #logits(ids: ReadonlyArray<readonly number[]>, width: number): Promise<number[][]> {
    const run = { rows: ids.map((_, row) => row), width };
    const inputs = this.#tensors.fill(
      run,
      ids.map(own => ({ ids: own })),
    );
    const outputs = Object.values(await this.#session.run(inputs));
    return run.rows.map(row =>
      outputs.flatMap(data => {
        const labels = data.length / run.rows.length;
        return [...data.subarray(row * labels, (row + 1) * labels)];
      }),
    );
  }
}

function maxDelta(a: readonly number[][], b: readonly number[][]): number {
  return a.reduce((worst, row, i) => row.reduce((w, z, j) => Math.max(w, Math.abs(z - (b[i]?.[j] ?? NaN))), worst), 0);
}
