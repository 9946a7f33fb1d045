import { parseArgs } from 'node:util';
import { run } from '../src/local-broker/commands.js';
import { readModelFolder } from '../src/model/folder.js';
import { packageFile } from '../src/package.js';
import { pythonHome } from './contestants/homes.js';

/**
 * Measures what a shipped graph could still gain: edits that keep its answers, timed against it, and the speed of its
 * int8 products compared with one large product alone. It uses one thread and writes nothing.
 */

const LIMIT_MS = 10 * 60_000;

const { values } = parseArgs({ options: { model: { type: 'string', default: 'english' } } });
const { info, onnxFile } = await readModelFolder({ path: values.model, maxTokens: 128, verify: false });
const home = await pythonHome(false);
if ('missing' in home) throw new Error(home.missing);
console.log(info.name);
const { ok, output } = await run(home.interpreter, [packageFile('bench/python/leads.py'), onnxFile], LIMIT_MS);
console.log(output);
if (!ok) process.exitCode = 1;
