import { packageVersion } from '../../../src/package.js';
import type { Manifest } from '../kinds.js';
import type { Rendered } from '../rendered.js';
import { pageAt } from './rollout.js';
import { holds, type Rule, same } from './rule.js';

const OURS = { 'app.kubernetes.io/name': 'siftline' };
const OF_STRIMZI = ['KafkaTopic', 'KafkaUser'];
const HASHED = /^(siftline-(?:config|env))-[a-z0-9]{10}$/;

/** The objects are the ones meant, find one another, and carry no image nobody can name again. */
export const objects: Rule = async rendered => {
  const { deployment, container, pod, namespace } = rendered;
  const labels = deployment.template.metadata.labels ?? {};
  return [
    ...kinds(rendered),
    ...rendered.objects.flatMap(({ kind, metadata }) => home(kind, metadata.namespace, namespace)),
    ...same('image', container.image, `siftline:${packageVersion()}`),
    ...same('container', [container.name, container.imagePullPolicy], ['siftline', 'IfNotPresent']),
    ...same('container of kubectl', deployment.template.metadata.annotations, {
      'kubectl.kubernetes.io/default-container': container.name,
    }),
    ...same('labels', labels, {
      ...OURS,
      'app.kubernetes.io/instance': namespace.replace('siftline-', ''),
      'app.kubernetes.io/component': 'stage',
    }),
    ...rendered.objects
      .filter(isBase)
      .flatMap(each => same(`labels of ${each.kind}`, { ...each.metadata.labels, ...labels }, each.metadata.labels)),
    ...same('selector', deployment.selector, { matchLabels: OURS }),
    ...same('disruptions', rendered.one('PodDisruptionBudget').spec, {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: OURS },
    }),
    ...same(
      'spread',
      pod.topologySpreadConstraints,
      ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map(spread),
    ),
    ...configMaps(rendered),
    ...volumes(rendered),
    ...(await podMonitor(rendered)),
    ...rules(rendered),
  ];
};

/** Names are fixed; a ConfigMap of the generator has a hash behind it, so that a change rolls the pods. */
function kinds(rendered: Rendered): string[] {
  const fixed = rendered.objects.filter(({ kind }) => !OF_STRIMZI.includes(kind));
  const found = fixed.map(
    ({ apiVersion, kind, metadata }) => `${apiVersion} ${kind} ${metadata.name.replace(HASHED, '$1-#')}`,
  );
  const base = [
    `v1 Namespace ${rendered.namespace}`,
    'v1 ServiceAccount siftline',
    'v1 Service siftline',
    'v1 ConfigMap siftline-config-#',
    'v1 ConfigMap siftline-env-#',
    'apps/v1 Deployment siftline',
    'policy/v1 PodDisruptionBudget siftline',
    'networking.k8s.io/v1 NetworkPolicy siftline',
    'networking.k8s.io/v1 NetworkPolicy siftline-default-deny',
  ];
  const optional = [
    'networking.k8s.io/v1 NetworkPolicy siftline-registry',
    'keda.sh/v1alpha1 ScaledObject siftline',
    'keda.sh/v1alpha1 TriggerAuthentication siftline-kafka',
    'monitoring.coreos.com/v1 PodMonitor siftline',
    'monitoring.coreos.com/v1 PrometheusRule siftline',
    'v1 ConfigMap siftline-dashboards',
  ];
  const ours = found.filter(each => !optional.includes(each));
  return [
    ...same('objects', ours.sort(), base.sort()),
    ...same('no object twice', found.length, new Set(found).size),
    ...holds(`namespace ${rendered.namespace}`, /^siftline-(moderation|news|stage)$/.test(rendered.namespace)),
  ];
}

function home(kind: string, namespace: string | undefined, ours: string): string[] {
  if (kind === 'Namespace') return [];
  return same(`namespace of ${kind}`, namespace, OF_STRIMZI.includes(kind) ? 'kafka' : ours);
}

/** What the base has and the overlay's labels are put on. */
function isBase({ kind, metadata }: Manifest): boolean {
  return (
    ['Deployment', 'ServiceAccount', 'Service', 'PodDisruptionBudget'].includes(kind) && metadata.name === 'siftline'
  );
}

function spread(topologyKey: string) {
  return { maxSkew: 1, topologyKey, whenUnsatisfiable: 'ScheduleAnyway', labelSelector: { matchLabels: OURS } };
}

function configMaps({ container, pod }: Rendered): string[] {
  const used = [
    ...container.envFrom.map(({ configMapRef }) => configMapRef.name),
    ...pod.volumes.flatMap(({ configMap }) => configMap?.name ?? []),
  ];
  return used.flatMap(name => holds(`ConfigMap ${name} has a hash`, HASHED.test(name)));
}

/** Every mount has its volume and every volume is mounted, at a place of its own. */
function volumes({ container, pod }: Rendered): string[] {
  const mounted = container.volumeMounts.map(({ name }) => name).sort();
  const paths = container.volumeMounts.map(({ mountPath }) => mountPath);
  const claims = pod.volumes.flatMap(({ persistentVolumeClaim: claim }) => (claim ? [claim.claimName] : []));
  return [
    ...same('volumes', pod.volumes.map(({ name }) => name).sort(), mounted),
    ...same('places', paths.length, new Set(paths).size),
    ...holds(
      'absolute places',
      paths.every(path => /^\/[\w/-]+$/.test(path)),
    ),
    ...same('claims', claims, claims.length > 0 ? ['siftline-model'] : []),
  ];
}

async function podMonitor(rendered: Rendered): Promise<string[]> {
  const { container } = rendered;
  const [found] = rendered.objects.filter(({ kind }) => kind === 'PodMonitor');
  if (found === undefined) return [];
  const path = (found.spec as { podMetricsEndpoints: [{ path: string }] }).podMetricsEndpoints[0].path;
  return [
    ...same('scraped page', (await pageAt(path)).page, 'metrics'),
    ...same('scraping', found.spec, {
      selector: { matchLabels: OURS },
      podMetricsEndpoints: [{ port: container.ports[0]?.name, path, interval: '15s', scrapeTimeout: '10s' }],
    }),
  ];
}

/** Their content is deploy/prometheus's and deploy/grafana's; here, that they are found. */
function rules({ objects: list }: Rendered): string[] {
  const rule = list.find(({ kind }) => kind === 'PrometheusRule');
  const dashboards = list.find(({ metadata }) => metadata.name === 'siftline-dashboards');
  return [
    ...(rule ? same('fields of the rules', Object.keys(rule.spec as object), ['groups']) : []),
    ...(dashboards ? same('label of the dashboards', dashboards.metadata.labels, { grafana_dashboard: '1' }) : []),
  ];
}
