import { execFile, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

export interface CommandResult {
  /** False if the command is not installed, failed or ran into the time limit. */
  readonly ok: boolean;
  /** The output: standard output, then standard error. */
  readonly output: string;
}

/** Runs a command to its end and never throws: the result tells whether it failed. */
export function run(command: string, args: readonly string[], timeoutMs = 15_000): Promise<CommandResult> {
  const limits = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 16 * 1024 * 1024 } as const;
  return new Promise(resolve => {
    execFile(command, args, limits, (error, stdout, stderr) => {
      resolve({ ok: error === null, output: `${stdout}${stderr}`.trim() || (error?.message ?? '') });
    });
  });
}

/**
 * Runs a line of shell once this process is gone, even by SIGKILL: a shell waits on a pipe that closes with this
 * process. `args` are $0, $1, ... of the line. Returns a function that cancels it. On Windows, which has no such shell,
 * it does nothing.
 */
export function whenWeAreGone(line: string, args: readonly string[]): () => void {
  const shell = spawn('sh', ['-c', `read -r forever; ${line}`, ...args], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true, // out of reach of the Ctrl-C that ends us
  });
  shell.on('error', () => {});
  shell.stdin.on('error', () => {});
  shell.unref();
  (shell.stdin as Writable & { unref?: () => void }).unref?.();
  return () => {
    shell.kill('SIGKILL');
  };
}
