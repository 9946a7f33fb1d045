import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';

const JOURNEY = ['consumer', 'workers', 'policy', 'producer'];
const BELOW_STAGE = [...JOURNEY, 'model', 'kafka', 'avro', 'observe', 'config', 'failpoints'];
const TOOLS = ['audit', 'dead-letters', 'checks', 'eval', 'tune', 'models'].map(name => `tools/${name}`);
const EVERYBODYS = ['ports', 'errors', 'package', 'files'];

/** What a command prints with. */
const TERMINAL = ['log', 'table', 'paint', 'finding', 'printable'].map(module => `observe/${module}`);

/**
 * Names the parts that each part may import; imports point one way. A part is a folder of src, a folder of src/tools,
 * or a file at the top of src. An arrow that is not listed is refused. The files of EVERYBODYS may be imported by all.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  main: ['cli', 'observe/printable'],
  cli: ['stage', ...TOOLS, 'demo', 'config', ...TERMINAL],
  demo: ['local-broker', 'stage', ...BELOW_STAGE],
  ...Object.fromEntries(TOOLS.map(tool => [tool, ['stage', ...BELOW_STAGE]])),
  stage: BELOW_STAGE,
  consumer: ['avro', 'failpoints', 'kafka'],
  workers: ['failpoints', 'model'],
  policy: ['config'],
  producer: ['avro', 'failpoints', 'kafka', 'observe/printable'],
  observe: ['config'],
  'local-broker': ['kafka'],
  kafka: ['config'],
  model: [],
  avro: [],
  config: [],
  failpoints: [],
  ports: [],
  errors: [],
  package: [],
  files: [],
};

/** Lists the arrows that the table refuses and that are still there, by file. It only shrinks: an idle entry fails. */
const NOT_YET: Readonly<Record<string, readonly string[]>> = {};

/** How many files src may have. Raised only by the commit that needs it, with a line why. */
const MOST_FILES = 290;

/** A comment line that begins with a headless clause: it has no subject and no main verb. */
const HEADLESS = /^\s*(\/\*\*|\*) (What|Whether|Who|Where|How) [a-z]/;

/** How many such lines src may have. It only shrinks. */
const MOST_HEADLESS = 40;

/** Files under 60 lines with one importer, each with the reason that it is a file. */
const SMALL: Readonly<Record<string, string>> = {
  'cli/calibrate.ts': 'a command as --help shows it, without what it loads to run',
  'cli/eval.ts': 'a command as --help shows it, without what it loads to run',
  'cli/program.ts': 'the list of the commands; tests look commands up in it',
  'cli/run.ts': 'a command',
  'cli/tune.ts': 'a command as --help shows it, without what it loads to run',
  'kafka/patches/idle-connections.ts': 'one patch, and its row in decision 0001',
  'kafka/patches/logins.ts': 'one patch, and its row in decision 0001',
  'kafka/patches/refusals.ts': 'one patch, and its row in decision 0001',
  'kafka/patches/stale-fetches.ts': 'one patch, and its row in decision 0001',
  'kafka/patches/throttling.ts': 'one patch, and its row in decision 0001',
  'local-broker/broker.ts': 'which of the brokers is started; also the door for tests, bench and faults',
  'main.ts': 'the entry of the process',
  'model/heads.ts': 'softmax and sigmoid, which a reader of the mathematics looks for',
  'observe/tracing/tracing.ts': 'imported when tracing is on',
  'stage/turns.ts': 'the proof that batches keep their order',
  'tools/dead-letters/sender.ts': 'the edge to Kafka of a redrive',
  'workers/trial-entry.ts': 'the entry of a child process',
};

const SMALL_LINES = 60;

