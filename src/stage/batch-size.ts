import type { Config } from '../config/schema.js';
import { reachOf } from '../model/windows.js';

/** Texts of the first batches, before it is known how fast the model is, and the bytes they may have on average. */
const FIRST = { texts: 32, bytes: 512 };
/** Share of the newest batch in what is known. */
const WEIGHT = 0.2;
/** What a text costs besides its bytes, in bytes, as long as all batches are too much alike to tell. */
const TEXT_BYTES = 32;
/** How far lengths must vary before batches say what a text costs and what a byte. */
const RIDGE = 0.02;
const LEAST_MS = 0.001;

export interface BatchSizeOptions {
  /** Most records of a batch. */
  readonly most: number;
  readonly targetMs: number;
  /** Bytes of a text beyond which it costs no more, since the model does not read on. */
  readonly textBytes: number;
}

/**
 * Says how large a batch may be so that a worker is done with it in about the time wanted. Large batches sort better and pad less;
 * small ones answer sooner, and let go of their partitions sooner when the group rebalances. A quick model gets its full
 * batches, a slow one small ones, long texts travel in small company, and all take the same time.
 *
 * A batch is taken to cost so much per text and so much per byte. Both are fitted to the batches that were observed, the
 * newest counting most, by least squares of the relative error.
 */
export class BatchSize {
  /** What a batch should take, milliseconds. */
  readonly ms: number;
  readonly #most: number;
  readonly #textBytes: number;
  readonly #fit = new TwoCosts();
  #perText = 0;
  #perByte: number;
  #isKnown = false;

  constructor({ most, targetMs, textBytes }: BatchSizeOptions) {
    this.ms = targetMs;
    this.#most = most;
    this.#textBytes = textBytes;
    this.#perByte = targetMs / (FIRST.texts * FIRST.bytes);
  }

  get records(): number {
    return this.#isKnown ? this.#most : Math.min(FIRST.texts, this.#most);
  }

  /** Estimated time of a text in a value of so many bytes; none for a value without any. */
  msOf(valueBytes: number): number {
    if (valueBytes === 0) return 0;
    return this.#perText + this.#perByte * Math.min(valueBytes, this.#textBytes);
  }

  /** Texts in values of these sizes took a worker so long together. */
  observe(valueBytes: readonly number[], workedMs: number): void {
    const texts = valueBytes.length;
    const bytes = valueBytes.reduce((sum, each) => sum + Math.min(each, this.#textBytes), 0);
    const ms = Math.max(workedMs, texts * LEAST_MS);
    const expected = this.#isKnown ? this.#perText * texts + this.#perByte * bytes : ms;
    this.#fit.add({ texts, bytes, ms }, Math.max(expected, texts * LEAST_MS));
    [this.#perText, this.#perByte] = this.#fit.solve();
    this.#isKnown = true;
  }
}

/** `ms = perText * texts + perByte * bytes` by weighted least squares; neither cost is below zero. */
class TwoCosts {
  #tt = 0;
  #tb = 0;
  #bb = 0;
  #tm = 0;
  #bm = 0;

  /** Divided by what was expected, every batch counts the same, however large. */
  add(batch: { readonly texts: number; readonly bytes: number; readonly ms: number }, expected: number): void {
    const [t, b, m] = [batch.texts / expected, batch.bytes / expected, batch.ms / expected];
    this.#tt = mixed(this.#tt, t * t);
    this.#tb = mixed(this.#tb, t * b);
    this.#bb = mixed(this.#bb, b * b);
    this.#tm = mixed(this.#tm, t * m);
    this.#bm = mixed(this.#bm, b * m);
  }

  /**
   * Fits bytes, with TEXT_BYTES more for each text, and what a text costs beyond that, which is kept small (a ridge):
   * where all texts are of one length, their time says nothing of others, and a longer one is taken to cost more in
   * proportion.
   */
  solve(): [perText: number, perByte: number] {
    const [tt, tb, bb] = [this.#tt, this.#tb + TEXT_BYTES * this.#tt, this.#padded(this.#tb, this.#bb)];
    const [tm, bm] = [this.#tm, this.#bm + TEXT_BYTES * this.#tm];
    const ridged = tt * (1 + RIDGE);
    const determinant = bb * ridged - tb * tb;
    const perByte = (bm * ridged - tm * tb) / determinant;
    const perText = TEXT_BYTES * perByte + (bb * tm - tb * bm) / determinant;
    if (perByte < 0) return [tm / tt, 0];
    return perText < 0 ? [0, this.#bm / this.#bb] : [perText, perByte];
  }

  #padded(tb: number, bb: number): number {
    return bb + 2 * TEXT_BYTES * tb + TEXT_BYTES * TEXT_BYTES * this.#tt;
  }
}

function mixed(before: number, now: number): number {
  return before * (1 - WEIGHT) + now * WEIGHT;
}

/** Bytes of a value that one token reads, with some to spare: English has four to five, other scripts fewer. */
const BYTES_PER_TOKEN = 6;

/** The size of batches for a model that reads so much of a text. */
export function batchSizeFor({ workers, model }: Pick<Config, 'workers' | 'model'>): BatchSize {
  return new BatchSize({
    most: workers.batchRecords,
    targetMs: workers.batchMs,
    textBytes: tokensRead(model) * BYTES_PER_TOKEN,
  });
}

function tokensRead({ longTexts, maxTokens, windowStrideTokens, maxWindows }: Config['model']): number {
  // The stride is no concern of a text that is cut off, and may be longer than it.
  if (longTexts === 'truncate') return maxTokens;
  return reachOf({ room: maxTokens, stride: windowStrideTokens, maxWindows });
}
