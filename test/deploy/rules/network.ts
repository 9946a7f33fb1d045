import type { Rendered } from '../rendered.js';
import { type Rule, same } from './rule.js';

const NAMESPACE = 'kubernetes.io/metadata.name';
const OURS = { matchLabels: { 'app.kubernetes.io/name': 'siftline' } };

interface Address {
  readonly namespace: string;
  readonly port: number;
}

/**
 * Everything is denied but what the configuration needs: DNS, the brokers, the registry, and Prometheus coming in. With TLS
 * the brokers' TLS port is open beside the plain one.
 */
export const network: Rule = rendered => {
  const policies = Object.fromEntries(rendered.all('NetworkPolicy').map(each => [each.metadata.name, each.spec]));
  return same('network policies', policies, expected(rendered));
};

function expected({ config, container }: Rendered): Record<string, unknown> {
  const [broker = missing(), ...others] = config.kafka.brokers.map(addressOf);
  if (others.some(({ namespace }) => namespace !== broker.namespace)) missing();
  const ports = [broker.port, ...(config.kafka.tls.enabled ? [broker.port + 1] : [])];
  const registry = config.registry.url === undefined ? undefined : addressOf(new URL(config.registry.url).host);
  return {
    'siftline-default-deny': { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
    siftline: {
      podSelector: OURS,
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ from: [inNamespace('monitoring')], ports: [{ port: container.ports[0]?.name, protocol: 'TCP' }] }],
      egress: [dns, { to: [inNamespace(broker.namespace)], ports: ports.map(port => ({ port, protocol: 'TCP' })) }],
    },
    ...(registry && {
      'siftline-registry': {
        podSelector: OURS,
        policyTypes: ['Egress'],
        egress: [{ to: [inNamespace(registry.namespace)], ports: [{ port: registry.port, protocol: 'TCP' }] }],
      },
    }),
  };
}

/** The selector of the DNS pods is theirs: a label of ours in it would shut DNS off. */
const dns = {
  to: [{ ...inNamespace('kube-system'), podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } }],
  ports: [
    { port: 53, protocol: 'UDP' },
    { port: 53, protocol: 'TCP' },
  ],
};

function inNamespace(name: string) {
  return { namespaceSelector: { matchLabels: { [NAMESPACE]: name } } };
}

/** Of `name.namespace.svc:port`. */
function addressOf(host: string): Address {
  const [, namespace, port] = /^[\w-]+\.([\w-]+)\.svc:(\d+)$/.exec(host) ?? [];
  return namespace === undefined ? missing() : { namespace, port: Number(port) };
}

function missing(): never {
  throw new Error('brokers and registry are services of one other namespace: name.namespace.svc:port');
}
