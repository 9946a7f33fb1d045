import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** The client; one that can BuildKit. Where the first in PATH cannot, DOCKER names another. */
const CLIENT = process.env.DOCKER || 'docker';

export interface DockerResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface DockerOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
}

/** One command of the Docker client, to its end; killed after a minute unless it is given longer. */
export async function docker(args: readonly string[], options: DockerOptions = {}): Promise<DockerResult> {
  const { input = '', timeoutMs = 60_000 } = options;
  const child = spawn(CLIENT, args, { env: { ...process.env, DOCKER_BUILDKIT: '1' }, timeout: timeoutMs });
  child.stdin.on('error', () => {}); // it may end without having read everything
  child.stdin.end(input);
  const closed = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await closed) as [number | null];
  return { code, stdout, stderr };
}

/** Standard output of a command that must succeed. */
export async function dockerOk(args: readonly string[], options?: DockerOptions): Promise<string> {
  const { code, stdout, stderr } = await docker(args, options);
  if (code !== 0) throw new Error(`docker ${args.join(' ')} ended with ${code}:\n${stderr.slice(-4000)}`);
  return stdout.trim();
}
