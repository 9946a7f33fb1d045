import type { Config } from '../../config/schema.js';
import type { KafkaAdmin } from '../../kafka/admin.js';
import { type Finding, fail, failure, ok, skip, warn, withDetails } from '../../observe/finding.js';
import { routeTopics } from '../../policy/decision-rule.js';
import { type ExistingTopic, isRefusal, type PlanAdmin, planTopics, stageTopics, type Topic } from './topic-plan.js';

export interface CheckedTopics {
  readonly findings: readonly Finding[];
  /** The topics that exist and that this user may see; undefined if the brokers could not be asked. */
  readonly existing: ReadonlySet<string> | undefined;
}

/** Checks that the topics exist, fit one another and have the recommended settings. */
export async function checkTopics(admin: PlanAdmin, config: Config): Promise<CheckedTopics> {
  try {
    const refused = await refusals(admin, config);
    const topics = await planTopics(admin, config, { withInput: true, without: new Set(refused.keys()) });
    const judged = existing(topics).flatMap(topic => judge(topic, config));
    return {
      findings: [...refused.values(), ...missing(topics), ...judged, ...replication(topics)],
      existing: new Set(existing(topics).map(({ topic }) => topic)),
    };
  } catch (error) {
    return { findings: [failure('topics', error)], existing: undefined };
  }
}

/** Returns a finding for each topic that this user may not even see, so that all other topics are still checked. */
async function refusals(admin: PlanAdmin, config: Config): Promise<Map<string, Finding>> {
  const refused = new Map<string, Finding>();
  for (const { topic } of stageTopics(config)) {
    const error = await admin.topics([topic]).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (isRefusal(error)) refused.set(topic, failure('topics', error));
    else if (error !== undefined) throw error;
  }
  return refused;
}

function existing(topics: readonly Topic[]): ExistingTopic[] {
  return topics.filter(topic => topic.state === 'exists');
}

function missing(topics: readonly Topic[]): Finding[] {
  return topics
    .filter(({ state }) => state === 'missing')
    .map(({ topic, role }) =>
      role === 'input'
        ? fail(
            'topics',
            `input topic ${topic} does not exist`,
            'correct input.topics, or create it with siftline topics --with-input --apply',
          )
        : fail('topics', `${role} topic ${topic} does not exist`, 'create it with siftline topics --apply'),
    );
}

function judge(topic: ExistingTopic, { input }: Config): Finding[] {
  return [summary(topic, input.group), ...leaderless(topic), ...unwritable(topic), ...differing(topic)];
}

function summary({ topic, role, partitions, replicationFactor }: ExistingTopic, group: string): Finding {
  const size = `${partitions} ${partitions === 1 ? 'partition' : 'partitions'}, replication factor ${replicationFactor}`;
  if (role !== 'input') return ok('topics', `${topic} (${role}): ${size}`);
  const instances =
    partitions === 1 ? 'one instance can share the work' : `up to ${partitions} instances can share the work`;
  return ok('topics', `${topic} (input): ${size}; ${instances} in group ${group}`);
}

function leaderless({ topic, leaderless: count, partitions }: ExistingTopic): Finding[] {
  if (count === 0) return [];
  const text = `${topic}: ${count} of ${partitions} partitions have no leader and cannot be read or written`;
  return [fail('topics', text, 'look at the health of the brokers, and start those that are down')];
}

/**
 * Finds topics that cannot be written: siftline waits for all in-sync replicas, so a topic that requires more replicas
 * than it has accepts nothing.
 */
function unwritable({ topic, role, replicationFactor, actual }: ExistingTopic): Finding[] {
  const least = Number(actual?.get('min.insync.replicas') ?? 0);
  if (role === 'input' || least <= replicationFactor) return [];
  const text = `${topic}: min.insync.replicas is ${least}, but the topic has ${replicationFactor === 1 ? '1 replica' : `${replicationFactor} replicas`}, so nothing can be written`;
  return [fail('topics', text, `set min.insync.replicas to ${replicationFactor} or less with kafka-configs.sh`)];
}

