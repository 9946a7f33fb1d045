#!/usr/bin/env node
// The body of `npm run test:file`: runs test files from their sources, without a build.
//
//   npm run test:file test/consumer/buffer.test.ts
//
// For a test that starts the compiled program (dist/) or a compiled helper (build/), that is compiled first. Types are
// not checked: `npm run check` does that.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, checkNode, compile, installDependencies, ROOT, say } from './setup.mjs';

const files = process.argv.slice(2);
const wrong = files.find(file => !file.endsWith('.ts') || !existsSync(join(ROOT, file)));
if (files.length === 0 || wrong) {
  const why = wrong ? `${wrong} is not a test file, or does not exist` : 'no test file is given';
  say(`npm run test:file: ${why}; give paths from the root, such as test/consumer/buffer.test.ts`);
  process.exit(2);
}
checkNode();
installDependencies();
const texts = [...withImports(files)].map(file => readFileSync(join(ROOT, file), 'utf8'));
if (texts.some(text => /['"`]dist\//.test(text))) build();
if (texts.some(text => /['"`]build\//.test(text))) compile(['-p', join('test', 'tsconfig.json')]);

const sources = `--import=${pathToFileURL(join(ROOT, 'scripts', 'sources.mjs')).href}`;
const { status } = spawnSync(process.execPath, ['--test', '--test-reporter=spec', ...files], {
  cwd: ROOT,
  stdio: 'inherit',
  env: {
    ORT_DISABLE_TELEMETRY: '1',
    ...process.env,
    NODE_OPTIONS: [process.env.NODE_OPTIONS, sources].filter(Boolean).join(' '),
  },
});
process.exitCode = status ?? 1;

/**
 * Returns the files, and the files of the folder test that they import.
 * @param {string[]} files @param {Set<string>} found
 */
function withImports(files, found = new Set()) {
  for (const file of files.map(normalize)) {
    if (found.has(file)) continue;
    found.add(file);
    const imports = readFileSync(join(ROOT, file), 'utf8').matchAll(/from '(\.[^']+)\.js'/g);
    const paths = [...imports].map(([, path]) => `${join(dirname(file), path)}.ts`);
    withImports(
      paths.filter(path => path.startsWith(join('test', '/'))),
      found,
    );
  }
  return found;
}
