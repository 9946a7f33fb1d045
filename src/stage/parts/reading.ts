import type { Logger } from 'pino';
import type { Config } from '../../config/schema.js';
import { KafkaAdmin, requireTopics } from '../../kafka/admin.js';
import { connectTo } from '../../kafka/client.js';
import { LogReader } from '../../kafka/log-reader.js';
import { limitBatches } from '../../kafka/patches/index.js';
import type { Closers } from '../closers.js';

/** Configures a reading. */
export interface ReadingOptions {
  readonly config: Pick<Config, 'kafka' | 'input'>;
  /** Topics to read. They must exist; TOPIC_MISSING is thrown otherwise. */
  readonly topics: readonly string[];
  readonly readUncommitted: boolean;
  readonly fetchBytes?: number;
  /** Takes the closer of everything that is opened. */
  readonly closers: Closers;
  readonly log: Logger;
}

/** Holds the clients that read topics outside a consumer group. */
export interface TopicReading {
  readonly admin: KafkaAdmin;
  readonly reader: LogReader;
  /** Number of partitions of each topic. */
  readonly partitions: ReadonlyMap<string, number>;
}

/** Opens the clients with which a tool reads topics without joining a group. It reads nothing yet. */
export async function openReading(options: ReadingOptions): Promise<TopicReading> {
  const { config, topics, readUncommitted, fetchBytes, closers, log } = options;
  const { kafka, input } = config;
  limitBatches(input.maxBatchBytes);
  const admin = await KafkaAdmin.open(connectTo(kafka, log), kafka.brokers);
  closers.push('admin client', () => admin.close());
  const partitions = await requireTopics(admin, topics);
  const reader = await LogReader.open({
    kafka: connectTo(kafka, log),
    brokers: kafka.brokers,
    readUncommitted,
    ...(fetchBytes === undefined ? {} : { fetchBytes }),
  });
  closers.push('reader', () => reader.close());
  return { admin, reader, partitions };
}
