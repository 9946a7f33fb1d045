import { messageOf, SiftlineError } from '../errors.js';
import type { Message } from '../kafka/client.js';
import { kafkaErrorType } from '../kafka/errors.js';
import type { Labelled, Outcome, Rejection, SourceRecord, TopicPartition } from '../ports.js';
import { cutDeadLetter, deadLetter, type Rejector } from './dead-letter.js';
import { type LabelEncoder, labelRecord } from './label-record.js';

/** An output topic and how many partitions it has. */
export interface OutputTopic {
  readonly name: string;
  readonly partitions: number;
}

/** One partition of an output topic. */
/** An outcome as it goes out. */
export interface Result {
  readonly outcome: Outcome;
  /** What is stored, and where; undefined for a skipped record, of which nothing is. */
  readonly out: { readonly target: TopicPartition; readonly message: Message } | undefined;
  /** What to store in its place when the brokers refuse it (`type` is their reason); throws when nothing is left to try. */
  mend(type: string): Result;
}

export interface ResultsOptions {
  readonly labels: OutputTopic;
  readonly rejected: OutputTopic;
  readonly encoder: LabelEncoder;
  readonly rejector: Rejector;
}

/** When an event time is one the topic does not take, the record is stored under the clock of now; in Avro the original stays. */
type Clock = 'event' | 'now';

/**
 * Outcomes to records of the labels and rejected topics. A record keeps its partition number (modulo, where the output
 * topic has fewer), so order per input partition is order per output partition. A result the brokers refuse becomes a
 * rejected record; a rejected record they refuse is cut to its head; nothing of it at all is an error, for then it would
 * be lost.
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
      return this.#label(outcome, labelRecord(this.#options.encoder, record, outcome), 'event');
    } catch (error) {
      return this.#rejected(record, rejection('ENCODE_FAILED', 'encode', messageOf(error)), 'event');
    }
  }

  #label(outcome: Outcome, message: Message, clock: Clock): Result {
    const { record } = outcome;
    return {
      outcome,
      out: { target: targetIn(this.#options.labels, record), message },
      mend: type => {
        if (type === 'INVALID_TIMESTAMP' && clock === 'event') return this.#label(outcome, underNow(message), 'now');
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

const TOO_LARGE = rejection('RESULT_TOO_LARGE', 'publish', 'the result is larger than the labels topic takes');
const REFUSED = rejection(
  'RESULT_REFUSED',
  'publish',
  'the labels topic refuses the result; a compacted topic takes no record without a key',
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

/** What a message takes in a record batch, a little too much: key, value, headers and the record's own fields. */
export function bytesOf({ key, value, headers }: Message): number {
  const pairs = (headers ?? []) as unknown as ReadonlyArray<readonly [string, Buffer | null]>;
  const ofHeaders = pairs.reduce(
    (sum, [name, content]) => sum + Buffer.byteLength(name) + (content?.length ?? 0) + 10,
    0,
  );
  return (key?.length ?? 0) + (value?.length ?? 0) + ofHeaders + 100;
}

const REFUSALS = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_TIMESTAMP', 'INVALID_RECORD']);

/** Why the brokers will not take a record, however often it is sent; undefined for any other error. */
export function refusalOf(error: unknown): string | undefined {
  const type = kafkaErrorType(error);
  return type && REFUSALS.has(type) ? type : undefined;
}
