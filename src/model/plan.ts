/** Groups texts that go through the engine together, as one rectangle of `rows.length` x `width` tokens. */
export interface Run {
  /** Positions in the batch. */
  readonly rows: readonly number[];
  /** Tokens that every text of the run is padded to: the length of the longest text, or one more. */
  readonly width: number;
}

/** Cost of starting a run, in tokens: about the time that the engine takes for its first operator calls. */
const START_TOKENS = 12;

/**
 * Cuts a batch into runs. Texts are sorted by length. Of all ways to cut the sorted row into runs of at most
 * `tokenBudget` tokens (rows x width), it takes the cheapest: the cost is tokens, padding included, plus START_TOKENS
 * for every run. With a budget of 512 a run is at most 16 texts of 32 tokens or 4 of 128. Every text is in exactly one
 * run. A text longer than the budget gets a separate run. No run is wider than `maxTokens`.
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

/**
 * Returns, for every end of a run, the start of that run in the cheapest cut (dynamic programming over the sorted row).
 */
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
 * Returns the width of a run whose longest text has so many tokens.
 *
 * A width of 4n + 3 is avoided. When the last layer reads [CLS] alone, its attention is a product of one row. ONNX
 * Runtime's kernel for that product adds up the last three of 4n + 3 terms in another order when padding follows. Such
 * a text would have other last bits beside a longer text than alone. One text in ten thousand would get another int8
 * step, which shows in the score. With at least one token of padding the text has the same bits however much padding
 * follows, as texts of all other lengths have (docs/decisions/0007).
 */
export function widthFor(tokens: number, maxTokens: number): number {
  return Math.min(tokens % 4 === 3 ? tokens + 1 : tokens, maxTokens);
}

/** Holds the inputs of one run, each of shape [rows, width], int64. */
export interface RunInputs {
  readonly ids: BigInt64Array;
  readonly mask: BigInt64Array;
  readonly shape: readonly [rows: number, width: number];
}

/**
 * Lays token ids out as the engine's int64 tensors, row after row:
 *
 *     ids  = row...   row = id of each token, then the pad id up to `width`
 *     mask = row...   row = 1 for each token, then 0 up to `width`
 *
 * Each element is a little-endian int64. Ids are below 2^31, so only its low word is written, which is fourteen times
 * faster than `BigInt64Array.from(ids, BigInt)`. The buffers are reused from run to run, and grow: the engine has read
 * them by the time `run` resolves.
 */
export class Tensors {
  readonly #padId: number;
  #ids = new BigInt64Array(0);
  #mask = new BigInt64Array(0);

  constructor(padId: number) {
    this.#padId = padId;
  }

  /** Returns views of the buffers with the texts of the run; the next call overwrites them. */
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
