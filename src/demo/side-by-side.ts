import { SiftlineError } from '../errors.js';
import { resultOf, type StreamResult } from './books.js';
import type { DemoEnd } from './demo-types.js';
import type { DemoState, StreamState } from './state.js';
import type { Tally } from './tally.js';
import type { View } from './views.js';

export interface StreamEnd {
  readonly result: StreamResult;
  /** False when it was stopped before all that was asked for was fed and answered. */
  readonly complete: boolean;
}

/** One stream of the demo, as far as the others are concerned. */
export interface StreamRun {
  readonly name: string;
  state(): StreamState;
  /** Resolves when its siftline is ready. */
  open(): Promise<void>;
  /** Feeds it, to its end. */
  run(): Promise<StreamEnd>;
  /** Ends at once whatever of it still runs; `open` or `run` then fails soon, if it was not done. */
  close(): Promise<void>;
}

export interface SideBySideOptions {
  readonly runs: readonly StreamRun[];
  readonly broker: string;
  readonly view: View;
  /** Was told of what came out of any of the streams. */
  readonly total: Tally;
}

const SHOW_MS = 500;

/** Streams that run at the same time: they begin together, and when one fails the others are ended. */
export class SideBySide {
  readonly #options: SideBySideOptions;
  #steps: ReadonlyArray<Promise<unknown>> = [];

  constructor(options: SideBySideOptions) {
    this.#options = options;
  }

  /** Throws what the first stream that failed threw, with its name. Nothing of any stream runs when this is over. */
  async run(): Promise<DemoEnd> {
    const { runs, view } = this.#options;
    const shows = setInterval(() => view.show(this.#state()), SHOW_MS);
    try {
      await this.#all(each => each.open());
      // Nobody is fed before everybody is ready, so that the figures are those of streams that share the machine.
      return this.#end(await this.#all(each => each.run()));
    } finally {
      clearInterval(shows);
      view.leave(this.#state());
      await Promise.allSettled(runs.map(each => each.close()));
      await Promise.allSettled(this.#steps);
    }
  }

  async #all<T>(step: (each: StreamRun) => Promise<T>): Promise<T[]> {
    const { runs } = this.#options;
    const steps = runs.map(async each => {
      try {
        return await step(each);
      } catch (error) {
        throw runs.length > 1 ? named(each, error) : error;
      }
    });
    this.#steps = steps;
    return Promise.all(steps);
  }

  #state(): DemoState {
    const { runs, broker } = this.#options;
    return { broker, streams: runs.map(each => each.state()) };
  }

  #end(ends: readonly StreamEnd[]): DemoEnd {
    const { runs, total } = this.#options;
    const streams = Object.fromEntries(ends.map(({ result }, i) => [runs[i]?.name, result]));
    return { result: { ...resultOf(total), streams }, complete: ends.every(({ complete }) => complete) };
  }
}

/** The same failure, saying whose it is. */
function named({ name }: StreamRun, error: unknown): unknown {
  if (!(error instanceof SiftlineError)) return error;
  const { code, message, exitCode } = error;
  return new SiftlineError({ code, message: `${name}: ${message}`, exitCode, cause: error });
}
