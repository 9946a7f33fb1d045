import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';

/** A folder of shell scripts, by name, that stand for commands; gone after the test. */
export async function fakeCommands(t: TestContext, scripts: Record<string, string>): Promise<{ folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'fake-commands-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  for (const [name, script] of Object.entries(scripts)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, name), 0o755);
  }
  return { folder };
}

/** Runs with only these commands in the PATH, or with them before all others. */
export async function withCommands<T>(
  t: TestContext,
  scripts: Record<string, string>,
  body: () => Promise<T>,
  { others = false } = {},
): Promise<T> {
  const { folder } = await fakeCommands(t, scripts);
  const path = process.env.PATH;
  process.env.PATH = others ? `${folder}:${path}` : folder;
  try {
    return await body();
  } finally {
    process.env.PATH = path;
  }
}
