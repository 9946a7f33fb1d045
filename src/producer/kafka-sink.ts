import type { Logger } from 'pino';
import { messageOf } from '../errors.js';
import { type Outcome, partitionId, type Sink, type TopicPartition } from '../ports.js';
import type { IdempotentProducer } from './idempotent-producer.js';
import { Lane, Refused } from './lane.js';
import { type Result, Results, type ResultsOptions } from './results.js';

export interface KafkaSinkOptions extends ResultsOptions {
  readonly producer: IdempotentProducer;
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
 * Publishes outcomes to the labels and rejected topics, at least once. `publish` resolves when the brokers have
 * acknowledged everything; while they are away it waits.
 */
export class KafkaSink implements Sink {
  readonly #options: KafkaSinkOptions;
  readonly #results: Results;
  readonly #lanes = new Map<string, Lane>();
  #failing = false;

  constructor(options: KafkaSinkOptions) {
    this.#options = options;
    this.#results = new Results(options);
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
    const stored = outcomes.map(outcome => this.#store(this.#results.of(outcome)));
    this.#options.events.encoded(performance.now() - started);
    return Promise.all(stored);
  }

  async close(): Promise<void> {
    for (const lane of this.#lanes.values()) lane.close();
    await this.#options.producer.close();
  }

  /**
   * Stores one result. A refused message is replaced in its place in the lane as long as the replacement goes to the
   * same topic; otherwise it goes into the other topic's lane.
   */
  async #store(result: Result): Promise<Outcome> {
    if (!result.out) return result.outcome;
    const { topic } = result.out.target;
    let now = result;
    const mend = (type: string) => {
      now = now.mend(type);
      return now.out?.target.topic === topic ? now.out.message : undefined;
    };
    try {
      await this.#lane(result.out.target).push(result.out.message, mend);
      return now.outcome;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return this.#store(now.out?.target.topic === topic ? now.mend(error.type) : now);
    }
  }

  #lane(target: TopicPartition): Lane {
    const id = partitionId(target);
    const lane = this.#lanes.get(id) ?? this.#newLane(target);
    this.#lanes.set(id, lane);
    return lane;
  }

  #newLane(target: TopicPartition): Lane {
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
