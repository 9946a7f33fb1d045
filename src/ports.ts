/** The words of the domain and the ports. Everything here is plain data or an interface; nothing imports a library. */

/** Record headers in their order on the wire; a key may repeat, a value may be null (KIP-82). */
export type Headers = ReadonlyArray<readonly [key: string, value: Buffer | null]>;

/** One record as it came: a Kafka message, or a line of a file. */
export interface SourceRecord extends RecordPlace {
  /** Event time, milliseconds since the epoch; -1 when the record has none. */
  readonly timestamp: bigint;
  readonly key: Buffer | null;
  /** Null is a tombstone. */
  readonly value: Buffer | null;
  readonly headers: Headers;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A partition as a map key: "topic/3". Topic names hold no slash. */
export function partitionId({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

export function parsePartitionId(id: string): TopicPartition {
  const at = id.lastIndexOf('/');
  return { topic: id.slice(0, at), partition: Number(id.slice(at + 1)) };
}

/** One record of a partition. */
export interface RecordPlace extends TopicPartition {
  readonly offset: bigint;
}

/**
 * The id of a record's result, "topic-3-17": the same input has the same id, whoever answers it and however often. Readers
 * drop repeats by it.
 */
export function recordId({ topic, partition, offset }: RecordPlace): string {
  return `${topic}-${partition}-${offset}`;
}

/** Where in the journey a record was rejected. */
export type Stage = 'decode' | 'infer' | 'encode' | 'publish';

/** The closed list of reasons a record is rejected; stable, used in headers and metric labels. */
export const REJECT_REASONS = [
  'KEY_TOO_LARGE',
  'HEADERS_TOO_LARGE',
  'VALUE_TOO_LARGE',
  'VALUE_NOT_UTF8',
  'VALUE_NOT_JSON',
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
  'RESULT_TOO_LARGE',
  'RESULT_REFUSED',
] as const;
export type RejectReason = (typeof REJECT_REASONS)[number];

export const SKIP_REASONS = ['TOMBSTONE'] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

/** A record turned down: why, where, after how many attempts. `detail` never quotes the record. */
export interface Rejection {
  readonly kind: 'rejected';
  readonly reason: RejectReason;
  readonly stage: Stage;
  readonly attempts: number;
  readonly detail: string;
}

export interface Skip {
  readonly kind: 'skipped';
  readonly reason: SkipReason;
}

/** What decoding makes of a record's value. */
export type Decoded = { readonly kind: 'text'; readonly text: string; readonly id: string | null } | Rejection | Skip;

/** One question the model answers, with its labels in the order of the scores. */
export interface Task {
  readonly name: string;
  readonly labels: readonly string[];
  /** softmax: exactly one label holds; sigmoid: each label holds or not by itself. */
  readonly activation: 'softmax' | 'sigmoid';
  /** Probability from which a label counts as given; one per label. */
  readonly thresholds: readonly number[];
}

/** Who answered: stamped on every result. */
export interface ModelInfo {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of the ONNX file, hex. */
  readonly sha256: string;
  readonly precision: string;
  readonly maxTokens: number;
  readonly tasks: readonly Task[];
}

/** The model's answer for one text: `scores[t][l]` is the probability of label l of task t. It shares no memory with others. */
export interface Scored {
  readonly kind: 'scored';
  readonly scores: ReadonlyArray<readonly number[]>;
  /** Tokens the model saw, special tokens included; each counts once, also where windows overlap. */
  readonly tokens: number;
  readonly truncated: boolean;
  /** Only of a text that was read as several windows. */
  readonly windows?: TextWindows;
  /** Only of a text with a label that is to be explained; null when the explanation was not given. */
  readonly explanations?: readonly Explanation[] | null;
  /** The explanations are not all they would be with more time: right for now, not to be kept. */
  readonly provisional?: boolean;
  /** Which of the two models of a cascade; without one, nothing. */
  readonly answeredBy?: AnsweredBy;
}

/** The small model of a cascade, or the full one. */
export const ANSWERED_BY = ['student', 'full'] as const;
export type AnsweredBy = (typeof ANSWERED_BY)[number];

/** How a long text was read, and which windows its answer comes from. */
export interface TextWindows {
  readonly count: number;
  /** One per task: the window with the highest probability of the task's top label, the first of equals. */
  readonly deciding: readonly TextWindow[];
}

/** A window of a long text: its place among the windows, and its stretch of the text's tokens, special ones not counted. */
export interface TextWindow {
  /** From 0. */
  readonly index: number;
  readonly fromToken: number;
  /** The first token behind it. */
  readonly toToken: number;
}

/** A stretch of a text, in UTF-16 code units (`text.slice(start, end)`), and what it adds to a label's score. */
export interface WordContribution {
  readonly start: number;
  readonly end: number;
  /** Score of the text less its score with this stretch hidden; below zero for one that speaks against the label. */
  readonly contribution: number;
}

/** Which words made the score of one label; never the words themselves. */
export interface Explanation {
  readonly task: string;
  readonly label: string;
  readonly score: number;
  readonly words: readonly WordContribution[];
  /** What the score loses when the words that add most to it are hidden together. */
  readonly comprehensiveness: number;
}

/** A label, and the place of its score in a row of scores: all tasks' labels one after the other. */
export interface LabelPlace {
  readonly task: string;
  readonly label: string;
  readonly column: number;
}

/** A label that is to be explained whenever a text is given it; plain data, made of the policy, for the threads. */
export interface WatchedLabel extends LabelPlace {
  /** It is given when its score is no less than this, */
  readonly least: number;
  /** above the scores of these columns, */
  readonly above: readonly number[];
  /** and not below those of these. */
  readonly notBelow: readonly number[];
}

/**
 * A place where a decision about a text would turn into another: the second label of a softmax task overtakes the first,
 * or a label crosses a score that policy looks at. Plain data, made of the policy, for the threads.
 */
export type TurningPoint = {
  /** As in `confidenceFor`: the task of a top label, or task/label. */
  readonly name: string;
  /** Confidence from which the decision stands; 0 is for a decision nobody acts on. */
  readonly least: number;
  /** Columns in a row of scores. */
} & (
  | { readonly kind: 'top'; readonly from: number; readonly to: number }
  | { readonly kind: 'crossing'; readonly column: number; readonly at: number }
);

/** What one call of the classifier cost; milliseconds, and tokens that went through the engine, with and without padding. */
export interface BatchTimings {
  readonly queueMs: number;
  readonly tokeniseMs: number;
  readonly inferMs: number;
  readonly tokens: number;
  readonly paddedTokens: number;
}

/** What comes of a text that goes to the model. */
export type Answer = Scored | Rejection;

export interface ClassifiedBatch {
  /** One answer per text, in the order of the texts. */
  readonly answers: readonly Answer[];
  readonly timings: BatchTimings;
}

export type Decision = 'allow' | 'review' | 'block';

/**
 * Probabilities by label, made into an object by whoever writes them. Objects of all texts of a batch, kept until it is
 * stored, would be copied by V8's garbage collector.
 */
export interface LabelScores {
  toJSON(): Record<string, number>;
}

/** What policy makes of one task's scores. */
export interface TaskResult {
  readonly task: string;
  /** The label with the highest score. */
  readonly label: string;
  readonly score: number;
  /** Labels at or above their threshold (sigmoid), or the top label alone (softmax). */
  readonly labels: readonly string[];
  readonly scores: LabelScores;
  /** The window the label comes from; only of a text that was read as several. */
  readonly window?: TextWindow;
}

export interface Labelled {
  readonly kind: 'labelled';
  readonly id: string | null;
  readonly results: readonly TaskResult[];
  /** Null when the policy has no bands. */
  readonly decision: Decision | null;
  readonly tokens: number;
  readonly truncated: boolean;
  /** Windows the text was read as; only where they are several. */
  readonly windows?: number;
  /** As in Scored. */
  readonly explanations?: readonly Explanation[] | null;
  /** As in Scored. */
  readonly answeredBy?: AnsweredBy;
  readonly timings: BatchTimings;
}

/** How a record's journey ends: exactly one of these for every record. */
export type Outcome = { readonly record: SourceRecord } & (Labelled | Rejection | Skip);

/** Records handed out together; `epoch` names the assignment they were read under. */
export interface Batch {
  readonly epoch: number;
  readonly records: readonly SourceRecord[];
  /** Where each of its partitions goes on after it: what is committed once all its records are stored. */
  readonly next: ReadonlyArray<{ readonly topic: string; readonly partition: number; readonly offset: bigint }>;
}

/** The right to publish a batch, for sinks that store results and offsets together. */
export interface Claim {
  readonly batch: Batch;
  /** False once the batch's partitions may belong to somebody else. */
  readonly isCurrent: () => boolean;
  /** Says that they do. */
  readonly lose: (why: Error) => void;
  /**
   * Says that another owner of their partition has stored these, or will, or that nobody is left to read them: `publish`
   * answers without them.
   */
  readonly leave: (records: readonly SourceRecord[]) => void;
}

/**
 * Where records come from. `take` hands out batches, in order within each partition; `done` is told when every record
 * of a batch has its outcome stored, in any order of batches; the source commits only what is contiguous.
 */
export interface Source {
  open(): Promise<void>;
  /**
   * The next batch, of a size that suits the classifier's threads; waits for one; undefined once stopped or at the end of
   * the input. A source whose records trickle in hands out nothing small while no thread is free: what waits behind other
   * batches may as well grow.
   */
  take(occupancy?: () => Occupancy): Promise<Batch | undefined>;
  /** A thread may be free: a waiting `take` looks again. */
  look(): void;
  /** False once the batch's partitions may belong to somebody else: its results must not be published. */
  isCurrent(batch: Batch): boolean;
  done(batch: Batch): void;
  /** A partition of the batch has another owner: what was read is given up, and the input is joined anew. */
  lose(batch: Batch, why: Error): void;
  /** No more batches; what was handed out may still be finished. */
  stop(): void;
  /** Commits what is done and lets go of the input. */
  close(): Promise<void>;
}

/** A classifier's threads, and those of them that have nothing to do. */
export interface Occupancy {
  readonly threads: number;
  readonly free: number;
}

/** Texts to scores. Never throws for a text: one that cannot be answered comes back as a Rejection. */
export interface Classifier {
  readonly model: ModelInfo;
  /** Calls that are worked on at once. */
  readonly threads: number;
  /** Calls that can usefully be open at once, so that no thread waits for its next; more only queue. */
  readonly concurrency: number;
  open(): Promise<void>;
  classify(texts: readonly string[]): Promise<ClassifiedBatch>;
  close(): Promise<void>;
}

/**
 * Where outcomes go. `publish` resolves when every outcome is stored, with the outcomes as they were stored (a result
 * too large for the sink becomes a rejection). Outcomes of one input partition are stored in the order of the calls. A
 * sink that keeps the offsets as well leaves out those that another owner of their partition has stored, or will store,
 * and says which (`Claim.leave`).
 */
export interface Sink {
  open(): Promise<void>;
  publish(outcomes: readonly Outcome[], claim: Claim): Promise<readonly Outcome[]>;
  close(): Promise<void>;
}

/**
 * A record's value to the text in it. `decode` never waits, and takes only records that are ready. What a record lacks
 * (a schema) is fetched by `prepare`, and only what reads its partition waits for that.
 */
export interface Decoder {
  /** True when `decode` may be called: what it needs hangs on the record from then on. */
  isReady(record: SourceRecord): boolean;
  /** Fetches what these lack; resolves when each is ready or is worth another call, after a pause. Never rejects. */
  prepare(records: readonly SourceRecord[]): Promise<void>;
  /** Says what a record that is not ready waits for: "schema id 7 (HTTP 403)". */
  awaits(record: SourceRecord): string;
  decode(record: SourceRecord): Decoded;
}
