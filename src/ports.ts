/**
 * Declares the words of the domain and the four ports. Everything here is plain data or an interface; nothing imports a
 * library.
 *
 * The ports are the steps of a record's journey. `stage/pipeline.ts` is the one caller. This is its order of calls for
 * one batch:
 *
 *     source.take                 -> a batch
 *     decoder.prepare             once with all records of the batch; repeated while it throws
 *     decoder.decode              once per record
 *     classifier.classify         once with all texts; not called for a batch without texts
 *     source.look                 a thread may be free
 *     source.isCurrent            false: the batch is dropped, and so is every later one
 *     sink.publish                after all earlier batches of the same partitions have been handed to the sink
 *     source.done                 after `publish` has resolved
 *
 * Several batches are under way at once, so calls for different batches interleave. Within one partition `publish` is
 * called in the order of `take`.
 *
 * The caller opens each part before it uses it, and closes it once the run has ended, however it ended. Expected
 * trouble (bad bytes, a bad text) is a value: a `Rejection`. A throw is trouble that waiting does not mend. It ends the
 * run, unless the method's comment says otherwise.
 */

/** Record headers in their order on the wire. A key may repeat, and a value may be null (KIP-82). */
export type Headers = ReadonlyArray<readonly [key: string, value: Buffer | null]>;

