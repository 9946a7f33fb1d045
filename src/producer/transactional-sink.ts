import type { Logger } from 'pino';
import { messageOf } from '../errors.js';
import { type Claim, type Outcome, partitionId, type Sink, type TopicPartition } from '../ports.js';
import type { SinkEvents } from './kafka-sink.js';
import { type Result, Results, type ResultsOptions } from './results.js';
import { TransactionLane, type TransactionPort } from './transaction-lane.js';

export interface TransactionalSinkOptions extends ResultsOptions {
  /** Makes the producer of an input partition. */
  readonly producerFor: (input: TopicPartition) => TransactionPort;
  /** Connects the parts that all producers share; `close` disconnects them. */
  readonly shared: { open(): Promise<void>; close(): Promise<void> };
  readonly sendBytes: number;
  readonly maxRecords: number;
  readonly events: SinkEvents & { transaction(outcome: 'committed' | 'failed' | 'fenced'): void };
  readonly log: Logger;
}

/**
 * Publishes outcomes to the labels and rejected topics, exactly once. The results of a batch and the offsets after it
 * are one Kafka transaction per input partition, so readers with `read_committed` see every input's outcome once. No
 * transaction is open during inference: it begins when the results are ready.
 */
export class TransactionalSink implements Sink {
  readonly #options: TransactionalSinkOptions;
  readonly #results: Results;
  readonly #lanes = new Map<string, TransactionLane>();
  #failing = false;
  #epoch = -1;

  constructor(options: TransactionalSinkOptions) {
    this.#options = options;
    this.#results = new Results(options);
  }

  open(): Promise<void> {
    return this.#options.shared.open();
  }

  /** False while the last transaction failed. */
  get ready(): boolean {
    return !this.#failing;
  }

  async publish(outcomes: readonly Outcome[], claim: Claim): Promise<readonly Outcome[]> {
    const started = performance.now();
    const results = byInput(outcomes.map(outcome => this.#results.of(outcome)));
    this.#options.events.encoded(performance.now() - started);
    const { batch, ...rights } = claim;
    this.#enter(batch.epoch);
    const stored = await Promise.all(
      batch.next.map(({ topic, partition, offset }) => {
        const own = results.get(partitionId({ topic, partition })) ?? [];
        return this.#lane({ topic, partition }).push(own, { epoch: batch.epoch, next: offset, ...rights });
      }),
    );
    return stored.flat();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map(lane => lane.close()));
    await this.#options.shared.close();
  }

  /** Begins a new assignment: every lane takes over again, and lanes of revoked partitions are not used any more. */
  #enter(epoch: number): void {
    if (epoch <= this.#epoch) return;
    this.#epoch = epoch;
    for (const lane of this.#lanes.values()) lane.rest();
  }

  #lane(input: TopicPartition): TransactionLane {
    const id = partitionId(input);
    const lane = this.#lanes.get(id) ?? this.#newLane(input);
    this.#lanes.set(id, lane);
    return lane;
  }

  #newLane(input: TopicPartition): TransactionLane {
    const { producerFor, sendBytes, maxRecords, events, log } = this.#options;
    return new TransactionLane({
      producer: producerFor(input),
      maxBytes: sendBytes,
      maxRecords,
      events: {
        committed: () => {
          this.#failing = false;
          events.transaction('committed');
        },
        retried: error => {
          this.#failing = true;
          events.retried();
          events.transaction('failed');
          log.warn({ event: 'publish_failed', ...input, error: messageOf(error) }, 'transaction failed; trying again');
        },
        fenced: () => events.transaction('fenced'),
      },
    });
  }
}

function byInput(results: readonly Result[]): Map<string, Result[]> {
  const groups = new Map<string, Result[]>();
  for (const result of results) {
    const id = partitionId(result.outcome.record);
    const group = groups.get(id);
    if (group) group.push(result);
    else groups.set(id, [result]);
  }
  return groups;
}
