import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { stringify } from 'yaml';
import type { Manifest } from './kinds.js';
import { everything, nameOf, OVERLAYS, objectsOf, render, whyNoKubectl } from './kustomize.js';
import { at, changed } from './mutation.js';

/** Of the API the manifests are held against; the oldest that has everything they use is older. */
const VERSIONS = ['1.30', '1.34'];

const validator = process.env.KUBERNETES_VALIDATE ?? '';
const skip =
  whyNoKubectl() ?? (validator === '' ? 'kubernetes-validate is not there; npm run check:deploy installs it' : false);

interface Verdict {
  readonly ok: boolean;
  readonly output: string;
}

/** By the JSON schemas of Kubernetes, unknown fields refused. Resources of operators are left to `npm run test:kube`. */
function validate(objects: readonly Manifest[], version: string): Verdict {
  const folder = join('build', 'deploy');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `strict-${process.pid}.yaml`);
  const own = objects.filter(
    ({ apiVersion }) => !/^(keda\.sh|monitoring\.coreos\.com|kafka\.strimzi\.io)\//.test(apiVersion),
  );
  writeFileSync(file, own.map(object => stringify(object)).join('---\n'));
  const { status, stdout, stderr } = spawnSync(validator, ['--strict', '-k', version, file], { encoding: 'utf8' });
  return { ok: status === 0, output: `${stdout}${stderr}` };
}

describe('the schemas of Kubernetes, strictly', { skip }, () => {
  for (const overlay of OVERLAYS) {
    for (const version of VERSIONS) {
      test(`${nameOf(everything(overlay))} on ${version}`, () => {
        const { ok, output } = validate(objectsOf(render(everything(overlay)).yaml), version);
        assert.ok(ok, output);
      });
    }
  }

  const CONTAINER = 'spec.template.spec.containers.0';
  for (const [kind, field, value] of [
    ['Deployment', 'spec.replicaz', 2],
    ['Deployment', 'spec.minReadySeconds', 'ten'],
    ['Deployment', `${CONTAINER}.resourcs`, {}],
    ['Deployment', `${CONTAINER}.livenessProbe.httpGet.paths`, '/livez'],
    ['Service', 'spec.ports.0.port', 'http'],
    ['NetworkPolicy', 'spec.egres', []],
    ['PodDisruptionBudget', 'spec.maxUnavailable', true],
  ] as const) {
    test(`${kind} ${field}: ${JSON.stringify(value)} is refused`, () => {
      const { objects } = render({ overlay: 'news', components: [] });
      const { ok } = validate(changed(objects, at(objects, kind, field), value), '1.34');
      assert.ok(!ok);
    });
  }
});
