import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { fieldNames } from '../../src/config/fields.js';
import { configJsonSchema, configReference, renderConfigMarkdown } from '../../src/config/reference.js';
import { load } from './support.js';

const ROOT = pathToFileURL(`${process.cwd()}/`);

test('every field has a sentence, and says what it takes', () => {
  for (const { path, description, takes } of configReference()) {
    assert.match(description, /^[A-Z`].*\.$/, path);
    assert.doesNotMatch(takes, /another value/, path);
  }
});

test('a field that is a time or a size has its unit in its name', () => {
  const units = /(Ms|Seconds|Bytes|Records|Tokens|Words|Chars|Headers)$/;
  const plain = [
    'kafka.transactionalIdSpelling',
    'log.linesPerMinute',
    'metrics.port',
    'model.maxWindows',
    'workers.count',
    'workers.attempts',
    'workers.crashes',
    'output.schemaVersion',
    'output.scoreDigits',
    'registry.retries',
  ];
  for (const { path, takes } of configReference()) {
    if (takes.startsWith('a whole number') && !plain.includes(path) && !path.includes('schemaIds')) {
      assert.match(path, units);
    }
  }
});

test('the reference has a row for every field, and its example is accepted', () => {
  const markdown = renderConfigMarkdown();
  for (const path of fieldNames()) assert.ok(markdown.includes(`| \`${path}\` | \`SIFTLINE_`), path);
  const example = /```yaml file=\S+\n(.*?)```/s.exec(markdown)?.[1];
  assert.ok(example?.startsWith('# yaml-language-server: $schema='));
  assert.deepEqual(load({ yaml: example }).config.input.topics, ['comments']);
});

test('the JSON Schema knows every field, with its sentence, requires none and allows no other', () => {
  const schema = configJsonSchema() as JsonSchema;
  for (const { path, description } of configReference()) {
    const node = path.split('.').reduce<JsonSchema | undefined>((parent, key) => {
      assert.equal(parent?.additionalProperties, false, path);
      assert.equal(parent?.required, undefined, path);
      return parent?.properties?.[key];
    }, schema);
    assert.equal(node?.description, description);
  }
});

test('the generated files are in step with the code', () => {
  const remedy = 'run scripts/generate-docs.mjs';
  assert.equal(readFileSync(new URL('docs/configuration.md', ROOT), 'utf8'), renderConfigMarkdown(), remedy);
  const schema: unknown = JSON.parse(readFileSync(new URL('schemas/siftline.schema.json', ROOT), 'utf8'));
  assert.deepEqual(schema, JSON.parse(JSON.stringify(configJsonSchema())), remedy);
});

interface JsonSchema {
  readonly description?: string;
  readonly additionalProperties?: boolean;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
}
