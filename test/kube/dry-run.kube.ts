import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { stringify } from 'yaml';
import type { Manifest } from '../deploy/kinds.js';
import { everything, nameOf, OVERLAYS, render } from '../deploy/kustomize.js';
import { at, changed } from '../deploy/mutation.js';
import { dryRun, knownKinds, kubectl, NAMESPACE } from './cluster.js';

/*
 * The API server itself takes every object, or says why not: unknown fields, types, quantities, the patterns of the
 * operators' own resources, and pod security. Nothing is stored but an empty namespace.
 */

let kinds = new Set<string>();

/** In the namespace of the tests, Kafka's own resources included; without kinds the cluster does not know. */
function accepted(objects: readonly Manifest[]): string {
  const known = objects.filter(({ apiVersion, kind }) => kinds.has(`${apiVersion} ${kind}`) && kind !== 'Namespace');
  return known
    .map(object => stringify({ ...object, metadata: { ...object.metadata, namespace: NAMESPACE } }))
    .join('---\n');
}

describe('a dry run by the server', () => {
  before(async () => {
    kinds = await knownKinds();
    await kubectl('create', 'namespace', NAMESPACE);
    const labels = ['enforce', 'warn'].map(mode => `pod-security.kubernetes.io/${mode}=restricted`);
    await kubectl('label', 'namespace', NAMESPACE, ...labels);
  });
  after(() => kubectl('delete', 'namespace', NAMESPACE, '--wait=true', '--timeout=120s'));

  for (const overlay of OVERLAYS) {
    for (const variant of [{ overlay, components: [] }, everything(overlay)]) {
      test(nameOf(variant), async t => {
        const { objects } = render(variant);
        const unknown = objects.filter(({ apiVersion, kind }) => !kinds.has(`${apiVersion} ${kind}`));
        for (const kind of new Set(unknown.map(({ apiVersion, kind }) => `${apiVersion} ${kind}`)))
          t.diagnostic(`SKIPPED ${kind}: this cluster does not know it`);
        const { ok, output } = await dryRun(accepted(objects));
        assert.ok(ok, output);
      });
    }
  }

  const CONTAINER = 'spec.template.spec.containers.0';
  for (const [kind, field, value, complaint] of [
    ['Deployment', `${CONTAINER}.securityContext.readOnlyRootFilesytem`, true, /unknown field/],
    ['Deployment', `${CONTAINER}.securityContext.allowPrivilegeEscalation`, true, /violate PodSecurity/],
    ['Deployment', `${CONTAINER}.resources.limits.memory`, '1GB', /quantit/],
    ['Deployment', 'spec.replicas', 'two', /Deployment/],
    ['ScaledObject', 'spec.maxReplicasCount', 12, /unknown field/],
    ['PodMonitor', 'spec.podMetricsEndpoints.0.interval', 'often', /interval/],
  ] as const) {
    test(`${kind} ${field}: ${JSON.stringify(value)} is refused`, async t => {
      const { objects } = render(everything('stage'));
      const target = objects.find(object => object.kind === kind);
      if (!kinds.has(`${target?.apiVersion} ${kind}`)) return t.skip(`this cluster does not know ${kind}`);
      const { ok, output } = await dryRun(accepted(changed(objects, at(objects, kind, field), value)));
      assert.ok(!ok, 'it was taken');
      assert.match(output, complaint);
    });
  }
});