/** Libraries that may be named in few places only: the edges of the program. */
const LIBRARY_HOMES: ReadonlyArray<readonly [library: string, allowed: RegExp]> = [
  ['onnxruntime-node', /^model\/(session|arithmetic)\.ts$/],
  ['@huggingface/tokenizers', /^model\/tokenizer\.ts$/],
  ['piscina', /^workers\/(pool|classify)\.ts$/],
  ['kafkajs', /^kafka\//],
  ['lru-cache', /^(workers\/answer-cache\.ts$|(model\/tokenizer|avro\/registry|consumer\/decode\/avro)\.ts$)/],
  ['avsc', /^avro\//],
  ['prom-client', /^observe\//],
  ['commander', /^(cli\/|main\.ts$)/],
  ['yaml', /^config\//],
  ['@opentelemetry/', /^observe\/tracing\//],
  ['cli-progress', /^cli\//],
  ['string-width', /^observe\/table\.ts$/],
  ['csv-parse', /^consumer\/files\/csv\.ts$/],
  ['jsonc-parser', /^tools\/eval\/manifest-edit\.ts$/],
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
  return [...text.matchAll(/(?:^(?:import|export)[^'"]*?from |\bimport\()'([^']+)'/gms)].map(([, target = '']) => ({
    file,
    target,
  }));
}

function partOf(file: string): string {
  const [top = '', ...below] = file.replace(/\.ts$/, '').split('/');
  return top === 'tools' ? `${top}/${below[0]}` : top;
}

function resolved({ file, target }: Import): string {
  return relative(SRC, normalize(join(SRC, dirname(file), target))).replace(/\.js$/, '.ts');
}

const inner = imports
  .filter(({ target }) => target.startsWith('.'))
  .map(each => ({ from: each.file, to: resolved(each) }));

test('there are imports to look at', () => assert.ok(inner.length > 100));

function isAllowed(part: string, to: string): boolean {
  const [other, module] = [partOf(to), to.replace(/\.ts$/, '')];
  if (part === other || EVERYBODYS.includes(other)) return true;
  return (MAY_IMPORT[part] ?? []).some(each => each === other || each === module);
}

const refused = inner.filter(({ from, to }) => !isAllowed(partOf(from), to));

test('every import between parts is one the table allows', () => {
  const wrong = refused.filter(({ from, to }) => !NOT_YET[from]?.includes(partOf(to)));
  assert.deepEqual(wrong, []);
});

test('an arrow that is not there any more is not on the list of those to come', () => {
  const idle = Object.entries(NOT_YET).flatMap(([file, parts]) =>
    parts
      .filter(part => !refused.some(({ from, to }) => from === file && partOf(to) === part))
      .map(part => `${file} -> ${part}`),
  );
  assert.deepEqual(idle, []);
});

test('the steps of the journey never import one another, nor one tool another, and few import the stage', () => {
  for (const group of [JOURNEY, TOOLS]) {
    const arrows = group.flatMap(part => (MAY_IMPORT[part] ?? []).filter(other => group.includes(other)));
    assert.deepEqual(arrows, []);
  }
  const above = Object.keys(MAY_IMPORT).filter(part => MAY_IMPORT[part]?.includes('stage'));
  assert.deepEqual(above.sort(), ['cli', 'demo', ...TOOLS].sort());
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

test('nothing in src acts at the fail points: who wants to hurt the program brings what does', () => {
  const strays = files.filter(file => /FAILPOINTS|onFailPoint/.test(readFileSync(join(SRC, file), 'utf8')));
  assert.deepEqual(strays, ['failpoints.ts']);
});

test('src is a listing that is read at a glance: at most twenty entries', () => {
  assert.deepEqual(readdirSync(SRC).slice(20), []);
});

test('src has no more files than its budget', () => {
  assert.ok(files.length <= MOST_FILES, `${files.length} files`);
});

test('a type name is declared once in src, so that it leads to one place', () => {
  const places = new Map<string, string[]>();
  for (const file of files) {
    const text = readFileSync(join(SRC, file), 'utf8');
    for (const [, name = ''] of text.matchAll(/^(?:export )?(?:interface|type|(?:abstract )?class|enum) (\w+)/gm)) {
      places.set(name, [...(places.get(name) ?? []), file]);
    }
  }
  assert.deepEqual(
    [...places].filter(([, all]) => all.length > 1),
    [],
  );
});

test('a small file with one importer has a reason, and the list of reasons holds no other', () => {
  const small = files.filter(file => {
    const importers = new Set(inner.filter(({ to }) => to === file).map(({ from }) => from));
    return linesOf(file) < SMALL_LINES && importers.size <= 1;
  });
  assert.deepEqual(small.sort(), Object.keys(SMALL).sort());
});

function linesOf(file: string): number {
  return readFileSync(join(SRC, file), 'utf8').split('\n').length - 1;
}

test('a doc comment begins with its thing and a verb ("Returns", "Keeps"), not with a headless clause', () => {
  const headless = [...files].sort().flatMap(file => {
    const lines = readFileSync(join(SRC, file), 'utf8').split('\n');
    return lines.flatMap((line, i) => (HEADLESS.test(line) ? [`src/${file}:${i + 1}: ${line.trim()}`] : []));
  });
  const told = `${headless.length} headless comment lines, at most ${MOST_HEADLESS}:\n${headless.join('\n')}`;
  assert.ok(headless.length <= MOST_HEADLESS, told);
});

test('no folder is called utils, common or helpers', () => {
  assert.deepEqual(
    files.filter(file => /(^|\/)(utils?|common|helpers?|misc|shared)(\/|\.)/.test(file)),
    [],
  );
});
