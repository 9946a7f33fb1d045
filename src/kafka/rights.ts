import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka } from 'kafkajs';
import { invariant } from '../errors.js';
import { kafkaErrorType } from './errors.js';

/**
 * The result of an attempt: the broker allowed it, refused it (Kafka's name for the refusal), or gave an answer that
 * does not tell.
 */
export type Right =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'refused'; readonly type: string }
  | { readonly kind: 'unclear'; readonly error: unknown };

interface RawBroker {
  findGroupCoordinator(request: { groupId: string; coordinatorType: number }): Promise<{
    coordinator: { nodeId: number };
  }>;
  offsetCommit(request: object): Promise<unknown>;
  produce(request: object): Promise<unknown>;
  initProducerId(request: { transactionalId?: string; transactionTimeout: number }): Promise<unknown>;
}

interface RawCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  findControllerBroker(): Promise<RawBroker>;
  findBroker(which: { nodeId: number }): Promise<RawBroker>;
  findTopicPartitionMetadata(topic: string): ReadonlyArray<{ readonly partitionId: number; readonly leader: number }>;
}

const GROUP_COORDINATOR = 0;
const NOBODY = 'siftline-check';

/**
 * Tries rights without using them. A request that would change something has a fault that makes the broker refuse it.
 * The broker checks the right first, so an answer about the fault shows that the right is there. Nothing is written,
 * committed or joined, whatever the answer. The requests are kafkajs' own, below its public interface.
 */
export class KafkaRights {
  readonly #cluster: RawCluster;

  private constructor(cluster: RawCluster) {
    this.#cluster = cluster;
  }

  static async open(kafka: Kafka): Promise<KafkaRights> {
    const rights = new KafkaRights(rawCluster(kafka));
    await rights.#cluster.connect();
    await rights.#cluster.refreshMetadata();
    return rights;
  }

  /** Tries Describe on the group. */
  mayFindGroup(group: string): Promise<Right> {
    return attempt([], async () => void (await this.#coordinator(group)));
  }

  /**
   * Tries Read on the group and on the topic: a commit in the name of a member that the group does not have. The
   * generation matters: without one the broker would carry it out, as the commit of a consumer without a group.
   */
  mayRead(group: string, topic: string): Promise<Right> {
    const topics = [{ topic, partitions: [{ partition: 0, offset: '0' }] }];
    return attempt(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'GROUP_ID_NOT_FOUND'], async () => {
      const broker = await this.#cluster.findBroker({ nodeId: await this.#coordinator(group) });
      await broker.offsetCommit({ groupId: group, groupGenerationId: 1_000_000_000, memberId: NOBODY, topics });
    });
  }

  /** Tries Write on the topic: a batch without records, sent with an invalid number of acknowledgements (2). */
  mayWrite(topic: string): Promise<Right> {
    return attempt(['INVALID_REQUIRED_ACKS'], async () => {
      await this.#cluster.addTargetTopic(topic);
      const [partition] = this.#cluster.findTopicPartitionMetadata(topic).filter(({ leader }) => leader >= 0);
      invariant(partition, `rights were tried on ${topic}, which has no partition with a leader`);
      const broker = await this.#cluster.findBroker({ nodeId: partition.leader });
      const partitions = [{ partition: partition.partitionId, messages: [] }];
      await broker.produce({ acks: 2, topicData: [{ topic, partitions }] });
    });
  }

  /** Tries to get a producer id: it needs Write on any topic, and before Kafka 3.0 IdempotentWrite on the cluster. */
  mayWriteIdempotently(): Promise<Right> {
    return attempt([], async () => {
      await (await this.#cluster.findControllerBroker()).initProducerId({ transactionTimeout: 60_000 });
    });
  }

  /**
   * Tries Write on a transactional id: a take-over with a timeout that every broker refuses. Any broker can answer. The
   * coordinator is not searched for, because the search creates the topic of transactions where it does not exist.
   */
  mayTakeOver(transactionalId: string): Promise<Right> {
    return attempt(['INVALID_TRANSACTION_TIMEOUT'], async () => {
      const broker = await this.#cluster.findControllerBroker();
      await broker.initProducerId({ transactionalId, transactionTimeout: 0 });
    });
  }

  async close(): Promise<void> {
    await this.#cluster.disconnect();
  }

  /** Asks the broker itself for the group's coordinator: kafkajs' own search turns every refusal into "not found". */
  async #coordinator(groupId: string): Promise<number> {
    const broker = await this.#cluster.findControllerBroker();
    const { coordinator } = await broker.findGroupCoordinator({ groupId, coordinatorType: GROUP_COORDINATOR });
    return coordinator.nodeId;
  }
}

/**
 * Makes an attempt, and repeats it while a coordinator is starting. `harmless` are the answers that only a user with
 * the right gets.
 */
async function attempt(harmless: readonly string[], request: () => Promise<void>): Promise<Right> {
  for (let tries = 1; ; tries += 1) {
    const right = await attemptOnce(harmless, request);
    if (right.kind !== 'unclear' || tries === TRIES || !STARTING.test(kafkaErrorType(right.error) ?? '')) return right;
    await sleep(PAUSE_MS);
  }
}

async function attemptOnce(harmless: readonly string[], request: () => Promise<void>): Promise<Right> {
  try {
    await request();
    return { kind: 'allowed' };
  } catch (error) {
    const type = kafkaErrorType(error) ?? '';
    if (harmless.includes(type)) return { kind: 'allowed' };
    return type.endsWith('AUTHORIZATION_FAILED') ? { kind: 'refused', type } : { kind: 'unclear', error };
  }
}

const TRIES = 20;
const PAUSE_MS = 250;
const STARTING = /COORDINATOR|LOAD_IN_PROGRESS|CONCURRENT_TRANSACTIONS/;

/** Makes a separate connection, as kafkajs makes the connections of its consumers and producers. */
function rawCluster(kafka: Kafka): RawCluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find(each => each.description === CREATE_CLUSTER);
  invariant(symbol, `kafkajs has no ${CREATE_CLUSTER}`);
  const create = (kafka as unknown as Record<symbol, (options: object) => RawCluster>)[symbol];
  invariant(create, `kafkajs has no ${CREATE_CLUSTER}`);
  return create({ allowAutoTopicCreation: false });
}

const CREATE_CLUSTER = 'private:Kafka:createCluster';
