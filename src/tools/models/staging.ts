import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { SiftlineError } from '../../errors.js';
import { makeWorkFolder, syncFiles, unwritable } from '../../files.js';

/**
 * A folder beside the output. It is renamed to the output when everything is done, so that half a model is never
 * visible.
 */
export class Staging {
  readonly #output: string;
  readonly #root: string;
  /** The folder of the new model. */
  readonly folder: string;
  /** The folder for everything that does not stay. */
  readonly work: string;

  constructor(output: string) {
    this.#output = resolve(output);
    mkdirSync(dirname(this.#output), { recursive: true });
    this.#root = makeWorkFolder(`.${basename(this.#output)}.import-`, dirname(this.#output));
    this.folder = join(this.#root, 'model');
    this.work = join(this.#root, 'work');
    mkdirSync(this.folder);
    mkdirSync(this.work);
  }

  /** Puts the model in its place, once it is on the disk, and removes the model that was there. */
  publish(): void {
    syncFiles(this.folder);
    const old = join(this.#root, 'old');
    if (existsSync(this.#output)) renameSync(this.#output, old);
    try {
      renameSync(this.folder, this.#output);
    } catch (error) {
      if (existsSync(old)) renameSync(old, this.#output);
      throw error;
    }
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}

/**
/**
 * Returns the error to report. It is OUTPUT_UNWRITABLE with the path of the output where the file system takes no more:
 * the file that did not fit may be a work file that the operator has never named.
 */
export function importFailure(error: unknown, output: string): unknown {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return REFUSALS.includes(code ?? '') ? unwritable(output, error) : error;
}

const REFUSALS: readonly string[] = ['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'EIO', 'EACCES', 'EPERM'];

/**
 * Throws unless a model may be written to the folder. `force` replaces a model or an empty folder, and never anything
 * else.
 */
export function checkOutput(output: string, { source, force }: { source: string; force: boolean }): void {
  const path = resolve(output);
  if (path === source || source.startsWith(`${path}/`)) {
    throw SiftlineError.usage('OUTPUT_IS_SOURCE', `${output}: is the model that is imported; give another --output`);
  }
  if (!existsSync(path)) return;
  const names = readdirSync(path);
  if (names.length === 0) return;
  if (!names.includes('siftline.json')) {
    throw SiftlineError.usage('OUTPUT_EXISTS', `${output}: exists and is not an imported model; give another --output`);
  }
  if (!force)
    throw SiftlineError.usage(
      'OUTPUT_EXISTS',
      `${output}: exists already; give --force to replace it, or another --output`,
    );
}
