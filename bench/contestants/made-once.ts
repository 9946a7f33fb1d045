import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { CommandResult } from '../../src/local-broker/commands.js';

/** What cannot be had on this machine, and why. */
export type Missing = { readonly missing: string };

/** Written last: the folder is whole, and holds what is named in it. */
const SEAL = '.installed';

/** Beside the broker's jars: what contestants need is made once per machine. */
export function cacheFolder(name: string): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'siftline', name);
}

/** Fills the folder unless its seal says that this is there already. Answers what went wrong, if anything. */
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
