import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Kafka } from 'kafkajs';
import { loadKafkajs } from '../src/kafka/patches/index.js';

/** Returns the harness' own client, which retries for long and does not log. */
export function clientOf(brokers: string, clientId = 'siftline-faults'): Kafka {
  const { Kafka, logLevel } = loadKafkajs();
  return new Kafka({
    brokers: brokers.split(','),
    clientId,
    logLevel: logLevel.NOTHING,
    connectionTimeout: 3_000,
    requestTimeout: 10_000,
    retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 30 },
  });
}

/** Asks until the answer is yes; returns false after `limitMs`. */
export async function until(isSo: () => boolean | Promise<boolean>, limitMs: number, everyMs = 50): Promise<boolean> {
  const end = Date.now() + limitMs;
  while (!(await isSo())) {
    if (Date.now() > end) return false;
    await sleep(everyMs);
  }
  return true;
}

/** Repeats an act until it works; throws the last error after `limitMs`. */
export async function insist<T>(act: () => Promise<T>, limitMs = 120_000): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(300);
    }
  }
}

export async function withAdmin<T>(kafka: Kafka, act: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await act(admin);
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

export interface Topic {
  readonly topic: string;
  readonly numPartitions: number;
  readonly replicationFactor: number;
}

export async function createTopics(kafka: Kafka, topics: readonly Topic[]): Promise<void> {
  await withAdmin(kafka, async admin => {
    await admin.createTopics({ topics: [...topics], waitForLeaders: false });
    const names = topics.map(({ topic }) => topic);
    const led = await until(async () => {
      const found = await admin.fetchTopicMetadata({ topics: names }).catch(() => ({ topics: [] }));
      return (
        found.topics.length === topics.length &&
        found.topics.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0))
      );
    }, 60_000);
    if (!led) throw new Error(`topics without leaders: ${names.join()}`);
  });
}
