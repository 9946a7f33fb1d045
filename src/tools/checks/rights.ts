import type { Logger } from 'pino';
import type { Config } from '../../config/schema.js';
import { messageOf } from '../../errors.js';
import { connectTo } from '../../kafka/client.js';
import { KafkaRights, type Right } from '../../kafka/rights.js';
import { type Finding, fail, failure, ok, warn } from '../../observe/finding.js';
import { otherTransactionalIdOf, transactionalIdOf } from '../../stage/parts/kafka.js';
import { stageTopics } from './topic-plan.js';

/** The part of KafkaRights that the check needs. */
export type RightsProbe = Pick<
  KafkaRights,
  'mayFindGroup' | 'mayRead' | 'mayWrite' | 'mayWriteIdempotently' | 'mayTakeOver'
>;

/** Tries the requests of the stage on the topics that exist, in forms that change nothing. */
export async function checkRights(config: Config, existing: ReadonlySet<string>, log: Logger): Promise<Finding[]> {
  let rights: KafkaRights | undefined;
  try {
    rights = await KafkaRights.open(connectTo(config.kafka, log));
    return await tryRights(rights, config, existing);
  } catch (error) {
    return [failure('rights', error)];
  } finally {
    await rights?.close();
  }
}

export async function tryRights(
  rights: RightsProbe,
  config: Config,
  existing: ReadonlySet<string>,
): Promise<Finding[]> {
  const { group } = config.input;
  const findable = await rights.mayFindGroup(group);
  const tried: Finding[] = [];
  if (findable.kind !== 'allowed') tried.push(judge(findable, { what: `find group ${group}`, right: GROUP }));
  for (const { topic, role } of stageTopics(config).filter(each => existing.has(each.topic))) {
    if (role !== 'input') tried.push(judge(await rights.mayWrite(topic), { what: `write ${topic}`, right: WRITE }));
    else if (findable.kind === 'allowed') tried.push(judgeRead(await rights.mayRead(group, topic), { group, topic }));
  }
  const idempotent = judge(await rights.mayWriteIdempotently(), {
    what: 'write with a producer id',
    right: IDEMPOTENT,
  });
  const all = [
    ...tried,
    idempotent,
    ...(await tryTakeOvers(rights, config)),
    ...(await tryResults(rights, config, existing)),
  ];
  const wrong = all.filter(({ status }) => status !== 'ok');
  const done = all.filter(({ status }) => status === 'ok').map(({ text }) => text);
  return [...(done.length > 0 ? [ok('rights', `may ${done.join(', ')}${HOW}`)] : []), ...wrong];
}

/** Tries one transactional id of each input topic, in each spelling that is used: rights are given on a prefix. */
async function tryTakeOvers(rights: RightsProbe, config: Config): Promise<Finding[]> {
  if (config.delivery !== 'exactly-once') return [];
  const firsts = config.input.topics.map(topic => ({ topic, partition: 0 }));
  const ids = [
    ...firsts.map(each => transactionalIdOf(config, each)),
    ...firsts.flatMap(each => otherTransactionalIdOf(config, each) ?? []),
  ];
  const right = `Describe and Write on the transactional ids that start with ${config.kafka.transactionalIdPrefix ?? config.input.group}-`;
  return Promise.all(
    ids.map(async id => judge(await rights.mayTakeOver(id), { what: `use the transactional id ${id}`, right })),
  );
}

/** Tries to read the outputs, which is done only where a partition has no committed offset: the stage works without. */
async function tryResults(rights: RightsProbe, config: Config, existing: ReadonlySet<string>): Promise<Finding[]> {
  if (config.delivery !== 'exactly-once') return [];
  const topics = [config.output.labelsTopic, config.output.rejectedTopic].filter(topic => existing.has(topic));
  const tried = await Promise.all(
    topics.map(async topic => ({ topic, right: await rights.mayRead(config.input.group, topic) })),
  );
  return tried.flatMap(({ topic, right }) =>
    right.kind === 'refused' && right.type === 'TOPIC_AUTHORIZATION_FAILED'
      ? [
          warn(
            'rights',
            `this user may not read ${topic} (${right.type}): ${UNSEEN}`,
            'give this user Read on the topic',
          ),
        ]
      : [],
  );
}

const UNSEEN = 'where the offsets of the group have expired, its records would be answered again without a word';

const HOW = ' (tried with requests that change nothing)';
const GROUP = 'Read on the consumer group';
const WRITE = 'Write on the topic';
const IDEMPOTENT = 'Write on an output topic, or IdempotentWrite on the cluster (brokers before 3.0)';

function judgeRead(right: Right, { group, topic }: { group: string; topic: string }): Finding {
  const refusedGroup = right.kind === 'refused' && right.type === 'GROUP_AUTHORIZATION_FAILED';
  return judge(right, {
    what: `read ${topic} as group ${group}`,
    right: refusedGroup ? GROUP : 'Read on the topic',
  });
}

function judge(right: Right, { what, right: name }: { what: string; right: string }): Finding {
  if (right.kind === 'allowed') return ok('rights', what);
  if (right.kind === 'refused')
    return fail('rights', `this user may not ${what} (${right.type})`, `give this user ${name}`);
  const text = `could not find out whether this user may ${what}: ${messageOf(right.error)}`;
  return warn('rights', text, `make sure that this user has ${name}`);
}
