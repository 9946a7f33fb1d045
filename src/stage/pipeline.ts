/*
 * The loop of the stage. States of the pipeline:
 *
 * - *running*: takes, classifies and publishes batches. Ends when the source ends, or with `stop`: *draining*. Ends
 *   when the reject limit is exceeded, which calls `stop`: *draining*. Ends when a batch fails: *sealed*.
 * - *draining*: takes nothing more and finishes what is under way. Ends when everything is stored: *over*, and `run`
 *   resolves, or throws the limit's error. Ends when a batch fails: *sealed*.
 * - *sealed*: publishes nothing more; every later batch is revoked. Ends when nothing is under way: *over*. After a
 *   failure `run` has thrown already.
 *
 * States of a batch:
 *
 * - *unanswered*: is decoded and classified. Ends with its outcomes: *waiting*.
 * - *waiting*: earlier batches of its partitions are not handed to the sink yet. Ends with its turn: *publishing* when
 *   its assignment is current and the pipeline is not sealed, else *revoked*.
 * - *publishing*: the sink stores its outcomes, and the next batch gets its turn. Records that the sink leaves out are
 *   revoked. Ends when all others are stored: *done*. Ends with an error: *failed*.
 * - *done*: the source may commit its offsets.
 * - *revoked*: nothing of it is stored; its records are read again.
 * - *failed*: `run` throws. Its offsets are not committed, so its records are read again.
 */

import { failPoint } from '../failpoints.js';
import type { Ledger, Page } from '../observe/ledger.js';
import type { StageName } from '../observe/list.js';
import type { BatchTrace, BatchTracer } from '../observe/tracing/batch-tracer.js';
import type {
  Batch,
  BatchTimings,
  Claim,
  Classifier,
  Decoded,
  Decoder,
  Labelled,
  Outcome,
  Scored,
  Sink,
  Source,
  SourceRecord,
} from '../ports.js';
import type { CrashGuard } from './crash/guard.js';
import { Turns } from './turns.js';

/** Receives what the loop reports to the metrics. */
export interface PipelineEvents {
  taken(records: number): void;
  revoked(records: number): void;
  stage(stage: StageName, ms: number): void;
  /** Called when the texts of these records went through the model together. */
  classified(timings: BatchTimings, records: readonly SourceRecord[]): void;
  stored(outcomes: readonly Outcome[]): void;
}

export interface PipelineParts {
  readonly source: Source;
  readonly decoder: Pick<Decoder, 'decode'>;
  readonly classifier: Classifier;
  /** Keeps the crash journal while the classifier works; undefined without a journal. */
  readonly guard?: Pick<CrashGuard, 'classify'> | undefined;
  readonly judge: (scored: Scored) => Pick<Outcome & { kind: 'labelled' }, 'results' | 'decision' | 'decidedBy'>;
  readonly sink: Sink;
  readonly events: PipelineEvents;
  /** Sees every stored outcome. An error that it returns ends the run once everything taken is stored. */
  readonly limit?: { observe(outcomes: readonly Outcome[]): Error | undefined } | undefined;
  /** Checks that every record taken gets exactly one outcome. */
  readonly ledger?: Ledger | undefined;
  /** Traces every batch; undefined when no traces are collected. */
  readonly tracer?: Pick<BatchTracer, 'start'> | undefined;
}

/**
 * Runs the one loop: take a batch, classify it, publish the outcomes, mark it done.
 *
 * - At most `classifier.concurrency` batches are with the classifier, and at most twice as many are under way, so that
 *   no thread waits for a broker's answer.
 * - A small batch that would only wait for a thread is not taken: under a partial load it grows by the records that
 *   arrive meanwhile.
 * - Waiting for a free place is the only backpressure, and it reaches the brokers through the source.
 *
 * Batches are classified in any order and handed to the sink in the order in which they were taken, partition by
 * partition. A batch whose partitions may have been revoked is dropped before it is published, and so is every later
 * batch of its epoch. So the published records of a partition are always a prefix of it. The same holds after a
 * failure.
 */
