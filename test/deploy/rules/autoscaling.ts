import type { KafkaTopicSpec, ScaledObjectSpec, ScalingRules } from '../kinds.js';
import type { Rendered } from '../rendered.js';
import { plannedTopics } from './kafka.js';
import { holds, type Rule, same } from './rule.js';

/** KEDA asks for the lag of this stage, changes the number seldom, and never beyond the partitions. */
export const autoscaling: Rule = async rendered => {
  const [scaled] = rendered.all('ScaledObject');
  if (scaled === undefined) return same('replicas', typeof rendered.deployment.replicas, 'number');
  const spec = scaled.spec as ScaledObjectSpec;
  const { scaleUp, scaleDown } = spec.advanced.horizontalPodAutoscalerConfig.behavior;
  const partitions = await partitionsOf(rendered);
  return [
    ...same('replicas, which are left to the autoscaler', rendered.deployment.replicas, undefined),
    ...same('apiVersion', scaled.apiVersion, 'keda.sh/v1alpha1'),
    ...same('target', spec.scaleTargetRef, {
      apiVersion: rendered.one('Deployment').apiVersion,
      kind: 'Deployment',
      name: rendered.one('Deployment').metadata.name,
    }),
    ...holds(
      `${spec.maxReplicaCount} instances on ${partitions} partitions`,
      spec.maxReplicaCount <= partitions && spec.maxReplicaCount >= partitions / 2,
    ),
    ...holds(`at least two of ${spec.minReplicaCount}`, spec.minReplicaCount >= 2 && spec.minReplicaCount <= 4),
    ...holds('asks every 10 to 30 s', spec.pollingInterval >= 10 && spec.pollingInterval <= 30),
    ...same('fields', Object.keys(spec).sort(), FIELDS),
    ...trigger(rendered, spec),
    ...calm(scaleUp, scaleDown),
  ];
};

const FIELDS = ['advanced', 'maxReplicaCount', 'minReplicaCount', 'pollingInterval', 'scaleTargetRef', 'triggers'];

async function partitionsOf({ config, objects }: Rendered): Promise<number> {
  const names = config.input.topics;
  const made = objects.filter(({ kind }) => kind === 'KafkaTopic').map(({ spec }) => spec as KafkaTopicSpec);
  const planned = (await plannedTopics(config)).map(({ topic, partitions }) => ({ topicName: topic, partitions }));
  return Math.min(...[...made, ...planned].filter(each => names.includes(each.topicName)).map(each => each.partitions));
}

function trigger({ config, objects }: Rendered, { triggers }: ScaledObjectSpec): string[] {
  const [{ type, metricType, metadata, authenticationRef }] = triggers;
  const login = objects.some(({ kind }) => kind === 'TriggerAuthentication');
  const { lagThreshold, ...rest } = metadata;
  return [
    ...same('triggers', triggers.length, 1),
    ...same('trigger', [type, metricType], ['kafka', 'AverageValue']),
    ...holds(
      `lagThreshold ${lagThreshold} is more than a fetch`,
      Number(lagThreshold) >= 1000 && Number(lagThreshold) < 1e6,
    ),
    ...same('what KEDA asks', rest, {
      bootstrapServers: config.kafka.brokers.join(','),
      consumerGroup: config.input.group,
      // One topic; KEDA adds up those of the group when it is given none.
      topic: config.input.topics.join(','),
      offsetResetPolicy: config.input.startFrom,
      allowIdleConsumers: 'false',
      scaleToZeroOnInvalidOffset: 'false',
      excludePersistentLag: 'false',
      limitToPartitionsWithLag: 'false',
      ...(login ? { tls: 'enable', sasl: config.kafka.sasl.mechanism?.replace('-sha-', '_sha') } : {}),
    }),
    ...same('login of KEDA', authenticationRef, login ? { name: 'siftline-kafka' } : undefined),
    ...(login ? credentials(objects) : []),
  ];
}

/** The Secrets the stage itself logs in with. */
function credentials(objects: Rendered['objects']): string[] {
  const found = objects.find(({ kind }) => kind === 'TriggerAuthentication');
  const of = (parameter: string, name: string, key: string) => ({ parameter, name, key });
  return [
    ...same('name of the login', found?.metadata.name, 'siftline-kafka'),
    ...same('credentials', found?.spec, {
      secretTargetRef: [
        of('username', 'siftline-kafka-login', 'username'),
        of('password', 'siftline-kafka-login', 'password'),
        of('ca', 'siftline-kafka-ca', 'ca.crt'),
      ],
    }),
  ];
}

/** A change makes the whole group stand still: up after a minute, in one step; down after ten, one by one. */
function calm(up: ScalingRules, down: ScalingRules): string[] {
  return [
    ...holds('up: not for a moment', up.stabilizationWindowSeconds >= 60 && up.stabilizationWindowSeconds <= 120),
    ...holds(
      'up: one step in two minutes',
      up.policies.every(({ periodSeconds }) => periodSeconds >= 120 && periodSeconds <= 300),
    ),
    ...same('up: largest step', up.selectPolicy, 'Max'),
    ...same(
      'up: steps',
      up.policies.map(({ type, value }) => `${value} ${type}`),
      ['100 Percent', '4 Pods'],
    ),
    ...holds(
      'down: after ten minutes',
      down.stabilizationWindowSeconds >= 600 && down.stabilizationWindowSeconds <= 3600,
    ),
    ...same('down: step', down.selectPolicy, 'Max'),
    ...same(
      'down: steps',
      down.policies.map(({ type, value }) => `${value} ${type}`),
      ['1 Pods'],
    ),
    ...holds(
      'down: one in five minutes',
      down.policies.every(({ periodSeconds }) => periodSeconds >= 300 && periodSeconds <= 1800),
    ),
  ];
}
