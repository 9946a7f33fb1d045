import type { Config } from '../../config/schema.js';
import { messageOf } from '../../errors.js';
import type { KafkaAdmin } from '../../kafka/admin.js';
import { type Finding, ok, warn } from '../../observe/finding.js';
import { transactionalIdOf } from '../../stage/parts/kafka.js';

/** The part of KafkaAdmin that the check needs. */
export type IdsAdmin = Pick<KafkaAdmin, 'groups' | 'topicsOf'>;

/** A transactional id that this stage and another group's would both use. */
interface SharedId {
  readonly group: string;
  readonly topic: string;
  readonly id: string;
}

/**
 * Looks for stages that would use transactional ids of this one: each would fence the other off as long as both have
 * work. A group of the cluster with a topic that it reads is taken for a stage with the group as its prefix.
 */
export async function checkTransactionalIds(admin: IdsAdmin, config: Config): Promise<Finding[]> {
  if (config.delivery !== 'exactly-once') return [];
  try {
    const shared = await sharedIds(admin, config);
    return shared.length > 0 ? shared.map(each => told(each, config)) : [ok('group', alone(config))];
  } catch (error) {
    const text = `could not look for stages with the same transactional ids: ${messageOf(error)}`;
    return [
      warn(
        'group',
        text,
        'give this user Describe on the consumer groups, or see to it that no other stage has these ids',
      ),
    ];
  }
}

async function sharedIds(admin: IdsAdmin, config: Config): Promise<SharedId[]> {
  const own = new Set(config.input.topics.map(topic => transactionalIdOf(config, { topic, partition: 0 })));
  const others = (await admin.groups()).filter(group => group !== config.input.group && mayShare(group, own));
  const found = await Promise.all(others.map(async group => ofGroup(group, await admin.topicsOf(group))));
  return found.flat().filter(({ id }) => own.has(id));
}

/** Every id begins with its prefix and a hyphen, so most groups need not be asked for their topics. */
function mayShare(group: string, own: ReadonlySet<string>): boolean {
  return [...own].some(id => id.startsWith(`${group}-`));
}

/** The other stage's spelling is not known, so it may be either. */
function ofGroup(group: string, topics: readonly string[]): SharedId[] {
  const names = { kafka: { transactionalIdPrefix: group }, input: { group } } as Pick<Config, 'kafka' | 'input'>;
  return topics.flatMap(topic =>
    [1, 2].map(spelling => ({ group, topic, id: transactionalIdOf(names, { topic, partition: 0 }, spelling) })),
  );
}

function told({ group, topic, id }: SharedId, { kafka }: Config): Finding {
  const text = `group ${group} reads ${topic}: with delivery: exactly-once it uses the transactional id ${id}, as this stage does, and the two fence each other off`;
  return warn('group', text, kafka.transactionalIdPrefix === group ? OWN_PREFIX : SPELLING);
}

const OWN_PREFIX = 'give each stage a kafka.transactionalIdPrefix that is no other group, or leave it out';
const SPELLING =
  'stop all instances of one of the two, better of both one after the other, and start them with kafka.transactionalIdSpelling: 2';

function alone({ kafka }: Config): string {
  const text = 'no other group of the cluster would use the transactional ids of this stage';
  if (kafka.transactionalIdSpelling === 2) return text;
  return `${text}; none can by accident with kafka.transactionalIdSpelling: 2 (set it with all instances stopped)`;
}
