import type { TestScope } from '../support/kafka.js';
import { eventually, uniqueName } from '../support/kafka.js';
import { docker, dockerOk } from './docker.js';
import { IMAGE } from './image.js';

/** What Kubernetes' restricted profile and a limit on memory and CPU come to, in flags of Docker. */
const RESTRICTED = [
  ...['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--pids-limit', '256'],
  ...['--memory', '512m', '--cpus', '1'],
];

/** Kubernetes' default grace period. */
const GRACE_SECONDS = 30;

export interface PodOptions {
  readonly network: string;
  /** Further flags of `docker run`: the user, what may be written to. */
  readonly flags: readonly string[];
  /** Fields of the configuration, as after --set. */
  readonly set: Readonly<Record<string, string>>;
}

/** A container with `siftline run`, run as a pod would be; removed when the test ends. */
export class Pod {
  readonly #name: string;

  private constructor(name: string) {
    this.#name = name;
  }

  static async start(t: TestScope, { network, flags, set }: PodOptions): Promise<Pod> {
    const name = uniqueName('siftline-pod');
    const fields = Object.entries(set).flatMap(([field, value]) => ['--set', `${field}=${value}`]);
    const place = ['-d', '--name', name, '--network', network, '-p', '127.0.0.1::9464'];
    t.after(async () => void (await docker(['rm', '-f', '-v', name])));
    await dockerOk(['run', ...place, ...RESTRICTED, ...flags, IMAGE, 'run', '--brokers', 'kafka:9092', ...fields]);
    return new Pod(name);
  }

  /** Waits until /readyz says yes. */
  async ready(): Promise<void> {
    await eventually(`${this.#name} is ready`, async () => {
      if (!(await this.#state()).Running) throw new Error(`it has ended:\n${(await this.logs()).slice(-4000)}`);
      return (await this.get('/readyz').catch(() => undefined))?.ok ?? false;
    });
  }

  async get(path: string): Promise<Response> {
    const [address = ''] = (await dockerOk(['port', this.#name, '9464/tcp'])).split('\n');
    return fetch(`http://${address}${path}`, { signal: AbortSignal.timeout(5_000) });
  }

  /** What a metric without labels says. */
  async metric(name: string): Promise<number> {
    const text = await (await this.get('/metrics')).text();
    return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
  }

  async logs(): Promise<string> {
    const { stdout, stderr } = await docker(['logs', this.#name]);
    return stdout + stderr;
  }

  /** SIGTERM, and SIGKILL at the end of the grace period; the exit code. */
  async terminate(): Promise<number> {
    await dockerOk(['stop', '-t', String(GRACE_SECONDS), this.#name]);
    return (await this.#state()).ExitCode;
  }

  async kill(): Promise<number> {
    await dockerOk(['kill', this.#name]);
    await dockerOk(['wait', this.#name]);
    return (await this.#state()).ExitCode;
  }

  /** The same container once more, with the volumes it had. */
  async startAgain(): Promise<void> {
    await dockerOk(['start', this.#name]);
  }

  async #state(): Promise<{ readonly Running: boolean; readonly ExitCode: number; readonly OOMKilled: boolean }> {
    const state = JSON.parse(await dockerOk(['inspect', '-f', '{{json .State}}', this.#name]));
    if (state.OOMKilled) throw new Error(`${this.#name} ran out of memory`);
    return state;
  }
}
