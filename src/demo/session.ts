import { setTimeout as sleep } from 'node:timers/promises';
import { invariant, SiftlineError } from '../errors.js';
import type { KafkaAdmin } from '../kafka/admin.js';
import type { Kafka } from '../kafka/client.js';
import { balance, resultOf } from './books.js';
import { Feeder } from './feeder.js';
import { isAnswered, streamTexts, textOf } from './records.js';
import type { StreamState } from './screen.js';
import type { StreamEnd, StreamRun } from './side-by-side.js';
import { StageProcess, stageArgs, stageEnv } from './stage.js';
import { type StreamPlan, startFailure } from './streams.js';
import { Speed, Tally } from './tally.js';
import { consoleCommand, type DemoTopics } from './topics.js';
import type { View } from './views.js';
import type { Burst } from './warm-up.js';
import { Watch } from './watch.js';

/** The options of the whole demo that each of its streams gets as well. */
export interface SharedOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True to end when all records are fed and answered, instead of at `stop`. */
  readonly exit: boolean;
  readonly view: View;
  /** Ends the demo in order. */
  readonly stop: AbortSignal;
}

export interface SessionOptions extends SharedOptions {
  readonly stream: StreamPlan;
  readonly bootstrap: string;
  readonly topics: DemoTopics;
  readonly admin: KafkaAdmin;
  readonly connect: () => Kafka;
  /** The counts of all streams together. */
  readonly total: Tally;
}

const POLL_MS = 100;
const BURST_POLL_MS = 10;
/** A warm-up takes one in this many records at most, so that most records are left for the figures. */
const WARM_UP_PART = 4;
/** The longest time without an outcome while records wait. */
const STALL_MS = 60_000;
/** The longest time, after Ctrl-C, in which the last records that were fed may be answered. */
const SETTLE_MS = 5_000;
const KEEP_LABELS = 40;
const ENDED = 'ended';

/**
 * Runs one stream on a broker that is up and has its topics: starts siftline and the feed, watches the outcomes, and
 * compares the counts.
 */
export class DemoSession implements StreamRun {
  readonly name: string;
  readonly #options: SessionOptions;
  readonly #texts: readonly string[];
  readonly #tally: Tally;
  readonly #speed = new Speed();
  readonly #watch: Watch;
  readonly #feeder: Feeder;
  #stage: StageProcess | undefined;
  #connecting: Promise<unknown> = Promise.resolve();
  #phase = 'siftline loads the model';

