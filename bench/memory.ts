import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageFile } from '../src/package.js';
import { median } from './stats.js';
import { distinctTexts, readTexts } from './texts.js';

/**
 * Measures the memory of an inference thread: the private memory of a process at its peak, by the number of threads. On
 * Linux it is Anonymous in smaps_rollup; the weights are not in it, since all threads map them from one file. Beside it
 * stands the memory of an idle thread of Node.
 */
const THREADS = [1, 2, 4];
const ROUNDS = 3;
const TEXTS = 3_000;
const EVERY_MS = 50;
const IDLE =
  'const { Worker } = require("node:worker_threads"); for (let i = 0; i < process.argv[1]; i++) new Worker("setInterval(() => {}, 1e6)", { eval: true }); setTimeout(() => process.exit(), 1500)';

const place = mkdtempSync(join(tmpdir(), 'siftline-memory-'));
try {
  const input = join(place, 'texts.jsonl');
  writeFileSync(
    input,
    distinctTexts(readTexts(), TEXTS)
      .map(text => `${JSON.stringify({ text })}\n`)
      .join(''),
  );
  const classify = (threads: number) => [
    packageFile('dist/main.js'),
    ...['classify', input, '-o', join(place, 'labels.jsonl'), '--workers', String(threads)],
    ...['--set', 'cache.maxBytes=0'],
  ];
  console.log(`peak of a process' own memory, MB, by threads (${THREADS.join(', ')}), medians of ${ROUNDS} rounds`);
  await tell(`siftline classify, ${TEXTS} texts`, classify);
  await tell('threads that do nothing', threads => ['-e', IDLE, String(threads)]);
} finally {
  rmSync(place, { recursive: true });
}

async function tell(what: string, argsFor: (threads: number) => string[]): Promise<void> {
  const peaks: number[] = [];
  for (const threads of THREADS) {
    const rounds: number[] = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(await peakOf(argsFor(threads)));
    peaks.push(median(rounds));
  }
  const [first = 0, last = 0] = [peaks[0], peaks.at(-1)];
  const each = (last - first) / ((THREADS.at(-1) ?? 1) - (THREADS[0] ?? 1));
  console.log(
    `${what.padEnd(34)} ${peaks.map(mb => mb.toFixed(0).padStart(4)).join(' ')}   ${each.toFixed(1)} each further one`,
  );
}

async function peakOf(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  const exited = once(child, 'exit');
  let peak = 0;
  while (child.exitCode === null && child.signalCode === null) {
    peak = Math.max(peak, ownMb(child.pid ?? 0));
    await Promise.race([exited, sleep(EVERY_MS)]);
  }
  if (child.exitCode !== 0) throw new Error(`node ${args.join(' ')} ended with ${child.exitCode}`);
  return peak;
}

function ownMb(pid: number): number {
  try {
    const [, kb] = /^Anonymous:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')) ?? [];
    return Number(kb ?? 0) / 1_024;
  } catch {
    // The process has just ended.
    return 0;
  }
}
