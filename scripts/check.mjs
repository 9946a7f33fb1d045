// The body of `npm run check`: types, lint, architecture, generated docs that match the code, and the tags of
// blocks in docs. Prints each step; fails at the first step that does not hold.
import { spawnSync } from 'node:child_process';
import { setup } from './setup.mjs';

setup();

const STEPS = [
  ['types', ['npx', 'tsc', '-p', 'test/tsconfig.json']],
  ['architecture', ['node', '--test', 'build/test/architecture.test.js']],
  ['lint and format', ['npx', 'biome', 'check', '--error-on-warnings']],
  ['generated docs', ['node', 'scripts/generate-docs.mjs', '--check']],
  ['blocks of docs', ['node', 'scripts/test-docs.mjs', '--check']],
];

for (const [name, [command, ...args]] of STEPS) {
  console.error(`check: ${name}`);
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
console.error('check: all holds');
