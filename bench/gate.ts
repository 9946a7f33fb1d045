/** A ratio of one run, and what it must not fall below. */
export interface Floor {
  /** Two figures of the JSON line as `contestant`: their texts/s are compared. */
  readonly of: string;
  readonly to: string;
  readonly floor: number;
  /** How far below the floor a run may be by chance, as a share of it. */
  readonly margin: number;
}

type Rates = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * What is below its floor, one sentence each; none is good. Ratios only: two figures of the same run on the same machine.
 * A contestant that was not measured is a failure as well, or a missing one would pass.
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
