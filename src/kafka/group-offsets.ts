import { SiftlineError } from '../errors.js';
import { kafkaErrorType } from './errors.js';
import { InnerCluster, type InnerClusterOptions } from './inner-cluster.js';

/** The next offset to be read, by partition. */
export type NextOffsets = ReadonlyMap<number, bigint>;

/**
 * Commits offsets under the name of a group without members, as a bookmark for the next run. Throws GROUP_IN_USE when
 * the group has members: only they may commit its offsets.
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
          // Generation -1 and no member mean a commit from outside the group, which brokers accept while the group is
          // empty.
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
    `group ${group} has members, so nothing can be remembered under its name; give --group a name that no consumer uses`,
    cause,
  );
}
