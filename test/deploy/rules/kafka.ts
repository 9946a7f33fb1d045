import type { Config } from '../../../src/config/schema.js';
import { transactionalIdOf } from '../../../src/stage/parts/kafka.js';
import { asConfig, type PlanAdmin, planTopics, stageTopics, type Topic } from '../../../src/tools/checks/topic-plan.js';
import type { KafkaTopicSpec, KafkaUserSpec, Manifest } from '../kinds.js';
import type { Rendered } from '../rendered.js';
import { type Rule, same } from './rule.js';

const CLUSTER = { 'strimzi.io/cluster': 'kafka' };

/** Topics and rights are the ones `siftline topics` and `siftline check` speak of. */
export const kafka: Rule = async rendered => {
  const user = rendered.all('KafkaUser');
  return [...(await topics(rendered)), ...(user.length > 0 ? userOf(rendered) : [])];
};

async function topics({ config, objects }: Rendered): Promise<string[]> {
  const found = objects.filter(({ kind }) => kind === 'KafkaTopic');
  const expected = (await plannedTopics(config)).filter(
    ({ role }) => found.length > 0 && isWanted(role, found, config),
  );
  return same('Kafka topics', found.map(asPlain).sort(byName), expected.map(asManifest).sort(byName));
}

/** The input has a component of its own, for those whose input no earlier stage makes; so may be there, or alone. */
function isWanted(role: string, found: readonly Manifest[], { input }: Config): boolean {
  const names = found.map(({ spec }) => (spec as KafkaTopicSpec).topicName);
  const isInput = input.topics.some(topic => names.includes(topic));
  return role === 'input' ? isInput : !isInput || names.length > input.topics.length;
}

/** On an empty cluster of three brokers. */
export function plannedTopics(config: Config): Promise<Topic[]> {
  const empty: PlanAdmin = {
    topics: async () => new Map(),
    settings: async () => new Map(),
    brokerCount: async () => 3,
  };
  return planTopics(empty, config, { withInput: true });
}

function asManifest({ topic, partitions, replicationFactor, ...rest }: Topic): unknown {
  const settings = rest.state === 'missing' ? asConfig(rest.settings) : {};
  const spec = { topicName: topic, partitions, replicas: replicationFactor, config: settings };
  return {
    apiVersion: 'kafka.strimzi.io/v1',
    kind: 'KafkaTopic',
    metadata: { name: topic, namespace: 'kafka', labels: CLUSTER },
    spec,
  };
}

function asPlain(manifest: Manifest): unknown {
  return JSON.parse(JSON.stringify(manifest));
}

function byName(a: unknown, b: unknown): number {
  return (a as Manifest).metadata.name.localeCompare((b as Manifest).metadata.name);
}

function userOf(rendered: Rendered): string[] {
  const { config } = rendered;
  const { metadata, spec, apiVersion } = rendered.one('KafkaUser');
  const { authentication, authorization } = spec as KafkaUserSpec;
  return [
    ...same('apiVersion of the user', apiVersion, 'kafka.strimzi.io/v1'),
    ...same('user', metadata, { name: config.input.group, namespace: 'kafka', labels: CLUSTER }),
    ...same('fields of the user', Object.keys(spec as object).sort(), ['authentication', 'authorization']),
    // The only mechanism of Strimzi's that the components log in with.
    ...same('login', authentication, { type: config.kafka.sasl.mechanism ?? 'scram-sha-512' }),
    ...same('authorization', authorization, { type: 'simple', acls: rightsOf(config).map(asAcl) }),
  ];
}

export interface StageRight {
  readonly type: 'group' | 'topic' | 'transactionalId';
  readonly name: string;
  readonly pattern: 'literal' | 'prefix';
  readonly operations: readonly string[];
}

/** What src/tools/checks/rights.ts tries, and no more. Read and Write imply Describe; it is said for readers. */
export function rightsOf(config: Config): StageRight[] {
  const literal = (type: 'group' | 'topic', name: string, operations: readonly string[]): StageRight => ({
    type,
    name,
    pattern: 'literal',
    operations,
  });
  return [
    literal('group', config.input.group, ['Read']),
    ...stageTopics(config).map(({ topic, role }) =>
      literal('topic', topic, [...operationsOn(role, config), 'Describe']),
    ),
    ...(config.delivery === 'exactly-once' ? [transactionalIds(config)] : []),
  ];
}

/** The results are read where the group has no committed offset, exactly once. */
function operationsOn(role: ReturnType<typeof stageTopics>[number]['role'], { delivery }: Config): string[] {
  if (role === 'input') return ['Read'];
  return delivery === 'exactly-once' && role !== 'metrics' ? ['Read', 'Write'] : ['Write'];
}

/** What the ids of all partitions begin with, and those of no other stage. */
function transactionalIds(config: Config): StageRight {
  const [topic = ''] = config.input.topics;
  const id = transactionalIdOf(config, { topic, partition: 0 });
  const name = id.slice(0, id.length - `${topic}-0`.length);
  return { type: 'transactionalId', name, pattern: 'prefix', operations: ['Write', 'Describe'] };
}

function asAcl({ type, name, pattern, operations }: StageRight): unknown {
  return { type: 'allow', host: '*', operations, resource: { type, name, patternType: pattern } };
}
