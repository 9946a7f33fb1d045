import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { judge } from './judge.js';
import type { Manifest } from './kinds.js';
import { everything, render, whyNoKubectl } from './kustomize.js';
import { at, changed, fieldAt, leaves, otherThan, type Path } from './mutation.js';

const skip = whyNoKubectl() ?? false;
const IN_POD = 'spec.template.spec';
const IN_CONTAINER = `${IN_POD}.containers.0`;
const GONE = undefined;

/** What somebody may break: object, field, what it becomes, and who objects. */
const MUTATIONS: ReadonlyArray<readonly [kind: string, field: string, value: unknown, objection: RegExp]> = [
  ['Namespace', 'metadata.labels[pod-security.kubernetes.io/enforce]', 'baseline', /podSecurity: namespace labels/],
  ['ServiceAccount', 'automountServiceAccountToken', GONE, /podSecurity: account: no token/],
  ['Deployment', `${IN_POD}.securityContext.runAsNonRoot`, false, /podSecurity: pod securityContext/],
  ['Deployment', `${IN_POD}.securityContext.runAsUser`, 0, /podSecurity: pod securityContext/],
  ['Deployment', `${IN_POD}.securityContext.seccompProfile.type`, 'Unconfined', /podSecurity: pod securityContext/],
  ['Deployment', `${IN_POD}.hostNetwork`, true, /podSecurity: fields of the pod/],
  ['Deployment', `${IN_POD}.enableServiceLinks`, GONE, /podSecurity: no service links/],
  ['Deployment', `${IN_CONTAINER}.securityContext.readOnlyRootFilesystem`, false, /podSecurity: container/],
  ['Deployment', `${IN_CONTAINER}.securityContext.capabilities.add`, ['NET_ADMIN'], /podSecurity: container/],
  ['Deployment', `${IN_CONTAINER}.securityContext.privileged`, true, /podSecurity: container/],
  ['Deployment', `${IN_CONTAINER}.ports.0.hostPort`, 9464, /podSecurity: fields of a port/],
  ['Deployment', `${IN_CONTAINER}.resources.requests.cpu`, '1', /sizes: requests/],
  ['Deployment', `${IN_CONTAINER}.resources.limits.memory`, GONE, /sizes:/],
  ['Deployment', `${IN_CONTAINER}.image`, 'siftline:latest', /objects: image is/],
  ['Deployment', `${IN_CONTAINER}.image`, 'siftline', /objects: image is/],
  ['Deployment', `${IN_CONTAINER}.args.0`, 'serve', /program: command/],
  ['Deployment', `${IN_CONTAINER}.args.1`, '--conf', /program: run takes --conf/],
  ['Deployment', `${IN_CONTAINER}.args.2`, '/etc/siftline/other.yaml', /program: configuration file/],
  ['Deployment', `${IN_CONTAINER}.ports.0.containerPort`, 8080, /program: ports/],
  ['Deployment', `${IN_CONTAINER}.startupProbe.httpGet.path`, '/healthz', /rollout: startup is "404"/],
  ['Deployment', `${IN_CONTAINER}.startupProbe.failureThreshold`, 3, /rollout: startup: 6 s/],
  ['Deployment', `${IN_CONTAINER}.readinessProbe.httpGet.path`, '/livez', /rollout: readiness is "live"/],
  // An outage of the brokers would restart every pod.
  ['Deployment', `${IN_CONTAINER}.livenessProbe.httpGet.path`, '/readyz', /rollout: liveness is "ready"/],
  ['Deployment', `${IN_POD}.terminationGracePeriodSeconds`, 30, /rollout: grace 30 s/],
  ['Deployment', 'spec.strategy.rollingUpdate.maxSurge', 1, /rollout: strategy/],
  ['Deployment', 'spec.replicas', 3, /autoscaling: replicas/],
  ['Deployment', `${IN_CONTAINER}.envFrom.0.configMapRef.name`, 'siftline-env', /objects: ConfigMap siftline-env/],
  ['Deployment', `${IN_CONTAINER}.env.0.name`, 'SIFTLINE_WORKERS__CONUT', /SIFTLINE_WORKERS__CONUT/],
  ['Deployment', `${IN_CONTAINER}.volumeMounts.0.mountPath`, '/etc/other', /sizes: .*crashFolder|program: /],
  ['Deployment', `${IN_CONTAINER}.volumeMounts.6.mountPath`, '/var/cache/other', /sizes: workers.weightsFolder/],
  ['Deployment', `${IN_POD}.volumes.3.emptyDir.medium`, 'Memory', /sizes: weights volume/],
  // A model that does not fit would have its pod evicted.
  ['Deployment', `${IN_POD}.volumes.3.emptyDir.sizeLimit`, '256Mi', /sizes: weights folder/],
  ['ConfigMap/siftline-config', 'data[siftline.yaml]', 'workers: { cuont: 2 }', /program: .*workers.cuont/s],
  ['ConfigMap/siftline-env', 'data.SIFTLINE_KAFKA__BROKERS', 'elsewhere.data.svc:9094', /network: .*9094|autoscaling/],
  ['ConfigMap/siftline-env', 'data.SIFTLINE_INPUT__TOPICS', 'posts', /kafka: Kafka topics/],
  ['ConfigMap/siftline-env', 'data.SIFTLINE_INPUT__GROUP', 'other', /kafka: user/],
  ['ConfigMap/siftline-env', 'data.SIFTLINE_KAFKA__TRANSACTIONAL_ID_PREFIX', 'other', /kafka: authorization/],
  ['ConfigMap/siftline-env', 'data.SIFTLINE_OUTPUT__LABELS_TOPIC', 'posts.labels', /kafka: Kafka topics/],
  ['Service', 'spec.ports.0.port', 80, /program: port of the Service/],
  ['PodDisruptionBudget', 'spec.maxUnavailable', 0, /objects: disruptions/],
  ['NetworkPolicy/siftline-default', 'spec.policyTypes', ['Ingress'], /network: /],
  [
    'NetworkPolicy/siftline',
    'spec.egress.0.to.0.podSelector.matchLabels[app.kubernetes.io/name]',
    'siftline',
    /network: /,
  ],
  ['ScaledObject', 'spec.maxReplicaCount', 24, /autoscaling: 24 instances on 12 partitions/],
  ['ScaledObject', 'spec.triggers.0.metadata.consumerGroup', 'siftline', /autoscaling: what KEDA asks/],
  [
    'ScaledObject',
    'spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.stabilizationWindowSeconds',
    0,
    /autoscaling: down/,
  ],
  ['KafkaTopic', 'spec.config[cleanup.policy]', 'compact', /kafka: Kafka topics/],
  ['KafkaUser', 'spec.authorization.acls.0.operations.0', 'All', /kafka: authorization/],
  ['KafkaUser', 'spec.authorization.acls.5.resource.name', 'siftline-', /kafka: authorization/],
  ['PodMonitor', 'spec.podMetricsEndpoints.0.path', '/stats', /objects: scraped page/],
];

