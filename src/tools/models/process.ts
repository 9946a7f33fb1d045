import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface Ended {
  /** Null when the program could not be started, or was ended by a signal. */
  readonly status: number | null;
  readonly stdout: string;
  /** The last lines, without empty ones. */
  readonly stderr: readonly string[];
}

export interface RunOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly cwd?: string;
  readonly onLine?: (line: string) => void;
}

const KEPT_LINES = 20;

/** Runs a program to its end. Throws only when the signal ends it. */
export async function runProgram(command: string, args: readonly string[], options: RunOptions): Promise<Ended> {
  const { env, signal, cwd, onLine = () => {} } = options;
  signal.throwIfAborted();
  const child = spawn(command, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = () => child.kill('SIGKILL');
  signal.addEventListener('abort', kill);
  const stderr: string[] = [];
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text;
  });
  createInterface({ input: child.stderr }).on('line', line => {
    onLine(line);
    if (line.trim() !== '') stderr.push(line);
    if (stderr.length > KEPT_LINES) stderr.shift();
  });
  try {
    const [status] = (await once(child, 'close')) as [number | null];
    signal.throwIfAborted();
    return { status, stdout, stderr };
  } catch (error) {
    signal.throwIfAborted();
    return { status: null, stdout, stderr: [String((error as Error).message)] };
  } finally {
    signal.removeEventListener('abort', kill);
  }
}
