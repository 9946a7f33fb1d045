import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';

/** The Docker clients there are: the one DOCKER names, or those in PATH, in its order. */
function clients(): string[] {
  if (process.env.DOCKER) return [process.env.DOCKER];
  const inPath = (process.env.PATH ?? '').split(delimiter).map(folder => join(folder, 'docker'));
  return inPath.filter(file => existsSync(file));
}

/**
 * BuildKit is what the Dockerfile needs. A client from version 23 on has it by its plugin `buildx` alone, older ones carry
 * it themselves.
 */
function hasBuildKit(client: string): boolean {
  const answer = (...args: string[]) => spawnSync(client, args, { encoding: 'utf8', timeout: 20_000 });
  if (answer('buildx', 'version').status === 0) return true;
  const major = /version (\d+)\./.exec(answer('--version').stdout ?? '')?.[1];
  return major !== undefined && Number(major) < 23;
}

let chosen: string | undefined;

/** The first client that has BuildKit; the first of all where none has. Says on stderr which one it took. */
function client(): string {
  if (chosen) return chosen;
  const all = clients();
  const able = all.find(hasBuildKit);
  chosen = able ?? all[0] ?? 'docker';
  const why = able ? 'has BuildKit' : `none of ${all.join(', ') || 'PATH'} has BuildKit: DOCKER names another`;
  process.stderr.write(`docker client: ${chosen} (${why})\n`);
  return chosen;
}

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
  const child = spawn(client(), args, { env: { ...process.env, DOCKER_BUILDKIT: '1' }, timeout: timeoutMs });
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
