import type { Config } from '../../config/schema.js';
import type { KafkaAdmin } from '../../kafka/admin.js';
import { type Finding, fail, failure, ok, warn } from '../../observe/finding.js';
import { partitionId, type TopicPartition } from '../../ports.js';

/** The part of KafkaAdmin that the check needs. */
export type GroupAdmin = Pick<KafkaAdmin, 'group' | 'offsets' | 'committed' | 'unread'>;

interface GroupProgress {
  readonly partitions: number;
  readonly committed: number;
  readonly lag: bigint;
  /** Partitions whose committed offset is no longer in the topic. */
  readonly outOfRange: number;
}

/** Reports the members of the consumer group, its committed offsets and its lag. */
export async function checkGroup(admin: GroupAdmin, { input }: Config, topics: readonly string[]): Promise<Finding[]> {
  try {
    const { state, members } = await admin.group(input.group);
    const all = await Promise.all(topics.map(topic => progressOf(admin, input, topic)));
    const progress = all.reduce(add, { partitions: 0, committed: 0, lag: 0n, outOfRange: 0 });
    const unread = await admin.unread(input.group, topics);
    return [
      ok('group', `${input.group}: ${who(state, members)}; ${where(progress, input)}`),
      ...gaps(progress, input),
      ...unassigned(unread, input.group),
    ];
  } catch (error) {
    return [failure('group', error)];
  }
}

async function progressOf(admin: GroupAdmin, input: Config['input'], topic: string): Promise<GroupProgress> {
  const [ends, committed] = await Promise.all([admin.offsets(topic), admin.committed(input.group, topic)]);
  return ends
    .map(({ partition, high, low }): GroupProgress => {
      const at = committed.get(partition);
      const valid = at !== undefined && at >= low && at <= high;
      const start = at === undefined ? input.startFrom : input.onLostOffsets;
      const next = valid ? at : start === 'latest' ? high : low;
      return {
        partitions: 1,
        committed: at === undefined ? 0 : 1,
        lag: high - next,
        outOfRange: at !== undefined && !valid ? 1 : 0,
      };
    })
    .reduce(add, { partitions: 0, committed: 0, lag: 0n, outOfRange: 0 });
}

function add(a: GroupProgress, b: GroupProgress): GroupProgress {
  return {
    partitions: a.partitions + b.partitions,
    committed: a.committed + b.committed,
    lag: a.lag + b.lag,
    outOfRange: a.outOfRange + b.outOfRange,
  };
}

function who(state: string, members: number): string {
  if (state === 'Dead') return 'does not exist yet';
  if (state === 'Empty') return 'no members';
  return `${state}, ${members} ${members === 1 ? 'member' : 'members'}`;
}

function where({ partitions, committed, lag }: GroupProgress, { startFrom }: Config['input']): string {
  const waiting = `lag ${lag} ${lag === 1n ? 'record' : 'records'}`;
  if (committed === 0)
    return `no committed offsets, so it starts from the ${startFrom} record (input.startFrom); ${waiting}`;
  return `offsets committed in ${committed} of ${partitions} partitions; ${waiting}`;
}

function gaps({ outOfRange }: GroupProgress, { group, onLostOffsets: policy }: Config['input']): Finding[] {
  if (outOfRange === 0) return [];
  const text = `${group}: in ${outOfRange === 1 ? '1 partition' : `${outOfRange} partitions`} the committed offset is no longer in the topic (retention passed it, or the topic was created again)`;
  if (policy === 'stop') return [fail('group', text, WAYS_ON)];
  const remedy = `siftline goes on from the ${policy} record there (input.onLostOffsets); check whether records were lost`;
  return [warn('group', text, remedy)];
}

/** Members of a group that do not all read the same topics, with one among them that assigns all topics to all members. */
function unassigned(unread: readonly TopicPartition[], group: string): Finding[] {
  if (unread.length === 0) return [];
  const ids = unread.slice(0, MOST_NAMED).map(partitionId).join(', ');
  const more = unread.length > MOST_NAMED ? ` and ${unread.length - MOST_NAMED} more` : '';
  return [
    warn(
      'group',
      `${group}: no member of the group reads ${ids}${more}`,
      'start an instance that reads these topics, or end the members of other programs that assign them elsewhere; stages that read different topics are best given groups of their own (input.group)',
    ),
  ];
}

const MOST_NAMED = 5;

const WAYS_ON =
  'set input.onLostOffsets to earliest or latest to go on from there, or reset the group with kafka-consumer-groups.sh --reset-offsets';
