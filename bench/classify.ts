import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchArgs } from './args.js';

/**
 * Texts/s of `siftline classify` on a file: the time of a run over all texts less that of a run over one, so that
 * starting Node and loading the model do not count.
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

  async measure(): Promise<number> {
    const one = await this.#seconds('one.jsonl');
    const all = await this.#seconds('all.jsonl');
    return (this.#count - 1) / (all - one);
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }

  async #seconds(file: string): Promise<number> {
    const { model, threads } = this.#args;
    const args = [
      'dist/main.js',
      'classify',
      join(this.#folder, file),
      '--model',
      model,
      '--workers',
      String(threads),
      // Texts are repeated up to the count: only what is computed is to be measured.
      '--set',
      'cache.maxBytes=0',
      '-o',
      join(this.#folder, 'out.jsonl'),
    ];
    const started = performance.now();
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error(`siftline classify ended with ${code}`);
    return (performance.now() - started) / 1000;
  }
}
