import { spawnSync } from 'node:child_process';

/** Why tests that need a program are skipped, or false when it is there. */
export const noPromtool = whyNot('promtool');
export const noPrometheus = whyNot('prometheus');

function whyNot(program: string): string | false {
  return spawnSync(program, ['--version']).error ? `${program} is not installed (Debian: prometheus)` : false;
}

/** Runs promtool; its exit code, and all that it said. */
export function promtool(
  args: readonly string[],
  input = '',
): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync('promtool', [...args], { input, encoding: 'utf8', timeout: 300_000 });
  return { status, said: `${stdout}${stderr}` };
}
