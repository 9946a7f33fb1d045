import { SiftlineError } from '../errors.js';
import { kafkaErrorType } from './errors.js';
import { InnerCluster, type InnerClusterOptions } from './inner-cluster.js';

/** By partition the next offset to be read. */
export type NextOffsets = ReadonlyMap<number, bigint>;

/**
 * Commits offsets under the name of a group that nobody is a member of, as a bookmark for the next run. Throws
 * GROUP_IN_USE when consumers belong to it: their offsets are theirs to commit.
 */
export class GroupOffsets {
  readonly #inner: InnerCluster;
  readonly #group: string;

  private constructor(inner: InnerCluster, group: string) {
    this.#inner = inner;
    this.#group = group;
  }

  static async open(group: string, options: Omit<InnerClusterOptions, 'readUncommitted'>): Promise<GroupOffsets> {
    return new GroupOffsets(await InnerCluster.open({ ...options, readUncommitted: false }), group);
  }

  async commit(topic: string, next: NextOffsets): Promise<void> {
    if (next.size === 0) return;
    const groupId = this.#group;
    const partitions = [...next].map(([partition, offset]) => ({ partition, offset: String(offset) }));
    try {
      await this.#inner.ask(
        `group ${groupId}`,
        async () => {
          const coordinator = await this.#inner.cluster.findGroupCoordinator({ groupId });
          // Generation -1 and no member: a commit from outside, which brokers take while the group is empty.
          await coordinator.offsetCommit({
            groupId,
            groupGenerationId: -1,
            memberId: '',
            topics: [{ topic, partitions }],
          });
        },
        'UNKNOWN_MEMBER_ID',
      );
    } catch (error) {
      throw kafkaErrorType(error) === 'UNKNOWN_MEMBER_ID' ? inUse(groupId, error) : error;
    }
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

function inUse(group: string, cause: unknown): SiftlineError {
  return SiftlineError.usage(
    'GROUP_IN_USE',
    `group ${group} has members, so nothing can be remembered under its name; give --group a name of its own`,
    cause,
  );
}
