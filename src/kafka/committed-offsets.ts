import type { Admin, Kafka } from 'kafkajs';
import { lastingError } from './errors.js';
import { committedIn } from './patches/offset-takers.js';

/**
 * Reads a group's committed offsets from its coordinator. The connection is made on the first question, and closed
 * after a failed one, so that the next question connects again.
 */
export class CommittedOffsets {
  readonly #kafka: Kafka;
  readonly #group: string;
  #admin: Promise<Admin> | undefined;

  constructor(kafka: Kafka, group: string) {
    this.#kafka = kafka;
    this.#group = group;
  }

  /**
   * Connects. Throws only errors that waiting does not mend; when the coordinator is away, the first question asks
   * again.
   */
  async open(): Promise<void> {
    try {
      await this.#connected();
    } catch (error) {
      await this.close();
      const lasting = lastingError(error);
      if (lasting) throw lasting;
    }
  }

  /**
   * Returns the committed offset; undefined when nothing is committed for the partition. Throws when the coordinator
   * does not answer.
   */
  async of({ topic, partition }: { topic: string; partition: number }): Promise<bigint | undefined> {
    try {
      const admin = await this.#connected();
      const [found] = await admin.fetchOffsets({ groupId: this.#group, topics: [topic] });
      return committedIn(found?.partitions, { topic, partition });
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const admin = await this.#admin?.catch(() => undefined);
    this.#admin = undefined;
    await admin?.disconnect().catch(() => {});
  }

  #connected(): Promise<Admin> {
    this.#admin ??= connect(this.#kafka);
    return this.#admin;
  }
}

async function connect(kafka: Kafka): Promise<Admin> {
  const admin = kafka.admin({ retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: 5 } });
  try {
    await admin.connect();
    return admin;
  } catch (error) {
    await admin.disconnect().catch(() => {});
    throw error;
  }
}