/** One record as it was read: a Kafka message, or a line of a file. */
export interface SourceRecord extends RecordPlace {
  /** The event time in milliseconds since the epoch; -1 when the record has none. */
  readonly timestamp: bigint;
  readonly key: Buffer | null;
  /** Null marks a tombstone. */
  readonly value: Buffer | null;
  readonly headers: Headers;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** Returns a partition as a map key: "topic/3". Topic names hold no slash. */
export function partitionId({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

/** Reads a partition back from its key; the inverse of `partitionId`. */
export function parsePartitionId(id: string): TopicPartition {
  const at = id.lastIndexOf('/');
  return { topic: id.slice(0, at), partition: Number(id.slice(at + 1)) };
}

/** The place of one record in its partition. */
export interface RecordPlace extends TopicPartition {
  readonly offset: bigint;
}

/**
 * Returns the id of a record's result: "topic-3-17". The same input always has the same id, whichever instance answers
 * it and however often. Readers drop repeats by it.
 */
export function recordId({ topic, partition, offset }: RecordPlace): string {
  return `${topic}-${partition}-${offset}`;
}

/** Returns the place that an id of `recordId` names; undefined for any other text. A topic's name may hold hyphens. */
export function parseRecordId(id: string): RecordPlace | undefined {
  const [, topic, partition, offset] = /^(.+)-(\d{1,9})-(\d{1,19})$/s.exec(id) ?? [];
  if (!topic || !partition || !offset) return undefined;
  return { topic, partition: Number(partition), offset: BigInt(offset) };
}

/**
 * The header of labels and dead letters that names the consumer group whose offset moves past their input. By it a
 * group without committed offsets is told from a new one (stage/parts/stored-results.ts).
 */
export const GROUP_HEADER = 'siftline.group';

/** The step of the journey at which a record was rejected. */
export type Stage = 'decode' | 'infer' | 'encode' | 'publish';

/**
 * The closed list of reasons for which a record is rejected. It is stable: headers and metric labels hold these names.
 */
export const REJECT_REASONS = [
  'KEY_TOO_LARGE',
  'HEADERS_TOO_LARGE',
  'VALUE_TOO_LARGE',
  'VALUE_NOT_UTF8',
  'VALUE_NOT_JSON',
  'ENVELOPE_MALFORMED',
  'ENVELOPE_UNSUPPORTED',
  'TEXT_MISSING',
  'TEXT_NOT_A_STRING',
  'TEXT_EMPTY',
  'TEXT_TOO_LONG',
  'AVRO_FRAMING',
  'AVRO_SCHEMA_UNKNOWN',
  'AVRO_SCHEMA_UNUSABLE',
  'AVRO_SCHEMA_UNAVAILABLE',
  'AVRO_MALFORMED',
  'AVRO_LIMIT',
  'TOKENISE_FAILED',
  'INFERENCE_FAILED',
  'WORKER_CRASHED',
  'PROCESS_CRASH',
  'ENCODE_FAILED',
  'VALUE_NOT_AN_OBJECT',
  'FIELD_TAKEN',
  'SCHEMA_TAKES_NO_FIELD',
  'RESULT_TOO_LARGE',
  'RESULT_REFUSED',
] as const;
export type RejectReason = (typeof REJECT_REASONS)[number];

/** The closed list of reasons for which a record is skipped; stable, a metric label holds these names. */
export const SKIP_REASONS = [
  'TOMBSTONE',
  'CHANGE_DELETE',
  'CHANGE_TRUNCATE',
  'CHANGE_MESSAGE',
  'CHANGE_SCHEMA',
  'CHANGE_TRANSACTION',
  'CHANGE_HEARTBEAT',
  'CHANGE_UNAVAILABLE',
] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

/**
 * The end of a record that cannot be labelled: the reason, the step, and the number of attempts. `detail` never quotes
 * the record.
 */
export interface Rejection {
  readonly kind: 'rejected';
  readonly reason: RejectReason;
  readonly stage: Stage;
  readonly attempts: number;
  readonly detail: string;
}

/** The end of a record that has nothing to classify. */
export interface Skip {
  readonly kind: 'skipped';
  readonly reason: SkipReason;
}

/** The text of a record, and what else was asked of its value. */
export interface DecodedText {
  readonly kind: 'text';
  readonly text: string;
  /** The record's own id, where the configuration names a place for it. */
  readonly id: string | null;
  /** Present only where the record's envelope has a time of its own. */
  readonly eventTime?: bigint;
  /** Fields that the output repeats, by path: strings as they are, other values as JSON. */
  readonly included?: Readonly<Record<string, string>>;
}

/** The result of decoding a record's value. */
export type Decoded = DecodedText | Rejection | Skip;

/** One question that the model answers, with its labels in the order of the scores. */
export interface Task {
  readonly name: string;
  readonly labels: readonly string[];
  /** softmax is single-label: exactly one label holds. sigmoid is multi-label: each label holds or not by itself. */
  readonly activation: 'softmax' | 'sigmoid';
  /** The probability from which a label counts as given; one per label. */
  readonly thresholds: readonly number[];
}

/** Identifies the model that answers; stamped on every result. */
export interface ModelInfo {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of the ONNX file, in hex. */
  readonly sha256: string;
  /** SHA-256 of everything in the model's folder that decides an answer, hex; its grammar is in model/folder.ts. */
  readonly identity: string;
  readonly precision: string;
  readonly maxTokens: number;
  readonly tasks: readonly Task[];
}

/**
 * The model's answer for one text: `scores[t][l]` is the probability of label l of task t. The arrays are copies: they
 * share no memory with other answers.
 */
export interface Scored {
  readonly kind: 'scored';
  readonly scores: ReadonlyArray<readonly number[]>;
  /**
   * The number of tokens that the model read, special tokens included. A token that lies in two windows counts once.
   */
  readonly tokens: number;
  readonly truncated: boolean;
  /** Present only for a text that was read as several windows. */
  readonly windows?: TextWindows;
  /**
   * Present only for a text with a label that is to be explained. Null means that the explanation could not be given.
   */
  readonly explanations?: readonly Explanation[] | null;
  /**
   * True when more time would have given fuller explanations. Such an answer is used once and not kept in the cache.
   */
  readonly provisional?: boolean;
  /** Names the model of a cascade that answered; absent without a cascade. */
  readonly answeredBy?: AnsweredBy;
}

/** The two models of a cascade: the small one and the full one. */
export const ANSWERED_BY = ['student', 'full'] as const;
export type AnsweredBy = (typeof ANSWERED_BY)[number];

/** Says how a long text was read, and which windows decided its answer. */
export interface TextWindows {
  readonly count: number;
  /**
   * One per task: the window with the highest probability of the task's top label. Of equal windows the first counts.
   */
  readonly deciding: readonly TextWindow[];
}

/**
 * A window of a long text: its index, and the range of the text's tokens that it holds. Special tokens are not counted.
 */
export interface TextWindow {
  /** Counts from 0. */
  readonly index: number;
  readonly fromToken: number;
  /** The first token after the window. */
  readonly toToken: number;
}

/** A range of a text in UTF-16 code units (`text.slice(start, end)`), and what it adds to a label's score. */
export interface WordContribution {
  readonly start: number;
  readonly end: number;
  /**
   * The score of the text minus its score with this range hidden. Negative for a range that speaks against the label.
   */
  readonly contribution: number;
}

/** Shows which words made the score of one label. It holds their places, never the words themselves. */
export interface Explanation {
  readonly task: string;
  readonly label: string;
  readonly score: number;
  readonly words: readonly WordContribution[];
  /** The drop of the score when the words that add most to it are hidden together. */
  readonly comprehensiveness: number;
}

/**
 * A label, and the column of its score in a row of scores. A row holds the labels of all tasks, one task after the
 * other.
 */
export interface LabelPlace {
  readonly task: string;
  readonly label: string;
  readonly column: number;
}

/**
 * A label that is explained whenever a text is given it. The condition is plain data that is made from the policy, so
 * that it can be sent to the threads: the label is given when its score is at least `least`, above the scores of the
 * columns `above`, and not below the scores of the columns `notBelow`.
 */
export interface WatchedLabel extends LabelPlace {
  readonly least: number;
  readonly above: readonly number[];
  readonly notBelow: readonly number[];
}

/**
 * A score at which a decision about a text would change: the second label of a softmax task overtakes the first, or a
 * label crosses a score that the policy looks at. It is plain data that is made from the policy, so that it can be sent
 * to the threads. `from`, `to` and `column` are columns in a row of scores.
 */
export type TurningPoint = {
  /** The key as in `confidenceFor`: a task (for its top label), or task/label. */
  readonly name: string;
  /** The confidence from which the decision stands; 0 for a decision that nothing depends on. */
  readonly least: number;
} & (
  | { readonly kind: 'top'; readonly from: number; readonly to: number }
  | { readonly kind: 'crossing'; readonly column: number; readonly at: number }
);

/**
 * The cost of one call of the classifier: milliseconds, and the tokens that went through the engine, without and with
 * padding.
 */
export interface BatchTimings {
  readonly queueMs: number;
  readonly tokeniseMs: number;
  readonly inferMs: number;
  readonly tokens: number;
  readonly paddedTokens: number;
}

/** The classifier's answer for one text. */
export type Answer = Scored | Rejection;

export interface ClassifiedBatch {
  /** One answer per text, in the order of the texts. */
  readonly answers: readonly Answer[];
  readonly timings: BatchTimings;
}

export type Decision = 'allow' | 'review' | 'block';

/** The kinds of things that decide; `default` decides when nothing else does. */
export const DECIDED_BY_KINDS = ['band', 'threshold', 'rule', 'list', 'default'] as const;

/** Names the part of the policy that made the decision. */
export interface DecidedBy {
  readonly kind: (typeof DECIDED_BY_KINDS)[number];
  /** The name of the band, rule or list; for `default` the decision. */
  readonly name: string;
  /** The task and label whose score was compared, the limit that it reached, and the score; all four or none. */
  readonly task?: string | undefined;
  readonly label?: string | undefined;
  readonly threshold?: number | undefined;
  readonly score?: number | undefined;
}

/**
 * Probabilities by label. They become an object only when a result is written: objects for all texts of a batch, kept
 * until the batch is stored, would be copied by V8's garbage collector.
 */
export interface LabelScores {
  toJSON(): Record<string, number>;
}

/** The policy's result for one task. */
export interface TaskResult {
  readonly task: string;
  /** The label with the highest score. */
  readonly label: string;
  readonly score: number;
  /** The labels at or above their threshold (sigmoid), or the top label alone (softmax). */
  readonly labels: readonly string[];
  readonly scores: LabelScores;
  /** The window that decided the label; present only for a text that was read as several windows. */
  readonly window?: TextWindow;
}

export interface Labelled {
  readonly kind: 'labelled';
  readonly id: string | null;
  /** As in `DecodedText`; the record's own timestamp counts without it. */
  readonly eventTime?: bigint;
  readonly results: readonly TaskResult[];
  /** Null when the policy has no bands. */
  readonly decision: Decision | null;
  /** Null when there is no decision. */
  readonly decidedBy: DecidedBy | null;
  readonly tokens: number;
  readonly truncated: boolean;
  /** The number of windows that the text was read as; present only when there were several. */
  readonly windows?: number;
  /** As in `Scored`. */
  readonly explanations?: readonly Explanation[] | null;
  /** As in `Scored`. */
  readonly answeredBy?: AnsweredBy;
  /** As in `DecodedText`. */
  readonly included?: Readonly<Record<string, string>>;
  readonly timings: BatchTimings;
}

/** The end of a record's journey. Every record has exactly one outcome. */
export type Outcome = { readonly record: SourceRecord } & (Labelled | Rejection | Skip);

/**
 * Records that are handed out together. A source may return a type of its own that extends this one: `isCurrent`,
 * `done` and `lose` get the same object back.
 */
export interface Batch {
  /**
   * The number of the assignment under which the records were read. It grows with every rebalance and never repeats; a
   * source without rebalances always gives the same number.
   */
  readonly epoch: number;
  /** Never empty. The records of one partition are in offset order; several partitions may be mixed. */
  readonly records: readonly SourceRecord[];
  /**
   * One entry per partition of the batch: the offset to commit once all its records are stored. It is at least the
   * offset after the partition's last record in the batch, and larger where transaction markers or compacted records
   * follow. Empty for a source whose offsets cannot be committed, such as a file.
   */
  readonly next: ReadonlyArray<{ readonly topic: string; readonly partition: number; readonly offset: bigint }>;
}

/**
 * The right to publish one batch. Sinks that store results and offsets together need it; other sinks use only `leave`,
 * and only when they leave records out. The three calls stay valid until `publish` has settled.
 */
export interface Claim {
  readonly batch: Batch;
  /**
   * Returns false once the batch's partitions may belong to another consumer: from then on nothing of it may be stored.
   */
  readonly isCurrent: () => boolean;
  /**
   * Marks the batch as lost: the brokers say that its partitions were reassigned. The source drops the assignment and
   * rejoins. The sink then leaves the records out and resolves; it does not throw.
   */
  readonly lose: (why: Error) => void;
  /**
   * Leaves these records out: another consumer has stored them or will, or the reader of the output is gone. Called
   * before `publish` resolves, whose result does not contain them.
   */
  readonly leave: (records: readonly SourceRecord[]) => void;
}

/**
 * A place that records come from: a consumer of topics, a range of offsets, or files. An implementation is held to
 * `test/contracts/source.contract.ts`.
 *
 * Order of calls:
 *
 * 1. `open`, once. `stop` and `close` may come before it, or while it waits.
 * 2. `take`, again and again, one call at a time. It is not called after it has resolved with undefined or has thrown.
 * 3. For each batch, while the next `take` may be waiting: `look` and `isCurrent` any number of times, `lose` if the
 *    sink finds that the partitions were reassigned, and `done` at most once. Batches are done in any order. A batch
 *    that is dropped is never done.
 * 4. `stop`, any number of times, at any moment.
 * 5. `close`, at least once. Batches that are still out may be done before it, after it, or never.
 *
 * All calls come from one thread. Only `open`, `take` and `close` may wait; the other calls return at once and do not
 * throw.
 *
 * An assignment of partitions is an epoch. When the partitions are revoked, a source that can wait first lets the
 * batches that are out become done, and commits them. Then the epoch ends: `isCurrent` returns false for all its
 * batches, and records that are not done are read again by the next consumer of their partition. Batches that come next
 * carry the next epoch.
 */
export interface Source {
  /**
   * Connects, and resolves once records can be taken. Brokers that are away are waited for. Resolves as well when
   * `stop` is called meanwhile. Throws when waiting does not mend the trouble: a missing right, wrong credentials.
   */
  open(): Promise<void>;
  /**
   * Resolves with the next batch, and waits until there is one. Every record is handed out once per epoch, in offset
   * order within its partition; a record that is not done when its epoch ends is handed out again.
   *
   * - A batch: at least one record, and no more than the source was configured for.
   * - Undefined: the input has ended, or the source was stopped. It stays undefined if asked again.
   * - A throw: the input cannot be read any further. Batches that are under way may still be done.
   *
   * `occupancy` tells the state of the classifier's threads, at any moment and for free; without it the source assumes
   * one free thread. The source cuts the batch to suit them. A source whose records trickle in hands out only large
   * batches while no thread is free, because records that wait behind other batches may as well gather; it asks
   * `occupancy` again whenever records come and whenever `look` is called.
   */
  take(occupancy?: () => Occupancy): Promise<Batch | undefined>;
  /**
   * Tells that a thread may have become free: a `take` that waits looks at `occupancy` again. A source that never waits
   * for a thread does nothing.
   */
  look(): void;
  /**
   * Returns false once the batch's partitions may belong to another consumer: its results must not be published. Never
   * becomes true again. `stop` and `done` do not change it. A source without rebalances always returns true.
   */
  isCurrent(batch: Batch): boolean;
  /**
   * Marks the batch as done: every record of it has its outcome stored. Soon afterwards the source commits, per
   * partition, the offset up to which all records are done; it never commits over a record that is not done. A batch
   * that is not current is ignored.
   */
  done(batch: Batch): void;
  /**
   * Ends the batch's assignment, because a sink found that a partition of it was reassigned. Every batch of the epoch
   * is no longer current, all records that were read are dropped, and the source rejoins. A batch that is not current
   * is ignored.
   */
  lose(batch: Batch, why: Error): void;
  /**
   * Ends the input: a `take` that waits resolves with undefined, and so does every later one. Batches that are out stay
   * current and may be done.
   */
  stop(): void;
  /** Stops, commits the offsets that are done, and leaves the input. Resolves when nothing is open any more. */
  close(): Promise<void>;
}

/** The number of a classifier's threads, and of those that are idle. */
export interface Occupancy {
  readonly threads: number;
  readonly free: number;
}

/**
 * Turns texts into scores. An implementation is held to `test/contracts/classifier.contract.ts`.
 *
 * Order of calls: `open` once, then `classify`, then `close` at least once (it may also come without `open`). Up to
 * `concurrency` calls of `classify` are open at once; more are allowed and wait in a queue.
 */
export interface Classifier {
  readonly model: ModelInfo;
  /** The number of calls that are worked on at once. */
  readonly threads: number;
  /** The number of open calls with which no thread waits for its next call. */
  readonly concurrency: number;
  /** Loads the model and tries it. Throws when it cannot be used. */
  open(): Promise<void>;
  /**
   * Resolves with one answer per text. Never throws for a text: a text that cannot be answered becomes a `Rejection`
   * and does not change its neighbours' answers. No texts give no answers. A throw means that the classifier cannot go
   * on.
   */
  classify(texts: readonly string[]): Promise<ClassifiedBatch>;
  /** Finishes the calls that are open, then ends the threads. */
  close(): Promise<void>;
}

/**
 * A place that outcomes go to. An implementation is held to `test/contracts/sink.contract.ts`.
 *
 * Order of calls: `open` once, then `publish`, then `close` once. Calls of `publish` do not wait for one another:
 * several are open at once, and outcomes of one input partition are stored in the order of the calls. After a failed
 * run `close` may come while calls of `publish` are open, and a last `publish` may follow it; those reject.
 */
export interface Sink {
  /** Connects. Throws only when waiting does not mend it; brokers that are away are left to `publish`. */
  open(): Promise<void>;
  /**
   * Resolves when every outcome is stored. The result holds the outcomes as they were stored, those of one partition in
   * the order given:
   *
   * - A skipped record has nothing to store, and is returned as it is.
   * - A result that is too large for the sink is stored as a rejection, and returned as that rejection.
   * - A record that was passed to `claim.leave` is missing.
   *
   * A call without outcomes is allowed. While the output is away, `publish` waits and tries again: this wait is the
   * backpressure. It throws when the output refuses for good (a missing right, a dead letter that is refused); then the
   * run ends and the batch is not done.
   */
  publish(outcomes: readonly Outcome[], claim: Claim): Promise<readonly Outcome[]>;
  /** Gives up what is not stored yet, and disconnects. */
  close(): Promise<void>;
}

/**
 * Finds the text in a record's value. A record is decoded only once it is ready: `prepare` fetches what it lacks (a
 * schema), and only the partition of the record waits for that.
 */
export interface Decoder {
  /** Returns true when `decode` may be called; from then on the record itself keeps what decoding it needs. */
  isReady(record: SourceRecord): boolean;
  /**
   * Fetches what decoding these records needs. Resolves when each is ready or is worth another call, after a pause. Never
   * rejects. Calls for different records may be open at once.
   */
  prepare(records: readonly SourceRecord[]): Promise<void>;
  /** Returns what a record that is not ready waits for, such as "schema id 7 (HTTP 403)". */
  awaits(record: SourceRecord): string;
  /** Returns the text, a rejection or a skip. Never waits, and never throws for the contents of a record. */
  decode(record: SourceRecord): Decoded;
}
