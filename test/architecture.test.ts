import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';

/**
 * Which part may import which; imports point one way. A part is a folder of src, or a file at its top. What is not
 * listed may not be imported. `types`, `errors` and `package` are everybody's.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  main: ['cli', 'failpoints'],
  cli: [
    'service',
    'assembly',
    'audit',
    'checks',
    'config',
    'consumer',
    'demo',
    'eval',
    'explain',
    'kafka',
    'metrics',
    'model',
    'models',
    'pipeline',
    'policy',
    'producer',
    'rejected',
    'replay',
    'tune',
    'workers',
    'closers',
  ],
  demo: ['kafka', 'config', 'service', 'metrics', 'avro', 'producer', 'assembly'],
  tune: ['assembly', 'batch-size', 'cascade', 'config', 'consumer', 'policy', 'workers'],
  models: ['checks', 'consumer', 'model'],
  eval: ['batch-size', 'consumer'],
  checks: ['assembly', 'avro', 'config', 'kafka', 'model', 'policy', 'producer', 'workers'],
  replay: [
    'assembly',
    'batch-size',
    'closers',
    'config',
    'consumer',
    'kafka',
    'pipeline',
    'policy',
    'producer',
    'reject-limit',
  ],
  audit: ['avro', 'kafka', 'producer', 'rejected'],
  rejected: ['kafka', 'producer'],
  service: [
    'admin',
    'assembly',
    'batch-size',
    'closers',
    'config',
    'consumer',
    'kafka',
    'metrics',
    'pipeline',
    'policy',
    'producer',
    'reject-limit',
    'tracing',
  ],
  assembly: [
    'answers',
    'avro',
    'batch-size',
    'cascade',
    'crash-guard',
    'crash-journal',
    'closers',
    'config',
    'consumer',
    'every',
    'explain',
    'kafka',
    'metrics',
    'model',
    'policy',
    'producer',
    'workers',
  ],
  pipeline: ['crash-guard', 'failpoints', 'metrics', 'tracing', 'turns'],
  tracing: ['config'],
  'crash-guard': ['crash-journal', 'failpoints'],
  'crash-journal': [],
  turns: [],
  'reject-limit': [],
  'batch-size': [],
  closers: [],
  every: [],
  admin: [],
  failpoints: [],
  consumer: ['avro', 'failpoints', 'kafka'],
  producer: ['avro', 'failpoints', 'kafka'],
  workers: ['cascade', 'explain', 'failpoints', 'model'],
  answers: [],
  cascade: ['model'],
  explain: [],
  policy: ['config'],
  metrics: [],
  kafka: ['config'],
  model: [],
  avro: [],
  config: [],
  types: [],
  errors: [],
  package: [],
};

/** Libraries that may be named in few places only: the edges of the program. */
const LIBRARY_HOMES: ReadonlyArray<readonly [library: string, allowed: RegExp]> = [
  ['onnxruntime-node', /^model\/(session|arithmetic)\.ts$/],
  ['@huggingface/tokenizers', /^model\/tokenizer\.ts$/],
  ['piscina', /^workers\/(pool|classify)\.ts$/],
  ['kafkajs', /^(kafka|consumer|producer|rejected|demo|assembly)\//],
  ['lru-cache', /^(answers\/|model\/words\.ts$)/],
  ['avsc', /^avro\//],
  ['prom-client', /^metrics\//],
  ['commander', /^(cli\/|main\.ts$)/],
  ['yaml', /^config\//],
  ['@opentelemetry/', /^tracing\//],
];

const SRC = join(process.cwd(), 'src');

interface Import {
  readonly file: string;
  readonly target: string;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'));
const imports = files.flatMap(importsOf);

function importsOf(file: string): Import[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  return [...text.matchAll(/^(?:import|export)[^'"]*?from '([^']+)'/gms)].map(([, target = '']) => ({ file, target }));
}

function partOf(file: string): string {
  return file.includes('/') ? (file.split('/')[0] ?? '') : file.replace(/\.ts$/, '');
}

function resolved({ file, target }: Import): string {
  return relative(SRC, normalize(join(SRC, dirname(file), target))).replace(/\.js$/, '.ts');
}

const inner = imports
  .filter(({ target }) => target.startsWith('.'))
  .map(each => ({ from: each.file, to: resolved(each) }));

test('there are imports to look at', () => assert.ok(inner.length > 100));

test('every import between parts is one the table allows', () => {
  const wrong = inner.filter(({ from, to }) => {
    const [part, other] = [partOf(from), partOf(to)];
    return (
      part !== other && !['types', 'errors', 'package'].includes(other) && !(MAY_IMPORT[part] ?? []).includes(other)
    );
  });
  assert.deepEqual(wrong, []);
});

test('the table itself points one way', () => {
  const visit = (part: string, path: readonly string[]): void => {
    assert.ok(!path.includes(part), `a cycle: ${[...path, part].join(' -> ')}`);
    for (const next of MAY_IMPORT[part] ?? []) visit(next, [...path, part]);
  };
  for (const part of Object.keys(MAY_IMPORT)) visit(part, []);
});

test('no files import one another in a circle', () => {
  const graph = new Map<string, string[]>();
  for (const { from, to } of inner) graph.set(from, [...(graph.get(from) ?? []), to]);
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(!path.includes(file), `a circle: ${[...path, file].join(' -> ')}`);
    if (done.has(file)) return;
    for (const other of graph.get(file) ?? []) visit(other, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
});

test('only workers/classify loads the model code at run time', () => {
  const loads = imports.filter(({ file, target }) => file.startsWith('workers/') && /\/model\/model\.js$/.test(target));
  const values = loads.filter(
    ({ file }) => !/import type[^;]*model\/model\.js/.test(readFileSync(join(SRC, file), 'utf8')),
  );
  assert.deepEqual(
    values.map(({ file }) => file),
    ['workers/classify.ts'],
  );
});

/** A name that ends in a slash is a scope: all its packages. */
function isOf(library: string, target: string): boolean {
  return library.endsWith('/') ? target.startsWith(library) : target === library;
}

test('a library is named only where it lives', () => {
  const strays = imports.filter(({ file, target }) =>
    LIBRARY_HOMES.some(([library, allowed]) => isOf(library, target) && !allowed.test(file)),
  );
  assert.deepEqual(strays, []);
});

test('every library that src names is installed with siftline', () => {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies: object };
  const libraries = imports.map(({ target }) => target).filter(target => !/^(\.|node:)/.test(target));
  const nameOf = (target: string) => /^(@[^/]+\/)?[^/]+/.exec(target)?.[0] ?? target;
  assert.deepEqual(
    [...new Set(libraries.map(nameOf))].filter(name => !(name in dependencies)),
    [],
  );
});

test('process.env is read only at the entry', () => {
  const readers = files.filter(file => /process\.env/.test(readFileSync(join(SRC, file), 'utf8')));
  // pool.ts sets the engine's telemetry switch, which works in no other place.
  assert.deepEqual(readers, ['workers/pool.ts']);
});

test('no folder is called utils, common or helpers', () => {
  assert.deepEqual(
    files.filter(file => /(^|\/)(utils?|common|helpers?|misc|shared)(\/|\.)/.test(file)),
    [],
  );
});
