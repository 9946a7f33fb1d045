/*
 * The size of the next batch. States of a BatchSize:
 *
 * - *unknown*: assumes that 32 texts of 512 bytes take the target time. Ends with the first `observe`: *known*.
 * - *known*: estimates by the two costs that it has fitted. Every `observe` fits them again; the state never ends.
 */

import type { Config } from '../config/schema.js';
import { reachOf } from '../model/windows.js';

/**
 * Texts of the first batches, before the speed of the model is known, and the bytes that they are assumed to have on
 * average.
 */
const FIRST = { texts: 32, bytes: 512 };
/** Weight of the newest batch in the running sums; the rest is the weight of all batches before it. */
const WEIGHT = 0.2;
/**
 * Cost of a text beyond its bytes, expressed in bytes. It is an assumption, used while all batches are too much alike
 * to measure it.
 */
const TEXT_BYTES = 32;
/**
 * Strength of the ridge: how much the lengths of texts must vary before the batches show the cost of a text apart from
 * the cost of a byte.
 */
const RIDGE = 0.02;
const LEAST_MS = 0.001;

/** Configures a BatchSize. */
export interface BatchSizeOptions {
  /** Most records of a batch. */
  readonly most: number;
  /** Time that a batch should take a thread, milliseconds. */
  readonly targetMs: number;
  /** Bytes beyond which a longer text costs no more, since the model does not read on. */
  readonly textBytes: number;
}

/**
 * Decides how large a batch may be so that a thread finishes it in about the target time. Large batches sort better and
 * pad less. Small batches answer sooner, and free their partitions sooner when the group rebalances. So a quick model
 * gets full batches, a slow model gets small ones, long texts share a batch with few others, and all batches take about
 * the same time.
 *
 * The cost of a batch is modelled as one cost per text and one cost per byte. Both are fitted to the observed batches
 * by least squares of the relative error; the newest batches count most.
 */
export class BatchSize {
  /** Time that a batch should take a thread, milliseconds. */
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

  /** Most records of the next batch. */
  get records(): number {
    return this.#isKnown ? this.#most : Math.min(FIRST.texts, this.#most);
  }

  /** Returns the estimated milliseconds for a text in a value of so many bytes; 0 for an empty value. */
  msOf(valueBytes: number): number {
    if (valueBytes === 0) return 0;
    return this.#perText + this.#perByte * Math.min(valueBytes, this.#textBytes);
  }

  /** Learns that texts in values of these sizes took a thread `workedMs` together. */
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

/** Fits `ms = perText * texts + perByte * bytes` by weighted least squares. Neither cost is below zero. */
class TwoCosts {
  #tt = 0;
  #tb = 0;
  #bb = 0;
  #tm = 0;
  #bm = 0;

  /**
   * Adds a batch. All of its numbers are divided by the expected time, so that every batch counts the same, whatever
   * its size.
   */
  add(batch: { readonly texts: number; readonly bytes: number; readonly ms: number }, expected: number): void {
    const [t, b, m] = [batch.texts / expected, batch.bytes / expected, batch.ms / expected];
    this.#tt = mixed(this.#tt, t * t);
    this.#tb = mixed(this.#tb, t * b);
    this.#bb = mixed(this.#bb, b * b);
    this.#tm = mixed(this.#tm, t * m);
    this.#bm = mixed(this.#bm, b * m);
  }

  /**
   * Solves for the two costs. The bytes of a batch are taken with TEXT_BYTES more for each text; the cost of a text
   * beyond that is fitted and kept small (a ridge). When all texts have one length, their times say nothing about other
   * lengths: a longer text is then assumed to cost more in proportion.
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

/** Bytes of a value per token, with some to spare: English has four to five, other scripts have fewer. */
const BYTES_PER_TOKEN = 6;

/** Returns the batch size for the part of a text that this configuration's model reads. */
export function batchSizeFor({ workers, model }: Pick<Config, 'workers' | 'model'>): BatchSize {
  return new BatchSize({
    most: workers.batchRecords,
    targetMs: workers.batchMs,
    textBytes: tokensRead(model) * BYTES_PER_TOKEN,
  });
}

function tokensRead({ longTexts, maxTokens, windowStrideTokens, maxWindows }: Config['model']): number {
  // The stride does not matter when texts are cut off, and may be longer than the limit.
  if (longTexts === 'truncate') return maxTokens;
  return reachOf({ room: maxTokens, stride: windowStrideTokens, maxWindows });
}
