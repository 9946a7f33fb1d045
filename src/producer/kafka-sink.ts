import type { Message } from 'kafkajs';
import type { Logger } from 'pino';
import { ExitCode, messageOf, SiftlineError } from '../errors.js';
import type { Outcome, Rejection, Sink, SourceRecord } from '../types.js';
import { cutDeadLetter, deadLetter, type Rejector } from './dead-letter.js';
import type { IdempotentProducer } from './idempotent-producer.js';
import { type LabelEncoder, labelRecord } from './label-record.js';
import { Lane, type Mend, Refused } from './lane.js';

/** An output topic and how many partitions it has. */
export interface OutputTopic {
  readonly name: string;
  readonly partitions: number;
}

export interface KafkaSinkOptions {
  readonly producer: IdempotentProducer;
  readonly labels: OutputTopic;
  readonly rejected: OutputTopic;
  readonly encoder: LabelEncoder;
  readonly rejector: Rejector;
  readonly sendBytes: number;
  readonly events: SinkEvents;
  readonly log: Logger;
}

export interface SinkEvents {
  encoded(ms: number): void;
  /** A send failed and will be repeated. */
  retried(): void;
}

/**
 * Outcomes to the labels and rejected topics. A record keeps its partition number (modulo, where the output topic has
 * fewer), so order per input partition is order per output partition. Publishing resolves when the brokers have
 * acknowledged everything; while they are away it waits.
 */
export class KafkaSink implements Sink {
  readonly #options: KafkaSinkOptions;
  readonly #lanes = new Map<string, Lane>();
  #failing = false;

  constructor(options: KafkaSinkOptions) {
    this.#options = options;
  }

  open(): Promise<void> {
    return this.#options.producer.open();
  }

  /** False while the last send failed. */
  get ready(): boolean {
    return !this.#failing;
  }

  async publish(outcomes: readonly Outcome[]): Promise<readonly Outcome[]> {
    const started = performance.now();
    // Every message is queued before the first wait, so the order of calls is the order in the partitions.
    const stored = outcomes.map(outcome => this.#store(outcome));
    this.#options.events.encoded(performance.now() - started);
    return Promise.all(stored);
  }

  async close(): Promise<void> {
    for (const lane of this.#lanes.values()) lane.close();
    await this.#options.producer.close();
  }

  #store(outcome: Outcome): Promise<Outcome> {
    const { record } = outcome;
    switch (outcome.kind) {
      case 'skipped':
        return Promise.resolve(outcome);
      case 'rejected':
        return this.#reject(record, outcome);
      case 'labelled':
        return this.#label(outcome);
    }
  }

  #label(outcome: Outcome & { kind: 'labelled' }): Promise<Outcome> {
    const { record } = outcome;
    let message: Message;
    try {
      message = labelRecord(this.#options.encoder, record, outcome);
    } catch (error) {
      return this.#reject(record, rejection('ENCODE_FAILED', 'encode', messageOf(error)));
    }
    return this.#lane(this.#options.labels, record.partition)
      .push(message, onBrokersClock(message))
      .then(
        () => outcome,
        error => this.#refused(error, record),
      );
  }

  #refused(error: Error, record: SourceRecord): Promise<Outcome> {
    if (!(error instanceof Refused)) throw error;
    const because = error.type === 'INVALID_RECORD' ? REFUSED : TOO_LARGE;
    return this.#reject(record, because);
  }

  /** Stored whole where that can be; else its head; nothing of it at all is an error, for then it would be lost. */
  async #reject(record: SourceRecord, because: Rejection): Promise<Outcome> {
    const { rejector, rejected } = this.#options;
    const message = deadLetter(rejector, record, because);
    const onClock = onBrokersClock(message);
    let cut = false;
    const mend = (type: string): Message | undefined => {
      if (type === 'INVALID_TIMESTAMP' || cut) return onClock(type);
      cut = true;
      return { ...cutDeadLetter(rejector, record, because), timestamp: String(Date.now()) };
    };
    try {
      await this.#lane(rejected, record.partition).push(message, mend);
    } catch (error) {
      throw error instanceof Refused ? deadLetterRefused(rejected.name, error) : error;
    }
    return { record, ...because };
  }

  #lane({ name, partitions }: OutputTopic, inputPartition: number): Lane {
    const target = { topic: name, partition: inputPartition % partitions };
    const id = `${target.topic}/${target.partition}`;
    const lane = this.#lanes.get(id) ?? this.#newLane(target);
    this.#lanes.set(id, lane);
    return lane;
  }

  #newLane(target: { topic: string; partition: number }): Lane {
    const { producer, sendBytes, events, log } = this.#options;
    return new Lane({
      maxBytes: sendBytes,
      send: async messages => {
        await producer.send(target, messages);
        this.#failing = false;
      },
      onRetry: error => {
        this.#failing = true;
        events.retried();
        log.warn({ event: 'publish_failed', ...target, error: messageOf(error) }, 'results not stored; trying again');
      },
    });
  }
}

/** An event time the topic does not take is stored under the clock of now; in Avro the original stays. */
function onBrokersClock(message: Message): Mend {
  return type => (type === 'INVALID_TIMESTAMP' ? { ...message, timestamp: String(Date.now()) } : undefined);
}

const TOO_LARGE = rejection('RESULT_TOO_LARGE', 'publish', 'the result is larger than the labels topic takes');
const REFUSED = rejection(
  'RESULT_REFUSED',
  'publish',
  'the labels topic refuses the result; a compacted topic takes no record without a key',
);

function deadLetterRefused(topic: string, error: Refused): SiftlineError {
  return new SiftlineError({
    code: 'DEAD_LETTER_REFUSED',
    message: `topic ${topic} refuses a rejected record (${error.type}), which would be lost; it must not be compacted, and must take records of 8 KB`,
    exitCode: ExitCode.topic,
    cause: error,
  });
}

function rejection(reason: Rejection['reason'], stage: Rejection['stage'], detail: string): Rejection {
  return { kind: 'rejected', reason, stage, attempts: 1, detail };
}
