import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { stringify } from 'yaml';
import { aclCommands, topicCommands } from './commands.js';
import { K8S, OVERLAYS, render, whyNoKubectl } from './kustomize.js';
import { Rendered } from './rendered.js';

const page = readFileSync(join('docs', 'kubernetes.md'), 'utf8');

/** The page in step with the manifests and the program; a failure shows the lines that are to stand there. */
describe('docs/kubernetes.md', { skip: whyNoKubectl() ?? false }, () => {
  for (const overlay of OVERLAYS) {
    test(`the rights of ${overlay}`, () => {
      const { config } = new Rendered(render({ overlay, components: [] }).objects);
      assert.ok(page.includes(`\`\`\`sh\n${aclCommands(config).join('\n')}\n\`\`\``), aclCommands(config).join('\n'));
    });
  }

  test('the topics of moderation', async () => {
    const { config } = new Rendered(render({ overlay: 'moderation', components: [] }).objects);
    const commands = (await topicCommands(config)).join('\n');
    assert.ok(page.includes(`\`\`\`sh\n${commands}\n\`\`\``), commands);
  });

  test('the Strimzi user of moderation', () => {
    const user = new Rendered(render({ overlay: 'moderation', components: ['strimzi'] }).objects).one('KafkaUser');
    const text = stringify(user);
    assert.ok(page.includes(`\`\`\`yaml\n${text}\`\`\``), text);
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