export class Pipeline {
  readonly #parts: PipelineParts;
  readonly #turns = new Turns();
  readonly #underWay = new Set<Promise<unknown>>();
  /** Batches under way that have no answers yet. */
  readonly #unanswered = new Set<Promise<unknown>>();
  #classifying = 0;
  #lastProgress = performance.now();
  /** True once a batch has failed: later batches must not be published, so that the published records stay a prefix. */
  #sealed = false;
  /** The error of the reject limit, once it is exceeded. */
  #exceeded: Error | undefined;
  #fail: (error: unknown) => void = () => {};
  readonly #failed = new Promise<never>((_, reject) => {
    this.#fail = reject;
  });

  constructor(parts: PipelineParts) {
    this.#parts = parts;
    this.#failed.catch(() => {});
  }

  /**
   * Runs until the source ends or is stopped, and everything taken is stored. Throws the first error that cannot be
   * mended, or, when everything is stored, the error of the limit.
   */
  run(): Promise<void> {
    return Promise.race([this.#loop(), this.#failed]);
  }

  /** Takes nothing more. Batches under way are finished. */
  stop(): void {
    this.#parts.source.stop();
  }

  /**
   * Milliseconds since inference last made progress while it had work; 0 when it has none. Waiting for brokers does not
   * count.
   */
  get stalledMs(): number {
    return this.#classifying === 0 ? 0 : performance.now() - this.#lastProgress;
  }

  async #loop(): Promise<void> {
    const { source, classifier } = this.#parts;
    const { threads } = classifier;
    for (;;) {
      while (this.#unanswered.size >= classifier.concurrency) await Promise.race(this.#unanswered);
      while (this.#underWay.size >= classifier.concurrency * 2) await Promise.race(this.#underWay);
      const batch = await source.take(() => ({ threads, free: Math.max(0, threads - this.#unanswered.size) }));
      if (!batch || this.#sealed) break;
      this.#start(batch);
    }
    await Promise.all(this.#underWay);
    if (this.#exceeded) throw this.#exceeded;
  }

  #start(batch: Batch): void {
    void track(
      this.#underWay,
      this.#carry(batch).catch(error => this.#fail(error)),
    );
  }

  async #carry(batch: Batch): Promise<void> {
    const { source, sink, events } = this.#parts;
    const turn = this.#turns.enter(batch.records);
    events.taken(batch.records.length);
    const page = this.#parts.ledger?.enter(batch.records);
    const trace = this.#parts.tracer?.start(batch.records);
    failPoint('taken');
    try {
      const outcomes = await track(this.#unanswered, this.#outcomes(batch.records, trace));
      source.look();
      failPoint('classified');
      await turn.comes;
      if (this.#sealed || !source.isCurrent(batch)) {
        trace?.end(undefined);
        return this.#revoke(batch.records, page);
      }
      const started = performance.now();
      failPoint('publishing');
      const publishing = sink.publish(outcomes, this.#claim(batch, page));
      turn.pass();
      const stored = await publishing;
      events.stage('publish', performance.now() - started);
      trace?.stage('publish', started);
      trace?.end(stored);
      events.stored(stored);
      page?.stored(stored);
      page?.close();
      failPoint('published');
      source.done(batch);
      this.#observe(stored);
    } catch (error) {
      // Sealed before the turn passes: later batches must not be published either.
      this.#sealed = true;
      trace?.fail(error);
      throw error;
    } finally {
      turn.pass();
    }
  }

  #revoke(records: readonly SourceRecord[], page: Page | undefined): void {
    if (records.length > 0) this.#parts.events.revoked(records.length);
    page?.revoked(records);
  }

  #observe(stored: readonly Outcome[]): void {
    const exceeded = this.#parts.limit?.observe(stored);
    if (!exceeded || this.#exceeded) return;
    this.#exceeded = exceeded;
    this.stop();
  }

  #claim(batch: Batch, page: Page | undefined): Claim {
    const { source } = this.#parts;
    return {
      batch,
      isCurrent: () => source.isCurrent(batch),
      lose: why => source.lose(batch, why),
      leave: records => this.#revoke(records, page),
    };
  }

  /** Returns one outcome per record, in order. */
  async #outcomes(records: readonly SourceRecord[], trace: BatchTrace | undefined): Promise<Outcome[]> {
    const decoded = this.#decode(records, trace);
    const texts = decoded.flatMap(each => (each.kind === 'text' ? [each.text] : []));
    const asked = records.filter((_, i) => decoded[i]?.kind === 'text');
    if (texts.length === 0) return records.map((record, i) => ({ record, ...settled(decoded[i]) }));
    const started = performance.now();
    const { answers, timings } = await this.#classify(asked, texts);
    trace?.stage('classify', started);
    this.#parts.events.classified(timings, asked);
    let at = 0;
    return records.map((record, i): Outcome => {
      const each = decoded[i];
      if (each?.kind !== 'text') return { record, ...settled(each) };
      const answer = answers[at++];
      if (answer?.kind !== 'scored') return { record, ...settled(answer) };
      const { id, included, eventTime } = each;
      const labelled = {
        id,
        ...(included && { included }),
        ...(eventTime !== undefined && { eventTime }),
        ...this.#parts.judge(answer),
        ...readingOf(answer),
        timings,
      };
      return { record, kind: 'labelled', ...labelled };
    });
  }

  #decode(records: readonly SourceRecord[], trace: BatchTrace | undefined): Decoded[] {
    const { decoder, events } = this.#parts;
    const started = performance.now();
    const decoded = records.map(record => decoder.decode(record));
    events.stage('decode', performance.now() - started);
    trace?.stage('decode', started);
    return decoded;
  }

  async #classify(records: readonly SourceRecord[], texts: readonly string[]) {
    const { classifier, guard } = this.#parts;
    if (this.#classifying === 0) this.#lastProgress = performance.now();
    this.#classifying += 1;
    try {
      return await (guard ? guard.classify(records, texts) : classifier.classify(texts));
    } finally {
      this.#classifying -= 1;
      this.#lastProgress = performance.now();
    }
  }
}

/** Keeps the promise in the set until it is settled. The entry in the set never rejects. */
function track<T>(among: Set<Promise<unknown>>, promise: Promise<T>): Promise<T> {
  const settled: Promise<unknown> = promise.catch(() => {}).finally(() => among.delete(settled));
  among.add(settled);
  return promise;
}

/** Returns how the text was read: tokens, windows, which model answered, and the explanations. */
function readingOf(scored: Scored): Pick<Labelled, 'tokens' | 'truncated' | 'windows' | 'explanations' | 'answeredBy'> {
  const { tokens, truncated, windows, explanations, answeredBy } = scored;
  return {
    tokens,
    truncated,
    ...(windows && { windows: windows.count }),
    ...(explanations !== undefined && { explanations }),
    ...(answeredBy && { answeredBy }),
  };
}

/** Returns an outcome that decoding or inference has decided. A record without one is a bug. */
function settled<T extends { kind: string }>(each: T | undefined): Exclude<T, { kind: 'text' } | { kind: 'scored' }> {
  if (!each || each.kind === 'text' || each.kind === 'scored')
    throw new Error('bug in siftline: a record has no answer');
  return each as Exclude<T, { kind: 'text' } | { kind: 'scored' }>;
}
