import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createProgram } from '../../src/cli/program.js';
import { type LoadedModules, loadedBy } from '../support/loaded-modules.js';
import { fixtureModel } from '../support/models.js';

/** What only some commands need, and is slow to load. */
const HEAVY = [
  'kafkajs',
  'onnxruntime-node',
  'piscina',
  'avsc',
  'zod',
  'prom-client',
  '@huggingface/tokenizers',
  'pino',
  'yaml',
  'csv-parse',
  'cli-progress',
  'string-width',
];

function heavyOf({ packages }: LoadedModules): string[] {
  return HEAVY.filter(name => packages.includes(name));
}

describe('what the program loads', () => {
  for (const argv of [
    ['--version'],
    ['--help'],
    ['run', '--help'],
    ['eval', '--help'],
    ['models', 'import', '--help'],
  ]) {
    test(`siftline ${argv.join(' ')} loads the command line and nothing heavy`, async () => {
      const loaded = await loadedBy(argv);
      assert.deepEqual(heavyOf(loaded), []);
      assert.ok(loaded.own.includes('main') && loaded.packages.includes('commander'), 'something is counted');
      assert.ok(loaded.own.length <= 40, `${loaded.own.length} files: ${loaded.own.join(' ')}`);
    });
  }

  test('a command that is called is loaded without the others', async () => {
    const { own } = await loadedBy(['run', '--help']);
    assert.ok(own.includes('cli/run'));
    assert.deepEqual(
      own.filter(file => /^(tools|demo)\/|^cli\/(eval|audit|demo|tune)/.test(file)),
      [],
    );
  });

  test('a command has the name it is called by, alone as among all', async () => {
    const streams = { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr };
    const namesOf = async (called?: string) =>
      (await createProgram({ env: {}, version: '0', ...streams }, called)).commands.map(each => each.name());
    const all = await namesOf();
    assert.ok(all.length > 10 && all.includes('run'));
    for (const name of all) assert.deepEqual(await namesOf(name), [name]);
    assert.deepEqual(await namesOf('rum'), all);
  });

  test('a command that reads no topic loads no client of Kafka', async () => {
    const loaded = await loadedBy(['explain', 'so fine', '--model', fixtureModel('bert-single'), '--workers', '1']);
    assert.deepEqual(
      ['kafkajs', 'prom-client', 'onnxruntime-node'].filter(name => loaded.packages.includes(name)),
      [],
    );
    assert.ok(loaded.packages.includes('piscina'), 'something is counted');
  });

  test('a module that another of CommonJS requires is counted too', async () => {
    const { packages } = await loadedBy(['check', '--offline', '--brokers', 'localhost:1', '--topics', 'texts']);
    for (const name of ['pino', 'sonic-boom', 'zod']) assert.ok(packages.includes(name), packages.join(' '));
  });
});
