import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

/**
 * Runs a line of shell once this process is gone, even by SIGKILL: a shell waits on a pipe that ends with us.
 * `args` are $0, $1, ... of the line. Returns how to call it off. On Windows, without a shell, it does nothing.
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
