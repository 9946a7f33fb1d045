import { invariant } from '../../errors.js';
import type { TopicPartition } from '../../ports.js';
import { require } from './modules.js';

interface OffsetCommit {
  readonly transactionalId: string;
}

interface TakerQuestion {
  readonly groupId: string;
  readonly topics: ReadonlyArray<{
    readonly topic: string;
    readonly partitions: ReadonlyArray<{ readonly partition: number }>;
  }>;
}

interface OffsetTaker {
  txnOffsetCommit(commit: OffsetCommit): Promise<unknown>;
  offsetFetch(question: TakerQuestion): Promise<{
    readonly responses: ReadonlyArray<{
      readonly partitions: ReadonlyArray<{ readonly partition: number; readonly offset: string }>;
    }>;
  }>;
}

/** The broker that took the last offset of a transaction, by transactional id. */
const takers = new Map<string, OffsetTaker>();

/** Remembers which broker takes the offsets of a transaction; kafkajs does not tell (src/producer/eosManager). */
export function rememberOffsetTakers(): void {
  const { prototype } = require('kafkajs/src/broker') as { prototype: OffsetTaker };
  const { txnOffsetCommit } = prototype;
  prototype.txnOffsetCommit = async function (commit) {
    const taken = await txnOffsetCommit.call(this, commit);
    takers.set(commit.transactionalId, this);
    return taken;
  };
}

/**
 * Returns the group's committed offset; undefined when there is none. It asks the very broker that took the last offset
 * of a transaction of this id. FindCoordinator is not used, since it may name another broker.
 */
export async function committedByTaker(
  transactionalId: string,
  { group, topic, partition }: { readonly group: string; readonly topic: string; readonly partition: number },
): Promise<bigint | undefined> {
  const taker = takers.get(transactionalId);
  invariant(taker, 'committedByTaker comes after sendOffsets');
  const { responses } = await taker.offsetFetch({ groupId: group, topics: [{ topic, partitions: [{ partition }] }] });
  return committedIn(responses[0]?.partitions, { topic, partition });
}

/**
 * Reads a coordinator's answer about one partition: undefined when nothing is committed. Throws when the answer does
 * not name the partition.
 */
export function committedIn(
  answer: ReadonlyArray<{ readonly partition: number; readonly offset: string }> | undefined,
  { topic, partition }: TopicPartition,
): bigint | undefined {
  const offset = answer?.find(each => each.partition === partition)?.offset;
  if (offset === undefined)
    throw new Error(`the answer of the group's coordinator does not name ${topic}/${partition}`);
  return BigInt(offset) < 0n ? undefined : BigInt(offset);
}
