import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KAFKA_IMAGES } from '../support/container-broker.js';
import { KAFKA_VERSIONS } from '../support/suite-broker.js';

const page = readFileSync('docs/support.md', 'utf8');
const read = (file: string) => JSON.parse(readFileSync(file, 'utf8'));

test('the brokers are those that the tests start', () => {
  for (const name of [
    ...KAFKA_VERSIONS.map(each => `Apache Kafka ${each}`),
    ...KAFKA_IMAGES.map(image => `\`${image}\``),
  ])
    assert.ok(page.includes(name), name);
});

test('the systems are those that the engine has libraries for', () => {
  const engine = join('node_modules', 'onnxruntime-node');
  const libraries = join(engine, 'bin', 'napi-v6');
  const has = readdirSync(libraries).flatMap(system =>
    readdirSync(join(libraries, system)).map(cpu => `${system}/${cpu}`),
  );
  const named = [...page.matchAll(/`((?:linux|darwin|win32)\/\w+)`/g)].map(([, name]) => name);
  assert.deepEqual(named.sort(), has.sort());
  assert.ok(page.includes(`onnxruntime-node ${read(join(engine, 'package.json')).version},`));
});

test('the first Node is that of package.json', () => {
  const [, least] = /^>=(\d+\.\d+)$/.exec(read('package.json').engines.node) ?? [];
  assert.ok(page.includes(`| ${least} and later`), least);
});
