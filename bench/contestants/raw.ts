import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Measured } from '../measured.js';
import type { RawAnswer } from './raw-main.js';
import type { RawJob } from './raw-worker.js';

const LIMIT_MS = 30 * 60_000;

/** Returns texts/s of the bare engine: one single-threaded session per thread, each with its share of the texts. */
export async function measureRaw(job: RawJob, threads: number): Promise<Measured> {
  const folder = mkdtempSync(join(tmpdir(), 'siftline-bench-raw-'));
  try {
    const file = join(folder, 'job.json');
    writeFileSync(file, JSON.stringify(job));
    const main = fileURLToPath(new URL('./raw-main.js', import.meta.url));
    const env = { ...process.env, ORT_DISABLE_TELEMETRY: '1' };
    const { stdout } = await promisify(execFile)(process.execPath, [main, file, String(threads)], {
      env,
      timeout: LIMIT_MS,
    });
    const { seconds, cpuSeconds, peakRssMb, paddedTokens } = JSON.parse(stdout) as RawAnswer;
    const tokens = job.ids.reduce((sum, each) => sum + each.length, 0);
    return {
      textsPerSecond: job.ids.length / seconds,
      cpuPerThousand: (cpuSeconds / job.ids.length) * 1_000,
      peakRssMb,
      paddingShare: 1 - tokens / paddedTokens,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
