import { execFile, spawn } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { messageOf } from '../../src/errors.js';

const run = promisify(execFile);
const LIMIT_MS = 4 * 60_000;

/** Everything the tests make is in here, and is deleted with it. */
export const NAMESPACE = 'siftline-kube-test';

/** What kubectl prints; its complaint, when it fails. */
export async function kubectl(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('kubectl', args, { timeout: LIMIT_MS, maxBuffer: 1 << 26 });
  return stdout;
}

/** As `kubectl`; what it wrote, and whether it succeeded. */
export async function tryKubectl(...args: readonly string[]): Promise<{ ok: boolean; output: string }> {
  try {
    const { stdout, stderr } = await run('kubectl', args, { timeout: LIMIT_MS, maxBuffer: 1 << 26 });
    return { ok: true, output: stdout + stderr };
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    return { ok: false, output: `${stdout}${stderr}` || messageOf(error) };
  }
}

/** In the namespace of the tests. */
export function inNamespace(...args: readonly string[]): Promise<string> {
  return kubectl('--namespace', NAMESPACE, ...args);
}

/** A server-side dry run of YAML, warnings taken for errors. */
export function dryRun(yaml: string): Promise<{ ok: boolean; output: string }> {
  return new Promise((resolve, reject) => {
    const args = ['apply', '--dry-run=server', '--warnings-as-errors', '-f', '-'];
    const child = spawn('kubectl', args, { stdio: ['pipe', 'pipe', 'pipe'], timeout: LIMIT_MS });
    let output = '';
    child.stdout.on('data', chunk => (output += chunk));
    child.stderr.on('data', chunk => (output += chunk));
    child.once('error', reject);
    child.once('close', code => resolve({ ok: code === 0, output }));
    child.stdin.end(yaml);
  });
}

/** `group/version kind` of everything the cluster knows. */
export async function knownKinds(): Promise<Set<string>> {
  const lines = (await kubectl('api-resources', '--no-headers')).trim().split('\n');
  return new Set(
    lines.map(line => {
      const [kind = '', , version = ''] = line.trim().split(/\s+/).reverse();
      return `${version} ${kind}`;
    }),
  );
}

/** The address of this machine as pods see it, for a broker that runs here; undefined where it cannot be told. */
export function hostAddress(): string | undefined {
  const { KUBE_HOST_ADDRESS: given } = process.env;
  return given ?? networkInterfaces().kubelab0?.find(({ family }) => family === 'IPv4')?.address;
}

export interface LogLine {
  readonly event?: string;
  readonly time?: string;
  readonly [field: string]: unknown;
}

/** Follows the log of a pod to its end. */
export class PodLog {
  readonly lines: LogLine[] = [];
  readonly ended: Promise<void>;
  #text = '';

  constructor(pod: string) {
    const child = spawn('kubectl', ['--namespace', NAMESPACE, 'logs', '--follow', pod], {
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 2 * LIMIT_MS,
    });
    createInterface({ input: child.stdout }).on('line', line => {
      this.#text += `${line}\n`;
      if (line.startsWith('{')) this.lines.push(JSON.parse(line) as LogLine);
    });
    this.ended = new Promise(resolve => child.once('close', () => resolve()));
  }

  get text(): string {
    return this.#text;
  }

  event(name: string): LogLine | undefined {
    return this.lines.find(({ event }) => event === name);
  }
}
