#!/usr/bin/env node
// The body of `npm run contract`: writes docs/contract.json, the public contract as the sources have it. A test fails
// while the file and the sources differ, so that a change of the contract is made on purpose (COMPATIBILITY.md).
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkNode, installDependencies, ROOT } from './setup.mjs';

checkNode();
installDependencies();
const sources = `--import=${pathToFileURL(join(ROOT, 'scripts', 'sources.mjs')).href}`;
const writer = join('test', 'support', 'write-contract.ts');
process.exitCode = spawnSync(process.execPath, [sources, writer], { cwd: ROOT, stdio: 'inherit' }).status ?? 1;
