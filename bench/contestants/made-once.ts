import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { CommandResult } from '../../src/local-broker/commands.js';

/** A thing that cannot be made on this machine, and the reason. */
export type Missing = { readonly missing: string };

/** The file that is written last: with it the folder is complete, and holds the contents that it names. */
const SEAL = '.installed';

/** Returns a folder beside the broker's jars, for things that are made once per machine. */
export function cacheFolder(name: string): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'siftline', name);
}

/** Fills the folder unless its seal names these contents already. Returns the error, if there is one. */
export async function madeOnce(
  folder: string,
  what: string,
  { saying, make }: { readonly saying: string; make(): Promise<CommandResult> },
): Promise<string | undefined> {
  const seal = join(folder, SEAL);
  if (existsSync(seal) && readFileSync(seal, 'utf8') === what) return undefined;
  console.error(`${saying} ${folder} (once)`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { ok, output } = await make();
  if (!ok) return output.split('\n').at(-1);
  writeFileSync(seal, what);
  return undefined;
}
