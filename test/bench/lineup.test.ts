import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, beforeEach, test } from 'node:test';
import { readArgs } from '../../bench/args.js';
import type { StreamContestant } from '../../bench/contestants/contestant.js';
import { untunedGraphs } from '../../bench/contestants/graphs.js';
import { pythonHome } from '../../bench/contestants/homes.js';
import { lineUpOf } from '../../bench/contestants/lineup.js';
import type { ModelFolder } from '../../src/model/folder.js';
import { packageFile } from '../../src/package.js';

const scratch = mkdtempSync(join(tmpdir(), 'siftline-lineup-'));
const { PATH, XDG_CACHE_HOME } = process.env;

beforeEach(() => {
  process.env.XDG_CACHE_HOME = mkdtempSync(join(scratch, 'cache-'));
});
afterEach(() => {
  process.env.PATH = PATH;
  if (XDG_CACHE_HOME === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = XDG_CACHE_HOME;
});
after(() => rmSync(scratch, { recursive: true }));

const info = {
  name: 'english',
  version: '1',
  sha256: 'ab'.repeat(32),
  identity: '',
  precision: 'int8',
  maxTokens: 128,
  tasks: [],
};
const path = packageFile('models/english');
const folder = {
  path,
  onnxFile: join(path, 'model.onnx'),
  tokenizerFile: join(path, 'tokenizer.json'),
  padId: 0,
  optimised: true,
  info,
} as unknown as ModelFolder;
const args = readArgs(['--count', '600'], 2);
const agreement = { texts: 10, fp32: { spam: 1 }, dynamic: { spam: 0.9 } };
const graphs = { fp32: '/graphs/fp32.onnx', dynamic: '/graphs/dynamic.onnx', agreement };
const py = { interpreter: 'python3' };
const js = () => ({ home: scratch, models: `${scratch}/models/` });
const place = { brokers: 'b', input: 'i', output: 'o', rejected: 'r', metrics: 'm', group: 'g', partitions: 4 };

function names(contestants: readonly StreamContestant[]): string[] {
  return contestants.map(({ name }) => name);
}

function graphOf(contestants: readonly StreamContestant[], name: string): { onnxFile: string; optimised: boolean } {
  const [first] = contestants.find(each => each.name === name)?.commands(place) ?? [];
  return JSON.parse(first?.args.at(-1) ?? '') as { onnxFile: string; optimised: boolean };
}

test('every rival takes part on the shipped graph and on the quantize_dynamic file, the plain script on fp32 too', () => {
  const { rivals, untuned, missing } = lineUpOf(args, folder, { js: js(), py, graphs });
  assert.deepEqual(names(rivals), ['plain', 'transformersJs', 'pythonTuned', 'python']);
  const dynamic = ['plainDynamic', 'transformersJsDynamic', 'pythonTunedDynamic', 'pythonDynamic'];
  assert.deepEqual(names(untuned), ['plainFp32', ...dynamic]);
  assert.deepEqual(missing, []);
  assert.equal(graphOf(untuned, 'plainFp32').onnxFile, graphs.fp32);
  for (const name of ['plainDynamic', 'pythonTunedDynamic', 'pythonDynamic'])
    assert.equal(graphOf(untuned, name).onnxFile, graphs.dynamic);
  assert.deepEqual(
    untuned.map(({ count }) => count),
    [100, 100, 100, 600, 100],
  );
});

test('the engine may optimise a graph that nobody has optimised, and does not touch the shipped one', () => {
  const { rivals, untuned } = lineUpOf(args, folder, { js: js(), py, graphs });
  assert.equal(graphOf(rivals, 'pythonTuned').optimised, true);
  assert.equal(graphOf(untuned, 'pythonTunedDynamic').optimised, false);
});

test('transformers.js finds each graph under a name of its own', () => {
  lineUpOf(args, folder, { js: js(), py, graphs });
  assert.deepEqual(readdirSync(join(scratch, 'models')).sort(), ['english-dynamic', 'english-model']);
});

test('what is not here is named, and the others take part', () => {
  const noPython = { py: { missing: 'Python: none' }, graphs: { missing: 'Python makes these files' } };
  const { rivals, untuned, missing } = lineUpOf(args, folder, { js: { missing: 'transformers: none' }, ...noPython });
  assert.deepEqual(names(rivals), ['plain']);
  assert.deepEqual(untuned, []);
  assert.deepEqual(missing, [
    'transformers: none',
    'Python: none',
    'the plain script on fp32 and the rivals on the `quantize_dynamic` file: Python makes these files',
  ]);
});

test('--fp32 stands in for the graph that is made here, also where none can be made', () => {
  const given = { ...args, fp32: '/own.onnx' };
  const made = lineUpOf(given, folder, { js: js(), py, graphs });
  assert.equal(graphOf(made.untuned, 'plainFp32').onnxFile, '/own.onnx');
  const { untuned, missing } = lineUpOf(given, folder, { js: js(), py, graphs: { missing: 'no' } });
  assert.deepEqual(names(untuned), ['plainFp32']);
  assert.deepEqual(missing, ['the rivals on the `quantize_dynamic` file: no']);
});

test('without Python the missing packages are named, and nothing is taken for installed', async () => {
  process.env.PATH = '/nowhere';
  const home = await pythonHome(false);
  assert.match('missing' in home ? home.missing : '', /^Python with .*onnx==.*: .*python3 ENOENT/);
  assert.match(JSON.stringify(await pythonHome(false)), /ENOENT/);
});

/** In place of Python: writes a line to `log`, then does as told; $5 is the folder. */
function interpreter(body: string): { command: string; runs: () => number } {
  const home = mkdtempSync(join(scratch, 'python-'));
  const [command, log] = [join(home, 'python'), join(home, 'log')];
  writeFileSync(command, `#!/bin/sh\necho run >> ${log}\n${body}\n`);
  chmodSync(command, 0o755);
  return { command, runs: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').length : 0) };
}

test('graphs are made once for a model, in the cache', async () => {
  const { command, runs } = interpreter(`echo '${JSON.stringify(agreement)}' > "$5/agreement.json"`);
  const made = await untunedGraphs(folder, command);
  assert.ok(!('missing' in made));
  assert.ok(made.fp32.startsWith(`${process.env.XDG_CACHE_HOME}/siftline/bench-graphs-abab`));
  assert.deepEqual(made.agreement, agreement);
  await untunedGraphs(folder, command);
  assert.equal(runs(), 1);
  await untunedGraphs({ ...folder, info: { ...info, sha256: 'cd'.repeat(32) } }, command);
  assert.equal(runs(), 2);
});

test('graphs that could not be made are missing for the reason the script ends with, and are tried again', async () => {
  const { command, runs } = interpreter('echo a warning >&2; echo the operator is not known >&2; exit 1');
  assert.deepEqual(await untunedGraphs(folder, command), { missing: 'the operator is not known' });
  await untunedGraphs(folder, command);
  assert.equal(runs(), 2);
});
