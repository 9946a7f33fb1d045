import { execFile } from 'node:child_process';

export interface CommandResult {
  /** False when the command is not installed, failed or ran into the time limit. */
  readonly ok: boolean;
  /** What it wrote: standard output, then standard error. */
  readonly output: string;
}

/** Runs a command to its end and never throws: what went wrong is in the result. */
export function run(command: string, args: readonly string[], timeoutMs = 15_000): Promise<CommandResult> {
  const limits = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 16 * 1024 * 1024 } as const;
  return new Promise(resolve => {
    execFile(command, args, limits, (error, stdout, stderr) => {
      resolve({ ok: error === null, output: `${stdout}${stderr}`.trim() || (error?.message ?? '') });
    });
  });
}
