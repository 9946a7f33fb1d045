import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A scratch folder for models, with copies of others to be spoilt. */
export class ModelCopies {
  readonly path = mkdtempSync(join(tmpdir(), 'siftline-models-'));
  #count = 0;

  /** A copy, changed by `spoil`. */
  of(model: string, spoil: (path: string) => void = () => {}): string {
    const path = join(this.path, `copy-${this.#count++}`);
    cpSync(model, path, { recursive: true });
    spoil(path);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

// biome-ignore lint/suspicious/noExplicitAny: tests change any field of a file
export function editJson(file: string, change: (json: any) => void): void {
  const json = JSON.parse(readFileSync(file, 'utf8'));
  change(json);
  writeFileSync(file, JSON.stringify(json));
}
