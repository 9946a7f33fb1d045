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
  /** False if the demo was stopped before all records were fed and answered. */
  readonly complete: boolean;
}

/** The part of a stream of the demo that the other streams depend on. */
export interface StreamRun extends WarmUpStream {
  readonly name: string;
  state(): StreamState;
  /** Resolves when the siftline of this stream is ready; throws a SiftlineError if it cannot start. */
  open(): Promise<void>;
  /** Feeds the stream to its end, at this share of its rate. */
  run(share: number): Promise<StreamEnd>;
  /**
   * Ends everything of the stream that still runs, at once. After that, `open`, `burst` or `run` fails soon if it was
   * not done.
   */
  close(): Promise<void>;
}

export interface SideBySideOptions {
  /** The streams; at least one. */
  readonly runs: readonly StreamRun[];
  /** The streams that were known to be unable to start before the demo began. */
  readonly failed: readonly StartFailure[];
  readonly measure: boolean;
  readonly broker: string;
  readonly view: View;
  /** The tally of all streams together. */
  readonly total: Tally;
}

const SHOW_MS = 500;

/**
 * Runs several streams at the same time. They begin together. A stream that cannot start is left out and reported, as
 * long as another one can. If one fails later, all are ended.
 */
export class SideBySide {
  readonly #options: SideBySideOptions;
  readonly #failed: StartFailure[];
  /** The streams that have not failed to start. */
  #runs: readonly StreamRun[];
  #feed: Feed | undefined;
  #steps: ReadonlyArray<Promise<unknown>> = [];

  constructor(options: SideBySideOptions) {
    this.#options = options;
    this.#failed = [...options.failed];
    this.#runs = options.runs;
  }

  /**
   * Runs the streams. If none can start, throws the failure of the last one. If one fails later, throws the first
   * failure. Either names its stream.
   */
  async run(): Promise<DemoEnd> {
    const { runs, view, measure } = this.#options;
    const shows = setInterval(() => view.show(this.#state()), SHOW_MS);
    try {
      await this.#all(each => this.#open(each));
      // No stream is fed before all are ready, so that all figures come from streams that share the machine.
      const feed = measure ? await this.#warmUp() : askedFeed(this.#runs);
      this.#feed = feed;
      view.say(feedText(feed));
      return this.#end(feed, await this.#all(each => each.run(feed.share)));
    } finally {
      clearInterval(shows);
      view.leave(this.#state());
      await Promise.allSettled(runs.map(each => each.close()));
      // No step of any stream still runs after this.
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

  /** Warms up all streams at once, since they share the machine. */
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

  /** Does a step of a stream. Its failure names the stream, unless there is only one. */
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