/** Returns a finding for the settings that differ, apart from replication, which has a separate finding. */
function differing({ topic, role, actual, differences }: ExistingTopic): Finding[] {
  const others = differences.filter(({ setting }) => setting !== REPLICATION);
  const lines = others.map(
    each => `${each.setting} is ${each.value}, recommended ${each.recommended}; otherwise ${each.otherwise}`,
  );
  const unseen = skip('topics', `${topic}: settings not compared, this user may not see them (DescribeConfigs)`);
  if (lines.length === 0) return actual || role === 'input' ? [] : [unseen];
  const count = lines.length === 1 ? '1 setting differs' : `${lines.length} settings differ`;
  const remedy =
    'change them with kafka-configs.sh (partitions: kafka-topics.sh --alter), or leave them if they are set on purpose';
  return [withDetails(warn('topics', `${topic}: ${count} from the recommendation`, remedy), lines)];
}

const REPLICATION = 'replication factor';

function replication(topics: readonly Topic[]): Finding[] {
  const single = existing(topics).filter(each => each.role !== 'metrics' && each.replicationFactor < 2);
  const fewer = existing(topics).filter(
    each => each.replicationFactor >= 2 && each.differences.some(({ setting }) => setting === REPLICATION),
  );
  const names = (list: readonly ExistingTopic[]) => list.map(({ topic }) => topic).join(', ');
  return [
    ...(single.length > 0 ? [withoutCopy(names(single))] : []),
    ...(fewer.length > 0 ? [warn('topics', `${names(fewer)}: fewer replicas than the brokers allow`, MORE)] : []),
  ];
}

const MORE = 'raise the replication factor to 3 with kafka-reassign-partitions.sh';

function withoutCopy(names: string): Finding {
  const text = `${names}: replication factor 1, so a lost broker loses records; exactly-once needs at least 2`;
  return warn(
    'topics',
    text,
    'leave it for a trial; for production, create the topics on three brokers with 3 replicas',
  );
}

/** The topics in which the brokers keep offsets and the ends of transactions. They are created at their first use. */
const INTERNAL = ['__consumer_offsets', '__transaction_state'];

/**
 * Checks that everything a transaction writes has two replicas. With one replica, a broker that is restarted while it
 * commits can confirm a transaction and forget it (docs/decisions/0006-exactly-once.md).
 */
export async function checkReplication(
  admin: Pick<KafkaAdmin, 'topics'>,
  { delivery, output }: Config,
): Promise<Finding[]> {
  if (delivery !== 'exactly-once') return [];
  const single: string[] = [];
  const unseen: string[] = [];
  try {
    for (const topic of [output.labelsTopic, output.rejectedTopic, ...routeTopics(output.routes), ...INTERNAL]) {
      const factor = await factorOf(admin, topic);
      if (factor === 'unseen') unseen.push(topic);
      else if (factor < 2) single.push(topic);
    }
  } catch (error) {
    return [failure('topics', error)];
  }
  const hidden = `${unseen.join(', ')}: replication not checked, since this user may not see it (Describe)`;
  return [
    ...(single.length > 0 ? [broken(single)] : []),
    ...(unseen.length > 0 ? [skip('topics', hidden)] : []),
    ...(single.length + unseen.length === 0
      ? [ok('topics', 'exactly-once: every topic it writes has at least 2 replicas')]
      : []),
  ];
}

/**
 * Returns the replication factor of a topic. A topic that does not exist counts as infinite: it is reported elsewhere,
 * or the brokers create it with their own settings.
 */
async function factorOf(admin: Pick<KafkaAdmin, 'topics'>, topic: string): Promise<number | 'unseen'> {
  try {
    return (await admin.topics([topic])).get(topic)?.replicationFactor ?? Number.POSITIVE_INFINITY;
  } catch (error) {
    if (isRefusal(error)) return 'unseen';
    throw error;
  }
}

function broken(topics: readonly string[]): Finding {
  const text = `${topics.join(', ')}: one replica, so exactly-once does not hold: a broker that is restarted while it commits can confirm a transaction and forget it, and its records are stored twice`;
  return warn('topics', text, 'raise the topics to 3 replicas on three brokers with kafka-reassign-partitions.sh');
}
