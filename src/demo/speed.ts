interface Sample {
  readonly at: number;
  readonly count: number;
}

const SPAN_MS = 5_000;

/** The rate at which a count has been growing over the last few seconds. */
export class Speed {
  #samples: Sample[] = [];

  /** Notes the count at this moment (milliseconds) and answers its growth a second. */
  perSecond(count: number, at: number): number {
    this.#samples = [...this.#samples.filter(sample => at - sample.at <= SPAN_MS), { at, count }];
    const first = this.#samples[0];
    if (!first || first.at === at) return 0;
    return (count - first.count) / ((at - first.at) / 1_000);
  }
}