  constructor(options: SessionOptions) {
    const { connect, topics, stream, total } = options;
    this.name = stream.name;
    this.#options = options;
    this.#texts = streamTexts(stream);
    this.#tally = new Tally(KEEP_LABELS, total);
    this.#watch = new Watch({ kafka: connect(), topics, tally: this.#tally });
    this.#feeder = new Feeder({
      kafka: connect(),
      topic: topics.texts,
      texts: this.#texts,
      records: stream.pace.records,
      outcomes: () => this.#tally.outcomes,
    });
  }

  get rate(): number {
    return this.#options.stream.pace.rate;
  }

  /** Starts siftline. If it cannot start, throws its failure with advice that fits the demo. */
  async open(): Promise<void> {
    const { bootstrap, topics, stream, view, env, stop } = this.#options;
    const { model, workers } = stream;
    const args = stageArgs({ bootstrap, topics, model, workers });
    view.say(`starting ${this.name}: siftline run ${args.join(' ')}`);
    view.say(`to read the rejected records in another terminal: ${consoleCommand({ bootstrap, topics })}`);
    const stage = new StageProcess({ args, env: stageEnv(env), warn: line => view.say(`${this.name}: ${line}`) });
    this.#stage = stage;
    const connecting = [this.#watch.open(), this.#feeder.open()];
    this.#connecting = Promise.allSettled(connecting);
    const ready = stage.ready(stop).catch(error => {
      throw error instanceof SiftlineError ? startFailure(model, error) : error;
    });
    await Promise.all([...connecting, ready]);
    this.#phase = 'ready';
  }

  async burst(records: number, until: number): Promise<Burst> {
    this.#phase = 'warming up';
    const fed = Math.min(records, this.#toSpare());
    const first = this.#feeder.sent;
    const answered = () => this.#tally.topics.labelled + this.#tally.topics.rejected;
    const before = answered();
    const wanted = before + Array.from({ length: fed }, (_, i) => first + i).filter(isAnswered).length;
    const { stop } = this.#options;
    await this.#supervised(async over => {
      if (fed > 0) await this.#feeder.send(fed);
      while (!stop.aborted && !over.aborted && answered() < wanted && performance.now() < until) {
        await sleep(BURST_POLL_MS);
      }
    });
    return { fed, answered: answered() - before };
  }

  async run(share: number): Promise<StreamEnd> {
    const { stop, admin } = this.#options;
    const stage = this.#openStage();
    if (stop.aborted && this.#feeder.sent === 0) return this.#end();
    this.#tally.begin(Date.now());
    await this.#supervised(over => this.#feedAndWait(this.rate * share, over));
    this.#phase = 'siftline drains';
    await stage.stop();
    await this.#watch.toTheEnd(admin);
    this.#phase = ENDED;
    const end = this.#end();
    balance(this.#tally, end.complete ? this.#feeder.sent : undefined);
    return end;
  }

  async close(): Promise<void> {
    await this.#stage?.kill();
    // A client that is closed while it connects may connect afterwards.
    await this.#connecting;
    await Promise.allSettled([this.#feeder.close(), this.#watch.close()]);
  }

  #end(): StreamEnd {
    const { sent } = this.#feeder;
    const complete = this.#tally.outcomes === sent && sent === (this.#options.stream.pace.records ?? sent);
    return { result: resultOf(this.#tally), complete };
  }

  #openStage(): StageProcess {
    invariant(this.#stage, 'a session of the demo was run before it was opened');
    return this.#stage;
  }

  /** Returns the number of records that a warm-up may still take; none after a stop. */
  #toSpare(): number {
    const { stop, stream } = this.#options;
    if (stop.aborted) return 0;
    const { records = Number.POSITIVE_INFINITY } = stream.pace;
    return Math.max(0, Math.floor(records / WARM_UP_PART) - this.#feeder.sent);
  }

  /** Does the work while siftline is supervised. `over` aborts the work when siftline has failed. */
  async #supervised(work: (over: AbortSignal) => Promise<void>): Promise<void> {
    const stage = this.#openStage();
    const over = new AbortController();
    try {
      await Promise.race([work(over.signal), this.#supervise(stage, over.signal)]);
    } finally {
      over.abort();
    }
  }

  async #feedAndWait(rate: number, over: AbortSignal): Promise<void> {
    const { stop, exit } = this.#options;
    const either = AbortSignal.any([stop, over]);
    this.#phase = 'running';
    await this.#feeder.run(rate, either);
    while (!exit && !either.aborted) await sleep(POLL_MS);
    this.#phase = 'waiting for the last records';
    let settleUntil = Number.POSITIVE_INFINITY;
    while (!over.aborted && this.#tally.outcomes < this.#feeder.sent && performance.now() < settleUntil) {
      if (stop.aborted) settleUntil = Math.min(settleUntil, performance.now() + SETTLE_MS);
      await sleep(POLL_MS);
    }
  }

  /** Throws when siftline has ended by itself, or when records wait and no outcome comes. */
  async #supervise(stage: StageProcess, over: AbortSignal): Promise<void> {
    let [outcomes, movedAt] = [0, performance.now()];
    while (!over.aborted) {
      await stage.mustRun();
      const idle = this.#tally.outcomes === this.#feeder.sent;
      if (idle || this.#tally.outcomes > outcomes) [outcomes, movedAt] = [this.#tally.outcomes, performance.now()];
      if (performance.now() - movedAt > STALL_MS) throw stalled(this.#feeder.sent, this.#tally.outcomes);
      await sleep(POLL_MS);
    }
  }

  state(): StreamState {
    const { topics, windows, newest } = this.#tally;
    return {
      name: this.name,
      model: this.#options.stream.model,
      phase: this.#phase,
      live: this.#phase !== ENDED,
      metricsUrl: this.#stage?.url ? `${this.#stage.url}/metrics` : 'not yet',
      sent: this.#feeder.sent,
      labelled: topics.labelled,
      rejected: topics.rejected,
      skipped: windows.skipped,
      ...this.#pace(),
      newest: newest.map(({ source, tasks }) => ({ text: textOf(source.textId, this.#texts), tasks })),
    };
  }

  /** Returns the figures of the last moments while the stream runs, and of the whole run after its end. */
  #pace(): Pick<StreamState, 'textsPerSecond' | 'latencyMs'> {
    const { measured, latencies, textsPerSecond } = this.#tally;
    if (this.#phase === ENDED) return { textsPerSecond, latencyMs: latencies.overall() };
    const perSecond = this.#speed.perSecond(measured, performance.now());
    return { textsPerSecond: perSecond, latencyMs: latencies.recent() };
  }
}

function stalled(sent: number, outcomes: number): SiftlineError {
  return SiftlineError.check(
    'DEMO_STALLED',
    `${sent} records were fed, ${outcomes} have an outcome, and no outcome has come for ${STALL_MS / 1000} s`,
  );
}
