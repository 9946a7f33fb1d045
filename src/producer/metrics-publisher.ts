import type { Logger } from 'pino';
import { frame } from '../avro/framing.js';
import { messageOf } from '../errors.js';
import type { Kafka, Producer } from '../kafka/client.js';
import type { ShippedSchema } from './schemas.js';

export interface MetricsPublisherOptions {
  readonly kafka: Kafka;
  readonly topic: string;
  readonly partitions: number;
  /** The key of every record. */
  readonly instance: string;
  readonly schema: ShippedSchema;
  readonly schemaId: number;
  readonly onLost: () => void;
  readonly log: Logger;
}

/**
 * Publishes metrics windows to the metrics topic, as Avro. It never holds up the stream: it has a separate producer,
 * and a window that cannot be written is counted and dropped.
 */
export class MetricsPublisher {
  readonly #options: MetricsPublisherOptions;
  #producer: Producer | undefined;

  constructor(options: MetricsPublisherOptions) {
    this.#options = options;
  }

  async publish(window: object): Promise<void> {
    const { topic, partitions, instance, schema, schemaId, log, onLost } = this.#options;
    try {
      const producer = await this.#connected();
      const value = frame(schemaId, schema.type, window);
      await producer.send({
        topic,
        acks: 1,
        messages: [{ key: instance, value, partition: partitionOf(instance, partitions) }],
      });
    } catch (error) {
      onLost();
      log.warn({ event: 'metrics_window_lost', topic, error: messageOf(error) }, 'a metrics record was not written');
    }
  }

  async close(): Promise<void> {
    await this.#producer?.disconnect();
  }

  async #connected(): Promise<Producer> {
    if (this.#producer) return this.#producer;
    const producer = this.#options.kafka.producer({ allowAutoTopicCreation: false, retry: { retries: 2 } });
    await producer.connect();
    this.#producer = producer;
    return producer;
  }
}

/** Puts all windows of an instance into one partition, so that they stay in order. */
function partitionOf(instance: string, partitions: number): number {
  let hash = 0;
  for (const char of instance) hash = (hash * 31 + char.charCodeAt(0)) >>> 0;
  return hash % partitions;
}
