import { createHistogram } from 'node:perf_hooks';
import { quantile } from '../observe/quantiles.js';
import type { Label, WindowCounts } from './outputs.js';

export interface LatencyMs {
  readonly p50: number;
  readonly p99: number;
}

const RECENT = 1_000;

/** Latencies of a run, in milliseconds: of the newest thousand for the screen, of all for the result. */
export class Latencies {
  readonly #all = createHistogram({ figures: 3 });
  readonly #recent: number[] = [];

  record(ms: number): void {
    this.#recent[this.#all.count % RECENT] = Math.max(0, ms);
    this.#all.record(Math.max(1, Math.round(ms)));
  }

  /** Returns the latencies of the newest labels; undefined before the first. */
  recent(): LatencyMs | undefined {
    if (this.#recent.length === 0) return undefined;
    return { p50: quantile(this.#recent, 0.5), p99: quantile(this.#recent, 0.99) };
  }

  /** Returns the latencies of all labels; zeros if there are none. */
  overall(): LatencyMs {
    if (this.#all.count === 0) return { p50: 0, p99: 0 };
    return { p50: this.#all.percentile(50), p99: this.#all.percentile(99) };
  }
}

/** Labels this close to the first one belong to its batch. */
const BURST_MS = 50;

/**
 * Counts the outcomes of a stage from its topics alone. Counts cover all records. Speed and latencies cover the records
 * that were fed since `begin`, so that a warm-up is counted and stays out of the figures.
 */
export class Tally {
  readonly latencies = new Latencies();
  readonly #newest: Label[] = [];
  readonly #keep: number;
  readonly #total: Tally | undefined;
  /** Records with an earlier timestamp stay out of the figures. */
  #since = Number.POSITIVE_INFINITY;
  #labelled = 0;
  #measured = 0;
  #rejected = 0;
  #fedAt = 0;
  #firstAt = 0;
  #firstBurst = 0;
  #lastAt = 0;
  #windows: WindowCounts = { consumed: 0, labelled: 0, rejected: 0, skipped: 0, revoked: 0 };

  /** `keep` is the number of newest labels to remember. `total`, the tally of all streams, receives everything too. */
  constructor(keep: number, total?: Tally) {
    this.#keep = keep;
    this.#total = total;
  }

  /**
   * Counts a record of the labels topic that was read at `now`; its timestamp is the time at which the text was fed.
   */
  label(label: Label, timestamp: number, now: number): void {
    this.#total?.label(label, timestamp, now);
    this.#labelled += 1;
    this.#newest.unshift(label);
    this.#newest.length = Math.min(this.#newest.length, this.#keep);
    if (timestamp >= this.#since) this.#measure(timestamp, now);
  }

  /** Starts the figures with the records that are fed from this time on. */
  begin(at: number): void {
    this.#total?.begin(at);
    this.#since = at;
  }

  rejected(): void {
    this.#total?.rejected();
    this.#rejected += 1;
  }

  window(counts: WindowCounts): void {
    this.#total?.window(counts);
    const before = this.#windows;
    this.#windows = {
      consumed: before.consumed + counts.consumed,
      labelled: before.labelled + counts.labelled,
      rejected: before.rejected + counts.rejected,
      skipped: before.skipped + counts.skipped,
      revoked: before.revoked + counts.revoked,
    };
  }

  /** Returns the number of labels in the figures. */
  get measured(): number {
    return this.#measured;
  }

  /** Returns the labels and rejected records that were read from their topics. */
  get topics(): { readonly labelled: number; readonly rejected: number } {
    return { labelled: this.#labelled, rejected: this.#rejected };
  }

  /** The sum of all windows of the metrics topic. */
  get windows(): WindowCounts {
    return this.#windows;
  }

  /** Returns the number of records that are known to have their outcome. */
  get outcomes(): number {
    return this.#labelled + this.#rejected + this.#windows.skipped;
  }

  /** Returns the newest labels, newest first. */
  get newest(): readonly Label[] {
    return this.#newest;
  }

  /**
   * Returns labels a second, from the first label record to the last. The labels of the first batch do not count, since
   * most of their time passed before the first record came. If there is only that batch, the time starts with its feed.
   */
  get textsPerSecond(): number {
    const later = this.#measured - this.#firstBurst;
    const [count, from] = later > 0 ? [later, this.#firstAt] : [this.#measured, this.#fedAt];
    return count / (Math.max(1, this.#lastAt - from) / 1000);
  }

  #measure(timestamp: number, now: number): void {
    if (this.#measured === 0) [this.#fedAt, this.#firstAt] = [timestamp, now];
    if (now - this.#firstAt <= BURST_MS) this.#firstBurst += 1;
    this.#measured += 1;
    this.#lastAt = now;
    this.latencies.record(now - timestamp);
  }
}

interface Sample {
  readonly at: number;
  readonly count: number;
}

const SPAN_MS = 5_000;

/** Returns the rate at which a count has grown over the last few seconds. */
export class Speed {
  #samples: Sample[] = [];

  /** Notes the count at this moment (milliseconds) and returns its growth a second. */
  perSecond(count: number, at: number): number {
    this.#samples = [...this.#samples.filter(sample => at - sample.at <= SPAN_MS), { at, count }];
    const first = this.#samples[0];
    if (!first || first.at === at) return 0;
    return (count - first.count) / ((at - first.at) / 1_000);
  }
}
