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

/** What the loop tells the metrics. */
export interface PipelineEvents {
  taken(records: number): void;
  revoked(records: number): void;
  stage(stage: StageName, ms: number): void;
  /** The texts of these records went through the model together. */
  classified(timings: BatchTimings, records: readonly SourceRecord[]): void;
  stored(outcomes: readonly Outcome[]): void;
}

export interface PipelineParts {
  readonly source: Source;
  readonly decoder: Pick<Decoder, 'decode'>;
  readonly classifier: Classifier;
  /** Keeps the crash journal round the classifier, where there is one. */
  readonly guard?: Pick<CrashGuard, 'classify'> | undefined;
  readonly judge: (scored: Scored) => Pick<Outcome & { kind: 'labelled' }, 'results' | 'decision'>;
  readonly sink: Sink;
  readonly events: PipelineEvents;
  /** Told of what was stored; an error ends the run once everything taken is stored. */
  readonly limit?: { observe(outcomes: readonly Outcome[]): Error | undefined } | undefined;
  /** Checks that every record taken has one outcome, where somebody wants to know. */
  readonly ledger?: Ledger | undefined;
  /** Traces every batch, where somebody collects traces. */
  readonly tracer?: Pick<BatchTracer, 'start'> | undefined;
}

/**
 * The one loop: take a batch, classify it, publish the outcomes, mark it done. As many batches are with the classifier as
 * it can use, and as many again may be on their way out, so that no thread waits for a broker's answer. A small batch
 * that would only wait for a thread is not taken: under a partial load what comes meanwhile goes along. Waiting for a
 * free place is the only backpressure, and it reaches the brokers through the source.
 *
 * Batches are classified in any order and handed to the sink in the order they were taken, partition by partition. A
 * batch whose partitions may have moved is dropped before it is published, and so is every later one of its epoch, so
 * that what was published of a partition is a prefix of it. The same holds after a failure.
 */
export class Pipeline {
  readonly #parts: PipelineParts;
  readonly #turns = new Turns();
  readonly #underWay = new Set<Promise<unknown>>();
  /** Those of them that have no answers yet. */
  readonly #unanswered = new Set<Promise<unknown>>();
  #classifying = 0;
  #lastProgress = performance.now();
  /** A batch has failed: what is behind it must not be published, so that what was published stays a prefix. */
  #sealed = false;
  /** Why nothing more is taken, when the limit says so. */
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
   * Runs until the source ends or is stopped, and everything taken is stored. Throws the first thing that cannot be
   * mended, or, with everything stored, what the limit says.
   */
  run(): Promise<void> {
    return Promise.race([this.#loop(), this.#failed]);
  }

  /** Nothing more is taken. What is under way is finished. */
  stop(): void {
    this.#parts.source.stop();
  }

  /** Milliseconds since inference last moved while it had work; 0 when it has none. Brokers do not come into it. */
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
      // Before the turn passes: what comes behind must not be published either.
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
      const labelled = { id: each.id, ...this.#parts.judge(answer), ...readingOf(answer), timings };
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

/** Keeps the promise in the set, there as one that never rejects, until it is settled. */
function track<T>(among: Set<Promise<unknown>>, promise: Promise<T>): Promise<T> {
  const settled: Promise<unknown> = promise.catch(() => {}).finally(() => among.delete(settled));
  among.add(settled);
  return promise;
}

/** How much of the text was read, in what way and by which model, and which words counted. */
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

/** An outcome that decoding or inference has already come to. */
function settled<T extends { kind: string }>(each: T | undefined): Exclude<T, { kind: 'text' } | { kind: 'scored' }> {
  if (!each || each.kind === 'text' || each.kind === 'scored')
    throw new Error('bug in siftline: a record has no answer');
  return each as Exclude<T, { kind: 'text' } | { kind: 'scored' }>;
}
