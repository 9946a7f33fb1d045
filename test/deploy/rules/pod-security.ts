import type { Rule } from './rule.js';
import { holds, same } from './rule.js';

/** The uid the image is made for. */
const UID = 1000;
const GROUP_READS = 0o440;
const ALL_READ = 0o444;

/** Kinds of volumes the restricted standard admits. */
const ADMITTED = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

/**
 * The restricted pod security standard, field by field, and what we ask beyond it. Whole objects are compared: a field too
 * many (privileged, procMount, a capability that is added, sysctls) is noticed as well as one that is missing.
 */
export const podSecurity: Rule = rendered => {
  const { pod, container } = rendered;
  const writable = container.volumeMounts.filter(({ readOnly }) => readOnly !== true).map(({ name }) => name);
  return [
    ...same('namespace labels', podSecurityLabels(rendered.one('Namespace').metadata.labels), {
      enforce: 'restricted',
      'enforce-version': 'latest',
      warn: 'restricted',
      audit: 'restricted',
    }),
    ...same('pod securityContext', pod.securityContext, {
      runAsNonRoot: true,
      runAsUser: UID,
      runAsGroup: UID,
      fsGroup: UID,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    }),
    ...same('container securityContext', container.securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    }),
    ...same('fields of the pod', Object.keys(pod).sort(), POD_FIELDS),
    ...holds('pod: no token of the API is mounted', pod.automountServiceAccountToken === false),
    ...holds('account: no token', rendered.one('ServiceAccount').automountServiceAccountToken === false),
    ...same('serviceAccountName', pod.serviceAccountName, rendered.one('ServiceAccount').metadata.name),
    ...holds('no service links', pod.enableServiceLinks === false),
    ...same('fields of a port', Object.keys(container.ports[0] ?? {}).sort(), ['containerPort', 'name', 'protocol']),
    ...same('mounts that can be written', writable, ['crash', 'weights']),
    ...pod.volumes.flatMap(volume => {
      const [kind = ''] = Object.keys(volume).filter(key => key !== 'name');
      return holds(`volume ${volume.name}: ${kind} is admitted`, ADMITTED.has(kind));
    }),
    ...pod.volumes.flatMap(({ name, secret, configMap, persistentVolumeClaim }) => [
      ...(secret ? same(`mode of secret ${name}`, secret.defaultMode, GROUP_READS) : []),
      ...(configMap ? same(`mode of ${name}`, configMap.defaultMode, ALL_READ) : []),
      ...(persistentVolumeClaim ? same(`${name} readOnly`, persistentVolumeClaim.readOnly, true) : []),
    ]),
  ];
};

/** No hostNetwork, hostPID, hostIPC, hostUsers, initContainers, priority, node names. */
const POD_FIELDS = [
  'automountServiceAccountToken',
  'containers',
  'enableServiceLinks',
  'securityContext',
  'serviceAccountName',
  'terminationGracePeriodSeconds',
  'topologySpreadConstraints',
  'volumes',
];

function podSecurityLabels(labels: Readonly<Record<string, string>> = {}): Record<string, string> {
  const prefix = 'pod-security.kubernetes.io/';
  const ours = Object.entries(labels).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(ours.map(([name, value]) => [name.slice(prefix.length), value]));
}
