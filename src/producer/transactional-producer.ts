/**
 * Writes the transactions of one input partition.
 *
 * The states of the producer:
 *
 * - *none*: there is no session. `takeOver` moves it to *taking over*.
 * - *taking over*: the producer connects, raises the epoch of its transactional id (the first time also that of the id
 *   in the other spelling), and asks for the committed offset. The answer moves it to *unconfirmed*.
 * - *unconfirmed*: a transaction is open, but the answer may come from a former coordinator. The first `store` asks
 *   again, at the broker that took its offset, before it commits. The same answer moves it to *confirmed*; another
 *   answer is an error.
 * - *confirmed*: `store` begins a transaction, sends, and commits. The next `store` begins the next transaction.
 *
 * Any error leaves the state of the open transaction unknown. The caller must then `discard` the session, which aborts
 * the transaction if it can, disconnects, and leads to *none*.
 */

import type { Logger } from 'pino';
import { messageOf } from '../errors.js';
import { failPoint } from '../failpoints.js';
import type { Kafka, Message, Producer, Transaction } from '../kafka/client.js';
import { kafkaErrorType, lastingError, type Remedies, toRead, toWrite } from '../kafka/errors.js';
import { committedByTaker } from '../kafka/patches/index.js';
import type { TopicPartition } from '../ports.js';

export interface TransactionalProducerOptions {
  readonly kafka: Kafka;
  readonly transactionalId: string;
  /** The id of this partition in the other spelling, under which a former instance may still write. */
  readonly otherId?: string | undefined;
  /** The consumer group. Its committed offset for the partition `input` is part of every transaction. */
  readonly group: string;
  readonly input: TopicPartition;
  /** Asks the group's coordinator for the committed offset; undefined when there is none. */
  readonly committed: () => Promise<bigint | undefined>;
  /** kafkajs' number of the codec (CompressionTypes). */
  readonly compression: number;
  readonly requestTimeoutMs: number;
  /** After this time the brokers abort a transaction whose process is gone. */
  readonly transactionTimeoutMs: number;
  readonly log: Logger;
}

/** Records for one partition. A transaction has several sends, one after the other. */
export interface Send {
  readonly target: TopicPartition;
  readonly messages: readonly Message[];
}

interface ProducerSession {
  readonly producer: Producer;
  transaction: Transaction | undefined;
  /**
   * The coordinator's answer for the committed offset, until the broker that takes the transaction's offsets has given
   * the same answer.
   */
  unconfirmed: { readonly offset: bigint | undefined } | undefined;
}

/**
 * Another process has taken the transactional id over, or the brokers have aborted a transaction that took too long.
 * Records that are not committed no longer belong to this process.
 */
export class Fenced extends Error {
  constructor(transactionalId: string, cause: unknown) {
    super(`the transactional id ${transactionalId} has a new owner`, { cause });
    this.name = 'Fenced';
  }
}

/** Broker errors that mean a newer producer epoch. kafkajs knows PRODUCER_FENCED by its number alone. */
const FENCING = /^INVALID_PRODUCER_EPOCH$/;
const FENCING_MESSAGE = /producer fenced|newer epoch|unknown error code 90$/i;

/**
 * Stores results and offset of one input partition together or not at all. Every partition has a separate transactional
 * id: kafkajs' TxnOffsetCommit names no member of the group (KIP-447), so the id is what shuts a former owner out.
 *
 * `takeOver` raises the id's epoch, which fences the former owner and ends its open transaction. Only then does it ask
 * for the committed offset, so the answer is final (docs/decisions/0006), if it comes from the group's coordinator. A
 * broker that stood still while it was replaced answers, for a moment, as if it still were the coordinator. So the
 * first transaction asks again, at the broker that took its offset: only the coordinator can take it, with its
 * replicas.
 *
 * After any error the session must be discarded: the end of its transaction is unknown until the next take-over.
 */
export class TransactionalProducer {
  readonly #options: TransactionalProducerOptions;
  #session: ProducerSession | undefined;
  #otherIsFenced = false;
  #leaving: Promise<unknown> = Promise.resolve();

  constructor(options: TransactionalProducerOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#session !== undefined;
  }

  /** Makes this process the only writer of the partition. Returns the offset that the former writer committed. */
  async takeOver(): Promise<bigint | undefined> {
    const { transactionalId, committed } = this.#options;
    await this.#fenceOther();
    const producer = this.#producerUnder(transactionalId);
    const session: ProducerSession = { producer, transaction: undefined, unconfirmed: undefined };
    this.#session = session;
    await producer.connect();
    session.transaction = await producer.transaction();
    const offset = await committed();
    session.unconfirmed = { offset };
    return offset;
  }