/** Of the stage with every component: transactions, Strimzi, KEDA, registry, login. */
function stage(): Manifest[] {
  return render(everything('stage')).objects;
}

describe('a field that is broken on purpose is noticed', { skip }, () => {
  const objects = skip ? [] : stage();
  for (const [kind, field, value, objection] of MUTATIONS) {
    test(`${kind} ${field}: ${value === undefined ? 'gone' : JSON.stringify(value)}`, async () => {
      const path = at(objects, kind, field);
      assert.notDeepEqual(fieldAt(objects, path), value, 'the mutation changes something');
      const problems = await judge(changed(objects, path, value));
      assert.match(problems.join('\n'), objection);
    });
  }
});

test('a user of the stage without its transactional ids is noticed', { skip }, async () => {
  const problems = await judge(render({ overlay: 'stage', components: ['strimzi'] }).objects);
  assert.match(problems.join('\n'), /kafka: authorization/);
});

/** Fields that may be otherwise without anything being wrong. */
const FREE: readonly RegExp[] = [
  // How the Namespace, which has no pods of its own, is called in labels; who made a policy.
  /^(Namespace|NetworkPolicy|ConfigMap).*\.metadata\.labels\.app\.kubernetes\.io/,
  // Made of deploy/prometheus and deploy/grafana, and compared with them in generated.test.ts.
  /^PrometheusRule siftline\.spec\.groups/,
  /^ConfigMap siftline-dashboards\.data/,
];

describe('there is no field that nobody looks at', { skip }, () => {
  const objects = skip ? [] : stage();
  for (const [name, mutate] of [
    ['changed', otherThan],
    ['gone', () => GONE],
  ] as const) {
    test(name, async () => {
      const survivors: string[] = [];
      for (const path of leaves(objects)) {
        const problems = await judge(changed(objects, path, mutate(fieldAt(objects, path))));
        if (problems.length === 0) survivors.push(named(objects, path));
      }
      assert.deepEqual(
        survivors.filter(path => !FREE.some(pattern => pattern.test(path))),
        [],
      );
    });
  }
});

function named(objects: readonly Manifest[], [index, ...rest]: Path): string {
  const object = objects[Number(index)];
  return `${object?.kind} ${object?.metadata.name}.${rest.join('.')}`;
}
