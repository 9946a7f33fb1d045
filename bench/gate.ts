/** A ratio of one run, and its floor. */
export interface Floor {
  /** The name of a figure of the JSON line. Its texts/s are divided by those of the figure `to`. */
  readonly of: string;
  readonly to: string;
  readonly floor: number;
  /** The distance that a run may be below the floor by chance, as a share of the floor. */
  readonly margin: number;
}

type Rates = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * Returns one sentence for each ratio below its floor; an empty list is good. Only ratios are compared: two figures of
 * the same run on the same machine. A contestant that was not measured counts as a failure, since a missing one would
 * pass otherwise.
 */
export function belowFloor(summary: Rates, floors: readonly Floor[]): string[] {
  return floors.flatMap(({ of, to, floor, margin }) => {
    const [over, under] = [summary[of]?.textsPerSecond, summary[to]?.textsPerSecond].map(Number);
    const ratio = (over as number) / (under as number);
    const least = floor * (1 - margin);
    if (ratio >= least) return [];
    const found = Number.isFinite(ratio) ? ratio.toFixed(3) : 'not measured';
    return [`${of} / ${to} is ${found}; the floor is ${floor} less ${margin * 100} %: ${least.toFixed(3)}`];
  });
}
