import { readModelFolder } from '../../src/model/folder.js';
import { WorkerPool } from '../../src/workers/pool.js';

/**
 * A process that opens a pool, answers one text and ends; telemetry.test.ts watches it. Its argument is a model folder.
 */
const folder = await readModelFolder({ path: process.argv[2] ?? '', maxTokens: 64, verify: true });
const pool = new WorkerPool({ setup: { folder, runTokens: 512, verify: true }, threads: 2, startTimeoutMs: 60_000 });
await pool.open();
const reply = await pool.run({ kind: 'classify', texts: ['a harmless text'] });
await pool.close();
console.log(reply.kind);
