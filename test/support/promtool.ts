import { spawnSync } from 'node:child_process';

/** The reason to skip tests that need the program; false if it is installed. */
export const noPromtool = whyNot('promtool');
export const noPrometheus = whyNot('prometheus');

function whyNot(program: string): string | false {
  return spawnSync(program, ['--version']).error ? `${program} is not installed (Debian: prometheus)` : false;
}

/** Runs promtool; returns its exit code and its output. */
export function promtool(
  args: readonly string[],
  input = '',
): { readonly status: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync('promtool', [...args], { input, encoding: 'utf8', timeout: 300_000 });
  return { status, said: `${stdout}${stderr}` };
}
