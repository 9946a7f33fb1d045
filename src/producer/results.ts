import { messageOf, SiftlineError } from '../errors.js';
import type { Message } from '../kafka/client.js';
import { kafkaErrorType } from '../kafka/errors.js';
import type { Labelled, Outcome, Rejection, SourceRecord, TopicPartition } from '../ports.js';
import { cutDeadLetter, deadLetter, type Rejector } from './dead-letter.js';
import { type AnswerEncoder, AnswerRefused } from './label-record.js';

/** An output topic and its number of partitions. */
export interface OutputTopic {
  readonly name: string;
  readonly partitions: number;
}

/** A message, and the partition that it goes to. */
export interface Out {
  readonly target: TopicPartition;
  readonly message: Message;
}

/** The topics that records also go to, by their decision. */
export interface Routes {
  readonly topics: ReadonlyMap<string, OutputTopic>;
  /** Makes the records of the routes; undefined when they are those of the labels topic. */
  readonly answers: AnswerEncoder | undefined;
}

/** An outcome in the form in which it is stored. */
export interface Result {
  readonly outcome: Outcome;
  /** The message and its partition; undefined for a skipped record, which stores nothing. */
  readonly out: Out | undefined;
  /** The record of the outcome's route. It is stored with `out` in one transaction, or else after it. */
  readonly route?: Out | undefined;
  /**
   * Returns the result to store in its place when the brokers refuse it; `type` is their reason. Throws when nothing is
   * left to try.
   */
  mend(type: string): Result;
}

export interface ResultsOptions {
  readonly labels: OutputTopic;
  readonly rejected: OutputTopic;
  readonly answers: AnswerEncoder;
  readonly routes?: Routes | undefined;
  readonly rejector: Rejector;
}

/**
 * The clock of a record's timestamp: the event's own, or the current time. A topic may refuse an event time; then the
 * record is stored with the current time, and the original stays in the Avro value.
 */
type Clock = 'event' | 'now';

/**
 * Turns outcomes into records of the labels and rejected topics and of the routes. A record keeps its partition number (modulo, where the
 * output topic has fewer partitions), so order per input partition is order per output partition.
 *
 * A refusal of the brokers leads to the next form:
 *
 * - A record whose event time is refused gets the current time.
 * - A result becomes a rejected record.
 * - A rejected record is cut to its head.
 * - A head that is refused is an error, since the record would be lost.
 */
export class Results {
  readonly #options: ResultsOptions;

  constructor(options: ResultsOptions) {
    this.#options = options;
  }

  of(outcome: Outcome): Result {
    switch (outcome.kind) {
      case 'skipped':
        return { outcome, out: undefined, mend: type => nothingLeft('nothing', type) };
      case 'rejected':
        return this.#rejected(outcome.record, outcome, 'event');
      case 'labelled':
        return this.#labelled(outcome);
    }
  }

  #labelled(outcome: Labelled & { readonly record: SourceRecord }): Result {
    const { record } = outcome;
    try {
      const message = this.#options.answers.encode(record, outcome);
      return this.#label(outcome, { message, routed: this.#routed(outcome, message) }, 'event');
    } catch (error) {
      const reason = error instanceof AnswerRefused ? error.reason : 'ENCODE_FAILED';
      return this.#rejected(record, rejection(reason, 'encode', messageOf(error)), 'event');
    }
  }

  #routed(outcome: Labelled & { readonly record: SourceRecord }, label: Message): Out | undefined {
    const { routes } = this.#options;
    const topic = routes?.topics.get(outcome.decision ?? '');
    if (!routes || !topic) return undefined;
    const { record } = outcome;
    return { target: targetIn(topic, record), message: routes.answers?.encode(record, outcome) ?? label };
  }

  #label(outcome: Outcome, { message, routed }: { message: Message; routed: Out | undefined }, clock: Clock): Result {
    const { record } = outcome;
    return {
      outcome,
      out: { target: targetIn(this.#options.labels, record), message },
      route: routed,
      mend: type => {
        if (type === 'INVALID_TIMESTAMP' && clock === 'event') {
          const now = routed && { ...routed, message: underNow(routed.message) };
          return this.#label(outcome, { message: underNow(message), routed: now }, 'now');
        }
        return this.#rejected(record, type === 'INVALID_RECORD' ? REFUSED : TOO_LARGE, clock);
      },
    };
  }

  #rejected(record: SourceRecord, because: Rejection, clock: Clock): Result {
    const { rejector, rejected } = this.#options;
    const message = deadLetter(rejector, record, because);
    return {
      outcome: { record, ...because },
      out: { target: targetIn(rejected, record), message: clock === 'now' ? underNow(message) : message },
      mend: type =>
        type === 'INVALID_TIMESTAMP' && clock === 'event'
          ? this.#rejected(record, because, 'now')
          : this.#head(record, because),
    };
  }

  #head(record: SourceRecord, because: Rejection): Result {
    const { rejector, rejected } = this.#options;
    return {
      outcome: { record, ...because },
      out: { target: targetIn(rejected, record), message: underNow(cutDeadLetter(rejector, record, because)) },
      mend: type => nothingLeft(rejected.name, type),
    };
  }
}

function targetIn({ name, partitions }: OutputTopic, { partition }: SourceRecord): TopicPartition {
  return { topic: name, partition: partition % partitions };
}

function underNow(message: Message): Message {
  return { ...message, timestamp: String(Date.now()) };
}

const TOO_LARGE = rejection(
  'RESULT_TOO_LARGE',
  'publish',
  'the result is larger than the labels topic or its route takes',
);
const REFUSED = rejection(
  'RESULT_REFUSED',
  'publish',
  'the labels topic or the route refuses the result; a compacted topic takes no record without a key',
);

function rejection(reason: Rejection['reason'], stage: Rejection['stage'], detail: string): Rejection {
  return { kind: 'rejected', reason, stage, attempts: 1, detail };
}

function nothingLeft(topic: string, type: string): never {
  throw SiftlineError.topic(
    'DEAD_LETTER_REFUSED',
    `topic ${topic} refuses a rejected record (${type}), which would be lost; it must not be compacted, and must take records of 8 KB`,
  );
}

/**
 * Returns the bytes of a message in a record batch, a little too many: key, value, headers and the record's own fields.
 */
export function bytesOf({ key, value, headers }: Message): number {
  const pairs = (headers ?? []) as unknown as ReadonlyArray<readonly [string, Buffer | null]>;
  const ofHeaders = pairs.reduce(
    (sum, [name, content]) => sum + Buffer.byteLength(name) + (content?.length ?? 0) + 10,
    0,
  );
  return (key?.length ?? 0) + (value?.length ?? 0) + ofHeaders + 100;
}

const REFUSALS = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_TIMESTAMP', 'INVALID_RECORD']);

/** Returns the brokers' reason for a refusal that no repetition changes; undefined for any other error. */
export function refusalOf(error: unknown): string | undefined {
  const type = kafkaErrorType(error);
  return type && REFUSALS.has(type) ? type : undefined;
}
