import { Latencies } from './latencies.js';
import type { Label, WindowCounts } from './outputs.js';

/** Labels this close to the first one are of its batch. */
const BURST_MS = 50;

/** What came out of a stage, counted by somebody outside: from its topics alone. */
export class Tally {
  readonly latencies = new Latencies();
  readonly #newest: Label[] = [];
  readonly #keep: number;
  readonly #total: Tally | undefined;
  #labelled = 0;
  #rejected = 0;
  #fedAt = 0;
  #firstAt = 0;
  #firstBurst = 0;
  #lastAt = 0;
  #windows: WindowCounts = { consumed: 0, labelled: 0, rejected: 0, skipped: 0, revoked: 0 };

  /** `keep`: how many of the newest labels are remembered. `total` is told of everything too, as of all streams. */
  constructor(keep: number, total?: Tally) {
    this.#keep = keep;
    this.#total = total;
  }

  /** A record of the labels topic that came in at `now`; its timestamp is when the text was fed. */
  label(label: Label, timestamp: number, now: number): void {
    this.#total?.label(label, timestamp, now);
    if (this.#labelled === 0) [this.#fedAt, this.#firstAt] = [timestamp, now];
    if (now - this.#firstAt <= BURST_MS) this.#firstBurst += 1;
    this.#labelled += 1;
    this.#lastAt = now;
    this.latencies.record(now - timestamp);
    this.#newest.unshift(label);
    this.#newest.length = Math.min(this.#newest.length, this.#keep);
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

  /** Labels and rejections as read from their topics. */
  get topics(): { readonly labelled: number; readonly rejected: number } {
    return { labelled: this.#labelled, rejected: this.#rejected };
  }

  /** The sum of all windows of the metrics topic. */
  get windows(): WindowCounts {
    return this.#windows;
  }

  /** Records whose journey is over, as far as is known. */
  get outcomes(): number {
    return this.#labelled + this.#rejected + this.#windows.skipped;
  }

  /** Newest first. */
  get newest(): readonly Label[] {
    return this.#newest;
  }

  /**
   * Labels a second, from the first label record to the last. The first ones come as one batch and took their time
   * before the clock started, so they do not count; if there is nothing but that batch, the clock starts with its feed.
   */
  get textsPerSecond(): number {
    const later = this.#labelled - this.#firstBurst;
    const [count, from] = later > 0 ? [later, this.#firstAt] : [this.#labelled, this.#fedAt];
    return count / (Math.max(1, this.#lastAt - from) / 1000);
  }
}
