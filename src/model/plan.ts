/** Texts that go through the engine as one rectangle of `rows.length` x `width` tokens. */
export interface Run {
  /** Positions in the batch. */
  readonly rows: readonly number[];
  /** Tokens all texts of the run are padded to: those of the longest, or one more. */
  readonly width: number;
}

/** What starting a run costs, in tokens: about the time the engine takes for its first operator calls. */
const START_TOKENS = 12;

/**
 * Cuts a batch into runs. Texts are sorted by length, and of all ways to cut the sorted row into runs of at most
 * `tokenBudget` tokens (rows x width) the cheapest is taken: tokens, padding included, plus a little for every run. With
 * a budget of 512 a run is at most 16 texts of 32 tokens or 4 of 128. Every text is in exactly one run; a text longer
 * than the budget gets a run of its own. No run is wider than `maxTokens`.
 */
export function planRuns(
  lengths: readonly number[],
  tokenBudget: number,
  maxTokens: number = Number.POSITIVE_INFINITY,
): Run[] {
  const width = (row: number) => widthFor(lengths[row] ?? 0, maxTokens);
  const order = lengths.map((_, row) => row).sort((a, b) => width(a) - width(b) || a - b);
  const widths = order.map(width);
  const starts = cheapestStarts(widths, tokenBudget);
  const runs: Run[] = [];
  for (let end = order.length; end > 0; end = starts[end] as number) {
    runs.push({ rows: order.slice(starts[end], end), width: widths[end - 1] as number });
  }
  return runs.reverse();
}

/** For every end, where the last run before it starts in the cheapest cut (dynamic programming over the sorted row). */
function cheapestStarts(widths: readonly number[], tokenBudget: number): Int32Array {
  const costs = new Float64Array(widths.length + 1);
  const starts = new Int32Array(widths.length + 1);
  for (let end = 1; end <= widths.length; end++) {
    const width = widths[end - 1] as number;
    costs[end] = Number.POSITIVE_INFINITY;
    for (let start = end - 1; start >= 0; start--) {
      const tokens = (end - start) * width;
      if (tokens > tokenBudget && start < end - 1) break;
      const cost = (costs[start] as number) + tokens + START_TOKENS;
      if (cost >= (costs[end] as number)) continue;
      costs[end] = cost;
      starts[end] = start;
    }
  }
  return starts;
}

/**
 * The width of a run whose longest text has so many tokens.
 *
 * Where a last layer reads [CLS] alone, its attention is a product of one row, and ONNX Runtime's kernel for that adds
 * up the last three of 4n + 3 terms in another order when padding follows: such a text would have other last bits with a
 * longer one than alone, and one in ten thousand another int8 step, which shows in the score. With one token of padding
 * at least it has the same bits however much follows, as all other lengths have (docs/decisions/0007).
 */
export function widthFor(tokens: number, maxTokens: number): number {
  return Math.min(tokens % 4 === 3 ? tokens + 1 : tokens, maxTokens);
}

/** One run's inputs, each of shape [rows, width], int64. */
export interface RunInputs {
  readonly ids: BigInt64Array;
  readonly mask: BigInt64Array;
  readonly shape: readonly [rows: number, width: number];
}

/**
 * Lays token ids out as the engine's int64 tensors. The buffers are reused from run to run: the engine has read them
 * by the time `run` resolves. Ids are below 2^31, so only the low word of each little-endian int64 is written, which
 * is fourteen times faster than `BigInt64Array.from(ids, BigInt)`.
 */
export class Tensors {
  readonly #padId: number;
  #ids = new BigInt64Array(0);
  #mask = new BigInt64Array(0);

  constructor(padId: number) {
    this.#padId = padId;
  }

  fill(run: Run, encoded: ReadonlyArray<{ readonly ids: readonly number[] }>): RunInputs {
    const size = run.rows.length * run.width;
    this.#reserve(size);
    const idWords = new Int32Array(this.#ids.buffer, 0, size * 2);
    const maskWords = new Int32Array(this.#mask.buffer, 0, size * 2);
    idWords.fill(0);
    maskWords.fill(0);
    run.rows.forEach((row, at) => {
      const ids = encoded[row]?.ids ?? [];
      for (let i = 0; i < run.width; i++) {
        const word = (at * run.width + i) * 2;
        idWords[word] = ids[i] ?? this.#padId;
        maskWords[word] = i < ids.length ? 1 : 0;
      }
    });
    return {
      ids: this.#ids.subarray(0, size),
      mask: this.#mask.subarray(0, size),
      shape: [run.rows.length, run.width],
    };
  }

  #reserve(size: number): void {
    if (this.#ids.length >= size) return;
    this.#ids = new BigInt64Array(size);
    this.#mask = new BigInt64Array(size);
  }
}
