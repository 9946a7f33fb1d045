import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { stringify } from 'yaml';
import { aclCommands, topicCommands } from './commands.js';
import type { ScaledObjectSpec } from './kinds.js';
import { K8S, kustomize, OVERLAYS, objectsOf, render, whyNoKubectl } from './kustomize.js';
import { Rendered } from './rendered.js';

const page = readFileSync(join('docs', 'kubernetes.md'), 'utf8');
const blocks = [...page.matchAll(/^```.*\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
const commands = blocks.find(block => block.includes('kafka-acls.sh')) ?? '';

/** The page in step with the manifests and the program; a failure shows the lines that are to stand there. */
describe('docs/kubernetes.md', { skip: whyNoKubectl() ?? false }, () => {
  for (const overlay of OVERLAYS) {
    test(`the rights of ${overlay}`, () => {
      const { config } = new Rendered(render({ overlay, components: [] }).objects);
      assert.ok(
        commands.includes(`# the rights of ${overlay}\n${aclCommands(config).join('\n')}\n\n`),
        aclCommands(config).join('\n'),
      );
    });
  }

  test('the topics of moderation', async () => {
    const { config } = new Rendered(render({ overlay: 'moderation', components: [] }).objects);
    const lines = (await topicCommands(config)).join('\n');
    assert.ok(commands.endsWith(`differ only in their names\n${lines}\n`), lines);
  });

  test('the Strimzi user of moderation', () => {
    const user = new Rendered(render({ overlay: 'moderation', components: ['strimzi'] }).objects).one('KafkaUser');
    const text = stringify(user);
    assert.ok(blocks.includes(text), text);
  });

  test('the example renders, and its values reach everything that depends on them', () => {
    const folder = join('build', 'docs-example');
    mkdirSync(folder, { recursive: true });
    const example = blocks.find(block => block.includes('kind: Kustomization')) ?? '';
    writeFileSync(join(folder, 'kustomization.yaml'), example);
    const rendered = new Rendered(objectsOf(kustomize(folder)));
    const { bootstrapServers, topic } = (rendered.one('ScaledObject').spec as ScaledObjectSpec).triggers[0].metadata;
    const { kafka, input } = rendered.config;
    assert.deepEqual([bootstrapServers, topic], ['my-kafka-bootstrap.kafka.svc:9092', 'reviews']);
    assert.deepEqual([kafka.brokers, input.topics], [[bootstrapServers], [topic]]);
    assert.match(rendered.container.image, /^registry\.example\.com\/siftline@sha256:/);
    const homes = rendered.objects.filter(({ kind }) => kind !== 'Namespace').map(({ metadata }) => metadata.namespace);
    assert.deepEqual([...new Set(homes)], ['siftline-moderation']);
  });

  test('every component is in the table, and every one in the table is there', () => {
    const rows = page.split('\n').filter(line => /^\| `/.test(line));
    const named = rows
      .flatMap(row => (row.split('|')[1] ?? '').match(/`[\w-]+`/g) ?? [])
      .map(name => name.slice(1, -1));
    const components = named.filter(name => !(OVERLAYS as readonly string[]).includes(name));
    assert.deepEqual(components.sort(), readdirSync(join(K8S, 'components')).sort());
  });
});
