import type { Admin, Kafka } from 'kafkajs';
import { lastingError } from './errors.js';

/** A group's committed offsets, as its coordinator has them now. */
export class CommittedOffsets {
  readonly #kafka: Kafka;
  readonly #group: string;
  #admin: Promise<Admin> | undefined;

  constructor(kafka: Kafka, group: string) {
    this.#kafka = kafka;
    this.#group = group;
  }

  /** Throws only what waiting will not mend; a coordinator that is away is asked again when there is something to ask. */
  async open(): Promise<void> {
    try {
      await this.#connected();
    } catch (error) {
      await this.close();
      const lasting = lastingError(error);
      if (lasting) throw lasting;
    }
  }

  /** Undefined when nothing is committed for the partition. Throws when the coordinator does not answer. */
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

/** What a coordinator's answer says of one partition; undefined when nothing is committed. Throws when it says nothing. */
export function committedIn(
  answer: ReadonlyArray<{ readonly partition: number; readonly offset: string }> | undefined,
  { topic, partition }: { readonly topic: string; readonly partition: number },
): bigint | undefined {
  const offset = answer?.find(each => each.partition === partition)?.offset;
  if (offset === undefined) throw new Error(`the group's coordinator says nothing of ${topic}/${partition}`);
  return BigInt(offset) < 0n ? undefined : BigInt(offset);
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
