import type { Logger } from 'pino';
import { messageOf } from '../../errors.js';
import type { Message } from '../../kafka/client.js';
import { partitionId, type TopicPartition } from '../../ports.js';
import type { IdempotentProducer } from '../../producer/idempotent-producer.js';
import { Lane, Refused } from '../../producer/lane.js';

export interface SenderOptions {
  readonly producer: IdempotentProducer;
  readonly sendBytes: number;
  readonly log: Logger;
}

/** Stores records in order, one partition a send; waits while the brokers are away. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #lanes = new Map<string, Lane>();

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Returns true once the record is stored, and false if the brokers refuse it. */
  async send(target: TopicPartition, message: Message): Promise<boolean> {
    try {
      await this.#lane(target).push(message);
      return true;
    } catch (error) {
      if (error instanceof Refused) return false;
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const lane of this.#lanes.values()) lane.close();
    await this.#options.producer.close();
  }

  #lane(target: TopicPartition): Lane {
    const id = partitionId(target);
    const lane = this.#lanes.get(id) ?? this.#newLane(target);
    this.#lanes.set(id, lane);
    return lane;
  }

  #newLane(target: TopicPartition): Lane {
    const { producer, sendBytes, log } = this.#options;
    return new Lane({
      maxBytes: sendBytes,
      send: messages => producer.send(target, messages),
      onRetry: error =>
        log.warn({ event: 'redrive_waits', ...target, error: messageOf(error) }, 'records not stored; trying again'),
    });
  }
}
