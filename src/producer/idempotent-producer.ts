/**
 * Sends records at least once, through an idempotent producer that is replaced after a failure.
 *
 * The states of one producer, a generation:
 *
 * - *connecting*: the first send, or `open`, makes it. A failed connect drops it, and the next send makes another.
 * - *current*: every new send goes through it. The first send that fails makes it *retired*.
 * - *retired*: it gets no new sends; the next send makes a new current producer. The sends that are under way end by
 *   themselves, and the last of them ends this state.
 * - *disconnected*: nothing refers to it any more.
 *
 * `close` disconnects the current producer, and every later send is rejected.
 */

import type { Logger } from 'pino';
import { messageOf } from '../errors.js';
import type { Kafka, Message, Producer } from '../kafka/client.js';
import { lastingError, toWrite } from '../kafka/errors.js';
import type { TopicPartition } from '../ports.js';

export interface IdempotentProducerOptions {
  readonly kafka: Kafka;
  /** kafkajs' number of the codec (CompressionTypes). */
  readonly compression: number;
  readonly requestTimeoutMs: number;
  readonly log: Logger;
}

interface Generation {
  readonly producer: Producer;
  sends: number;
  retired: boolean;
}

/**
 * An idempotent producer (acks all) that is replaced after every failed send. kafkajs numbers records wrongly after a
 * failure: the next send of the same producer can be acknowledged with the failed send's offset and never be written.
 */
export class IdempotentProducer {
  readonly #options: IdempotentProducerOptions;
  #current: Promise<Generation> | undefined;

  constructor(options: IdempotentProducerOptions) {
    this.#options = options;
  }

  /**
   * Connects. Throws only errors that waiting does not mend; when brokers are away for the moment, the first send tries
   * again.
   */
  async open(): Promise<void> {
    await this.#generation().catch(error => {
      const lasting = lastingError(error);
      if (lasting) throw lasting;
    });
  }

  /**
   * Stores the messages in one partition, in order, or throws. A send never covers several partitions: kafkajs resolves
   * such a send without having written some of them when a broker fails over in between.
   */
  async send(target: TopicPartition, messages: readonly Message[]): Promise<void> {
    const generation = await this.#generation();
    generation.sends += 1;
    try {
      await this.#sendOn(generation.producer, target, messages);
    } catch (error) {
      this.#retire(generation);
      throw lastingError(error, toWrite(target.topic)) ?? error;
    } finally {
      generation.sends -= 1;
      if (generation.retired && generation.sends === 0) this.#disconnect(generation);
    }
  }

  async close(): Promise<void> {
    const generation = await this.#current?.catch(() => undefined);
    this.#current = Promise.reject(new Error('the producer is closed'));
    this.#current.catch(() => {});
    await generation?.producer.disconnect();
  }

  async #sendOn(producer: Producer, { topic, partition }: TopicPartition, messages: readonly Message[]): Promise<void> {
    const sent = await producer.send({
      topic,
      acks: -1,
      timeout: this.#options.requestTimeoutMs,
      compression: this.#options.compression,
      messages: messages.map(message => ({ ...message, partition })),
    });
    const [stored] = sent;
    const named = sent.length === 1 && stored?.partition === partition && stored.baseOffset !== undefined;
    if (!named) throw new Error(`the brokers' answer does not name ${topic}/${partition}`);
  }

  #generation(): Promise<Generation> {
    this.#current ??= this.#connect();
    return this.#current;
  }

  async #connect(): Promise<Generation> {
    const { kafka } = this.#options;
    const producer = kafka.producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 50, maxRetryTime: 2_000, retries: 5 },
    });
    try {
      await producer.connect();
    } catch (error) {
      this.#current = undefined;
      // A connect that failed half-way may have left a connection open, which would keep the process alive.
      await producer.disconnect().catch(() => {});
      throw error;
    }
    return { producer, sends: 0, retired: false };
  }

  #retire(generation: Generation): void {
    if (generation.retired) return;
    generation.retired = true;
    this.#current = undefined;
  }

  #disconnect({ producer }: Generation): void {
    producer
      .disconnect()
      .catch(error => this.#options.log.debug({ event: 'disconnect_failed', error: messageOf(error) }));
  }
}
