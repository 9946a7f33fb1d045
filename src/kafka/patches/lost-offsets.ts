import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer } from 'kafkajs';
import type { TopicPartition } from '../../ports.js';
import { clusterBehind, require } from './modules.js';

/**
 * A position that is no longer in its partition: retention has passed it, or the topic was deleted and created again.
 * `low` is the oldest offset of the partition, `high` the offset that will be written next.
 */
export interface LostOffset {
  readonly topic: string;
  readonly partition: number;
  readonly wanted: bigint;
  readonly low: bigint;
  readonly high: bigint;
}

/** Returns the offset to go on from. Undefined means not yet: the hook is called again with the next fetch. */
export type LostOffsetHook = (lost: LostOffset) => Promise<bigint | undefined>;

interface OffsetsAsked {
  readonly topic: string;
  readonly partitions: ReadonlyArray<{ readonly partition: number }>;
  readonly fromBeginning: boolean;
}

interface ClusterWithOffsets {
  fetchTopicsOffset(
    questions: readonly OffsetsAsked[],
  ): Promise<Array<{ partitions: Array<{ partition: number; offset: string }> }>>;
}

interface OutOfRangeGroup {
  readonly cluster: ClusterWithOffsets;
  readonly offsetManager: {
    readonly resolvedOffsets: Record<string, Record<number, string>>;
    nextOffset(topic: string, partition: number): { toString(): string };
  };
  recoverFromOffsetOutOfRange(error: { topic: string; partition: number }): Promise<void>;
}

/**
 * Told of assigned partitions for which the group has no committed offset, before anything is fetched from them. The
 * hook may pause them. It may be told of the same ones twice in a generation, once by each fetcher.
 */
export type MissingOffsetsHook = (missing: readonly TopicPartition[]) => void;

interface FetchedOffsets {
  readonly responses: ReadonlyArray<{
    readonly topic: string;
    readonly partitions: ReadonlyArray<{ readonly partition: number; readonly offset: string }>;
  }>;
}

interface OffsetCoordinator {
  offsetFetch(question: object): Promise<FetchedOffsets>;
}

interface ResolvingManager {
  readonly cluster: object;
  getCoordinator(): Promise<OffsetCoordinator>;
  resolveOffsets(): Promise<void>;
}

const hooks = new WeakMap<object, LostOffsetHook>();
const missingHooks = new WeakMap<object, MissingOffsetsHook>();
const AGAIN_MS = 100;

/**
 * Calls `hook` when a position of `consumer` is no longer in its partition. A hook that wants a commit makes it itself.
 */
export function onLostOffset(consumer: Consumer, hook: LostOffsetHook): void {
  hooks.set(clusterBehind(consumer), hook);
}

/** Calls `hook` with the partitions that are assigned to `consumer` without a committed offset. */
export function onMissingOffsets(consumer: Consumer, hook: MissingOffsetsHook): void {
  missingHooks.set(clusterBehind(consumer), hook);
}

/**
 * Tells the hook which positions come from `fromBeginning`. kafkajs asks for the committed offsets before the first
 * fetch of a generation, and fills the gaps in silence (src/consumer/offsetManager, resolveOffsets).
 */
export function tellMissingOffsets(): void {
  const { prototype } = require('kafkajs/src/consumer/offsetManager') as { prototype: ResolvingManager };
  const { resolveOffsets } = prototype;
  prototype.resolveOffsets = async function () {
    const hook = missingHooks.get(this.cluster);
    if (!hook) return resolveOffsets.call(this);
    const missing: TopicPartition[] = [];
    // The manager as it is, except that the answer of its coordinator is looked at on the way.
    const watched = Object.create(this, {
      getCoordinator: {
        value: async (): Promise<OffsetCoordinator> => {
          const coordinator = await this.getCoordinator();
          return {
            offsetFetch: async question => {
              const answer = await coordinator.offsetFetch(question);
              missing.push(...answer.responses.flatMap(withoutOffset));
              return answer;
            },
          };
        },
      },
    });
    await resolveOffsets.call(watched as ResolvingManager);
    if (missing.length > 0) hook(missing);
  };
}

function withoutOffset({ topic, partitions }: FetchedOffsets['responses'][number]): TopicPartition[] {
  return partitions.filter(({ offset }) => BigInt(offset) < 0n).map(({ partition }) => ({ topic, partition }));
}

/**
 * Lets the hook decide where to go on. kafkajs commits -1 or -2 for the group and starts over by `fromBeginning`, with
 * a line in its log (src/consumer/consumerGroup.js, recoverFromOffsetOutOfRange): records are skipped without a
 * question. Consumers without a hook keep that behaviour.
 */
export function decideLostOffsets(): void {
  const { prototype } = require('kafkajs/src/consumer/consumerGroup') as { prototype: OutOfRangeGroup };
  const { recoverFromOffsetOutOfRange } = prototype;
  prototype.recoverFromOffsetOutOfRange = async function (error) {
    const hook = hooks.get(this.cluster);
    if (!hook) return recoverFromOffsetOutOfRange.call(this, error);
    const { topic, partition } = error;
    const { offsetManager } = this;
    const wanted = BigInt(offsetManager.nextOffset(topic, partition).toString());
    const [low, high] = await Promise.all([
      endOf(this.cluster, { topic, partitions: [{ partition }], fromBeginning: true }),
      endOf(this.cluster, { topic, partitions: [{ partition }], fromBeginning: false }),
    ]);
    // A position within the range is not lost: the answer came from a broker that is behind, or is no longer the
    // leader.
    const isLost = wanted < low || wanted > high;
    const goOn = isLost ? await hook({ topic, partition, wanted, low, high }) : undefined;
    if (goOn === undefined) await sleep(AGAIN_MS);
    // Leaves the offset manager of a generation that has begun meanwhile alone: it asks for the committed offset
    // itself.
    else if (offsetManager.resolvedOffsets[topic]) offsetManager.resolvedOffsets[topic][partition] = String(goOn);
  };
}

async function endOf(cluster: ClusterWithOffsets, question: OffsetsAsked): Promise<bigint> {
  const [answer] = await cluster.fetchTopicsOffset([question]);
  return BigInt(answer?.partitions[0]?.offset ?? -1);
}
