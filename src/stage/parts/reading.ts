import type { Logger } from 'pino';
import type { Config } from '../../config/schema.js';
import { KafkaAdmin, requireTopics } from '../../kafka/admin.js';
import { connectTo } from '../../kafka/client.js';
import { LogReader } from '../../kafka/log-reader.js';
import { limitBatches } from '../../kafka/patches/index.js';
import type { Closers } from '../closers.js';

export interface ReadingOptions {
  readonly config: Pick<Config, 'kafka' | 'input'>;
  /** They must exist; TOPIC_MISSING otherwise. */
  readonly topics: readonly string[];
  readonly readUncommitted: boolean;
  readonly fetchBytes?: number;
  /** Closes what is opened. */
  readonly closers: Closers;
  readonly log: Logger;
}

export interface TopicReading {
  readonly admin: KafkaAdmin;
  readonly reader: LogReader;
  /** Partitions of the topics. */
  readonly partitions: ReadonlyMap<string, number>;
}

/** Opens what a tool reads topics with that is no member of a group. Reads nothing yet. */
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
