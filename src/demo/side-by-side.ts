import { SiftlineError } from '../errors.js';
import { type DemoEnd, failedByName, resultOf, type StreamResult } from './books.js';
import { feedText } from './format.js';
import type { DemoState, StreamState } from './screen.js';
import { cannotStart, type StartFailure } from './streams.js';
import type { Tally } from './tally.js';
import type { View } from './views.js';
import { askedFeed, type Feed, measuredFeed, type WarmUpStream } from './warm-up.js';

export interface StreamEnd {
  readonly result: StreamResult;
  /** False when it was stopped before all that was asked for was fed and answered. */
  readonly complete: boolean;
}

/** One stream of the demo, as far as the others are concerned. */
export interface StreamRun extends WarmUpStream {
  readonly name: string;
  state(): StreamState;
  /** Resolves when its siftline is ready; throws a SiftlineError when that cannot start. */
  open(): Promise<void>;
  /** Feeds it, at this share of its rate, to its end. */
  run(share: number): Promise<StreamEnd>;
  /** Ends at once whatever of it still runs; `open`, `burst` or `run` then fails soon, if it was not done. */
  close(): Promise<void>;
}

export interface SideBySideOptions {
  /** At least one. */
  readonly runs: readonly StreamRun[];
  /** Streams of which it was known before that they cannot start. */
  readonly failed: readonly StartFailure[];
  readonly measure: boolean;
  readonly broker: string;
  readonly view: View;
  /** Was told of what came out of any of the streams. */
  readonly total: Tally;
}

const SHOW_MS = 500;

/**
 * Streams that run at the same time. They begin together; one that cannot start is left out and told, as long as there
 * is another. When one fails later, all are ended.
 */
export class SideBySide {
  readonly #options: SideBySideOptions;
  readonly #failed: StartFailure[];
  /** Streams that have not failed to start. */
  #runs: readonly StreamRun[];
  #feed: Feed | undefined;
  #steps: ReadonlyArray<Promise<unknown>> = [];

  constructor(options: SideBySideOptions) {
    this.#options = options;
    this.#failed = [...options.failed];
    this.#runs = options.runs;
  }

  /** Throws the failure of the last stream that could start, or of the first that failed later, with its name. */
  async run(): Promise<DemoEnd> {
    const { runs, view, measure } = this.#options;
    const shows = setInterval(() => view.show(this.#state()), SHOW_MS);
    try {
      await this.#all(each => this.#open(each));
      // Nobody is fed before everybody is ready, so that the figures are those of streams that share the machine.
      const feed = measure ? await this.#warmUp() : askedFeed(this.#runs);
      this.#feed = feed;
      view.say(feedText(feed));
      return this.#end(feed, await this.#all(each => each.run(feed.share)));
    } finally {
      clearInterval(shows);
      view.leave(this.#state());
      await Promise.allSettled(runs.map(each => each.close()));
      // Nothing of any stream runs when this is over.
      await Promise.allSettled(this.#steps);
    }
  }

  async #open(each: StreamRun): Promise<void> {
    try {
      await each.open();
    } catch (error) {
      if (!(error instanceof SiftlineError) || this.#runs.length === 1) throw error;
      this.#runs = this.#runs.filter(other => other !== each);
      this.#leaveOut({ name: each.name, error });
      await each.close();
    }
  }

  #leaveOut(failure: StartFailure): void {
    const others = this.#runs.map(({ name }) => name);
    this.#failed.push(failure);
    this.#options.view.say(cannotStart(failure, others));
  }

  /** Of all streams at once, since they share the machine. */
  #warmUp(): Promise<Feed> {
    const steps: Promise<unknown>[] = [];
    this.#steps = steps;
    return measuredFeed(
      this.#runs.map(each => ({
        rate: each.rate,
        burst: (records, until) => {
          const step = this.#named(each, () => each.burst(records, until));
          steps.push(step);
          return step;
        },
      })),
    );
  }

  async #all<T>(step: (each: StreamRun) => Promise<T>): Promise<T[]> {
    const steps = this.#runs.map(each => this.#named(each, () => step(each)));
    this.#steps = steps;
    return Promise.all(steps);
  }

  /** Takes a step of a stream; its failure says whose it is, unless there was one stream alone. */
  async #named<T>({ name }: StreamRun, step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      throw this.#options.runs.length > 1 ? withName(name, error) : error;
    }
  }

  #state(): DemoState {
    const { broker } = this.#options;
    return { broker, streams: this.#runs.map(each => each.state()), failed: this.#failed, feed: this.#feed };
  }

  #end({ perSecond, measured }: Feed, ends: readonly StreamEnd[]): DemoEnd {
    const streams = Object.fromEntries(ends.map(({ result }, i) => [this.#runs[i]?.name, result]));
    return {
      result: {
        ...resultOf(this.#options.total),
        feed: { perSecond: Math.round(perSecond * 10) / 10, measured },
        streams,
        failed: failedByName(this.#failed),
      },
      complete: ends.every(({ complete }) => complete),
    };
  }
}

function withName(name: string, error: unknown): unknown {
  if (!(error instanceof SiftlineError)) return error;
  const { code, message, exitCode } = error;
  return new SiftlineError({ code, message: `${name}: ${message}`, exitCode, cause: error });
}
