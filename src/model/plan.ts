/** Texts that go through the engine as one rectangle of `rows.length` x `width` tokens. */
export interface Run {
  /** Positions in the batch. */
  readonly rows: readonly number[];
  /** Tokens of the longest text in the run: what the others are padded to. */
  readonly width: number;
}

/**
 * Cuts a batch into runs. Texts are sorted by length first, so that a run pads little, and a run takes texts while
 * rows x width stays within the token budget: with a budget of 512, 16 texts of 32 tokens or 4 of 128. Every text is
 * in exactly one run; a text longer than the budget gets a run of its own.
 */
export function planRuns(lengths: readonly number[], tokenBudget: number): Run[] {
  const order = lengths.map((_, row) => row).sort((a, b) => lengthOf(lengths, a) - lengthOf(lengths, b) || a - b);
  const runs: Run[] = [];
  let rows: number[] = [];
  let width = 0;
  for (const row of order) {
    const length = lengthOf(lengths, row);
    if (rows.length > 0 && (rows.length + 1) * length > tokenBudget) {
      runs.push({ rows, width });
      rows = [];
    }
    rows.push(row);
    width = length;
  }
  if (rows.length > 0) runs.push({ rows, width });
  return runs;
}

function lengthOf(lengths: readonly number[], row: number): number {
  return lengths[row] ?? 0;
}
