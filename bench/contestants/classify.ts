import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageFile } from '../../src/package.js';
import type { BenchArgs } from '../args.js';
import type { Measured } from '../measured.js';

interface Usage {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakRssMb: number;
}

/**
 * Measures `siftline classify` on a file: time and CPU of a run over all texts minus those of a run over one text, so
 * that starting Node and loading the model do not count.
 */
export class ClassifyCommand {
  readonly #folder = mkdtempSync(join(tmpdir(), 'siftline-bench-'));
  readonly #args: BenchArgs;
  readonly #count: number;

  constructor(args: BenchArgs, texts: readonly string[]) {
    this.#args = args;
    this.#count = texts.length;
    writeFileSync(join(this.#folder, 'all.jsonl'), texts.map(text => `${JSON.stringify({ text })}\n`).join(''));
    writeFileSync(join(this.#folder, 'one.jsonl'), `${JSON.stringify({ text: texts[0] })}\n`);
  }

  async measure(): Promise<Measured> {
    const one = await this.#run('one.jsonl');
    const all = await this.#run('all.jsonl');
    const written = readFileSync(join(this.#folder, 'out.jsonl'), 'utf8').trim().split('\n').length;
    if (written !== this.#count) throw new Error(`siftline classify wrote ${written} of ${this.#count} lines`);
    return {
      textsPerSecond: (this.#count - 1) / (all.seconds - one.seconds),
      cpuPerThousand: ((all.cpuSeconds - one.cpuSeconds) / (this.#count - 1)) * 1_000,
      peakRssMb: all.peakRssMb,
    };
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }

  async #run(file: string): Promise<Usage> {
    const { model, threads } = this.#args;
    const usageFile = join(this.#folder, 'usage.json');
    const [input, output] = [join(this.#folder, file), join(this.#folder, 'out.jsonl')];
    const hook = ['--import', packageFile('bench/contestants/usage-hook.mjs')];
    const options = ['--model', model, '--workers', String(threads), '--set', 'cache.maxBytes=0', '-o', output];
    const started = performance.now();
    const child = spawn(process.execPath, [...hook, 'dist/main.js', 'classify', input, ...options], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, BENCH_USAGE_FILE: usageFile },
    });
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error(`siftline classify ended with ${code}`);
    const seconds = (performance.now() - started) / 1_000;
    return { seconds, ...(JSON.parse(readFileSync(usageFile, 'utf8')) as Omit<Usage, 'seconds'>) };
  }
}
