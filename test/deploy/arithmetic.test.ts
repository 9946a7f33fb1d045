import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { K8S, OVERLAYS, render, whyNoKubectl } from './kustomize.js';
import { bytesOf, Rendered } from './rendered.js';
import { memoryNeed, weightsNeed } from './rules/sizes.js';

/** The sums people read in the overlays are the sums of the program. */
describe('the arithmetic in the comments', { skip: whyNoKubectl() ?? false }, () => {
  for (const overlay of OVERLAYS) {
    const comments = () => readFileSync(join(K8S, 'overlays', overlay, 'deployment.yaml'), 'utf8');

    test(`memory of ${overlay}`, () => {
      const rendered = new Rendered(render({ overlay, components: [] }).objects);
      const limit = bytesOf(rendered.container.resources.limits.memory ?? '');
      const [, need, of] = /# MB: .* = ([\d,]+) of ([\d,]+)/.exec(comments()) ?? [];
      assert.deepEqual([need, of], [megabytes(memoryNeed(rendered.config)), megabytes(limit)]);
    });

    test(`drain of ${overlay}`, () => {
      const { config, pod } = new Rendered(render({ overlay, components: [] }).objects);
      const [, drain, grace] = /# (\d+) \+ 2 < (\d+) \/ 2/.exec(comments()) ?? [];
      const { drainSeconds } = config.shutdown;
      assert.deepEqual([Number(drain), Number(grace)], [drainSeconds, pod.terminationGracePeriodSeconds]);
    });
  }

  for (const [part, component] of [
    ['base', undefined],
    [join('components', 'model-volume'), 'model-volume'],
  ] as const) {
    test(`weights of ${part}`, () => {
      const { pod } = new Rendered(render({ overlay: 'stage', components: component ? [component] : [] }).objects);
      const limit = bytesOf(pod.volumes.find(({ name }) => name === 'weights')?.emptyDir?.sizeLimit ?? '');
      const comment = readFileSync(join(K8S, part, 'deployment.yaml'), 'utf8').replaceAll(/\n +# /g, ' ');
      const [, need, of] = /MB: 1\.5 x .*? as much again.*?: ([\d,]+) of ([\d,]+)\./.exec(comment) ?? [];
      assert.deepEqual([need, of], [megabytes(weightsNeed(component !== undefined)), megabytes(limit)]);
    });
  }
});

function megabytes(bytes: number): string {
  return Math.round(bytes / 1e6).toLocaleString('en-US');
}