  /**
   * Stores one transaction: the sends in their order, and `next` as the group's committed offset. Throws `Fenced`, or
   * the error of the brokers.
   */
  async store(sends: readonly Send[], next: bigint): Promise<void> {
    try {
      await this.#store(sends, next);
    } catch (error) {
      throw isFencing(error) ? new Fenced(this.#options.transactionalId, error) : error;
    }
  }

  /**
   * Aborts an open transaction and disconnects, without waiting for either; the next take-over would abort it as well.
   */
  discard(): void {
    const session = this.#session;
    this.#session = undefined;
    if (session) this.#leaving = leave(session, this.#options.log);
  }

  async close(): Promise<void> {
    this.discard();
    await this.#leaving;
  }

  #producerUnder(transactionalId: string): Producer {
    return this.#options.kafka.producer({
      transactionalId,
      idempotent: true,
      maxInFlightRequests: 1,
      transactionTimeout: this.#options.transactionTimeoutMs,
      allowAutoTopicCreation: false,
      // Low at first: the brokers answer CONCURRENT_TRANSACTIONS for some ms after every transaction.
      retry: { initialRetryTime: 15, maxRetryTime: 2_000, retries: 8 },
    });
  }

  /**
   * Raises the epoch of the id in the other spelling and ends its open transaction, before the committed offset is
   * asked for. Once is enough, and more would disturb another stage that has this id.
   */
  async #fenceOther(): Promise<void> {
    const { otherId, log } = this.#options;
    if (otherId === undefined || this.#otherIsFenced) return;
    const producer = this.#producerUnder(otherId);
    let transaction: Transaction | undefined;
    try {
      await producer.connect();
      // It is this that raises the epoch: kafkajs connects without the id.
      transaction = await producer.transaction();
    } finally {
      await leave({ producer, transaction }, log);
    }
    this.#otherIsFenced = true;
  }

  async #store(sends: readonly Send[], next: bigint): Promise<void> {
    const session = this.#session as ProducerSession;
    const transaction = session.transaction ?? (await session.producer.transaction());
    session.transaction = transaction;
    failPoint('transaction-begun');
    for (const [i, send] of sends.entries()) {
      await this.#send(transaction, send);
      if (i === 0) failPoint('half-sent');
    }
    failPoint('sent');
    await this.#sendOffset(transaction, next);
    failPoint('offsets-sent');
    await this.#confirm(session);
    await transaction.commit();
    session.transaction = undefined;
    failPoint('committed');
  }

  /** Throws when the first transaction does not begin at the offset that the real coordinator has. */
  async #confirm(session: ProducerSession): Promise<void> {
    if (!session.unconfirmed) return;
    const { transactionalId, group, input } = this.#options;
    const { offset: asked } = session.unconfirmed;
    const offset = await committedByTaker(transactionalId, { group, ...input });
    const spelled = (each: bigint | undefined) => each ?? 'none';
    if (offset !== asked) {
      throw new Error(
        `group ${group}: a broker that is no longer its coordinator gave ${spelled(asked)} as the committed offset of ${input.topic}/${input.partition}, the coordinator gives ${spelled(offset)}`,
      );
    }
    session.unconfirmed = undefined;
  }

  async #send(transaction: Transaction, { target, messages }: Send): Promise<void> {
    const { topic, partition } = target;
    const [stored, ...others] = await named(topic, toWrite(topic), () =>
      transaction.send({
        topic,
        acks: -1,
        timeout: this.#options.requestTimeoutMs,
        compression: this.#options.compression,
        messages: messages.map(message => ({ ...message, partition })),
      }),
    );
    const isStored = others.length === 0 && stored?.partition === partition && stored.baseOffset !== undefined;
    if (!isStored) throw new Error(`the brokers' answer does not name ${topic}/${partition}`);
  }

  async #sendOffset(transaction: Transaction, next: bigint): Promise<void> {
    const { group, input } = this.#options;
    const partitions = [{ partition: input.partition, offset: String(next) }];
    await named(`group ${group}`, toRead([input.topic], group), () =>
      transaction.sendOffsets({ consumerGroupId: group, topics: [{ topic: input.topic, partitions }] }),
    );
  }
}

/** Adds to an error the name of its subject: a transaction writes several topics. */
async function named<T>(about: string, remedies: Remedies, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw lastingError(error, remedies) ?? new Error(`${about}: ${messageOf(error)}`, { cause: error });
  }
}

function isFencing(error: unknown): boolean {
  return FENCING.test(kafkaErrorType(error) ?? '') || FENCING_MESSAGE.test(messageOf(error));
}

async function leave(
  { producer, transaction }: Pick<ProducerSession, 'producer' | 'transaction'>,
  log: Logger,
): Promise<void> {
  try {
    if (transaction?.isActive()) await transaction.abort();
  } catch (error) {
    log.debug({ event: 'abort_failed', error: messageOf(error) }, 'the next owner ends the transaction');
  }
  await producer.disconnect().catch(error => log.debug({ event: 'disconnect_failed', error: messageOf(error) }));
}
