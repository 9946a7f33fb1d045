import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { freePorts } from '../../src/local-broker/free-ports.js';
import { eventually, type TestScope } from './kafka.js';

export interface PrometheusOptions {
  /** The address to scrape, as host:port; its job is siftline. */
  readonly target: string;
  readonly rules: string;
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

export interface RuleState {
  readonly name: string;
  readonly health: 'ok' | 'err' | 'unknown';
  readonly lastError?: string;
  /** The state of an alert. */
  readonly state?: 'inactive' | 'pending' | 'firing';
}

const INTERVAL = '1s';

/** A real Prometheus for this machine only, which scrapes and evaluates every second. It ends with the test. */
export class Prometheus {
  readonly #url: string;
  readonly #child: ChildProcess;
  #said = '';

  private constructor(url: string, child: ChildProcess) {
    this.#url = url;
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', text => {
      this.#said += text;
    });
  }

  static async start(t: TestScope, { target, rules }: PrometheusOptions): Promise<Prometheus> {
    const folder = mkdtempSync(join(tmpdir(), 'siftline-prometheus-'));
    const config = join(folder, 'prometheus.yml');
    writeFileSync(
      config,
      stringify({
        global: { scrape_interval: INTERVAL, evaluation_interval: INTERVAL, scrape_timeout: INTERVAL },
        rule_files: [resolve(rules)],
        scrape_configs: [{ job_name: 'siftline', static_configs: [{ targets: [target] }] }],
      }),
    );
    const [port] = await freePorts(1);
    const args = [
      `--config.file=${config}`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    const child = spawn('prometheus', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const closed = once(child, 'close');
    t.after(async () => {
      child.kill('SIGKILL');
      await closed;
      rmSync(folder, { recursive: true, force: true });
    });
    const prometheus = new Prometheus(`http://127.0.0.1:${port}`, child);
    await eventually('Prometheus is ready', () => prometheus.#isReady());
    return prometheus;
  }

  /** Returns the present samples of an expression; throws with the message of Prometheus for a wrong one. */
  async query(expression: string): Promise<Sample[]> {
    const { result } = await this.#get<{ result: Sample[] }>(`query?query=${encodeURIComponent(expression)}`);
    return result;
  }

  async rules(): Promise<RuleState[]> {
    const { groups } = await this.#get<{ groups: Array<{ rules: RuleState[] }> }>('rules');
    return groups.flatMap(group => group.rules);
  }

  async #get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.#url}/api/v1/${path}`);
    const answer = (await response.json()) as { status: string; error?: string; data: T };
    if (answer.status !== 'success') throw new Error(`${decodeURIComponent(path)}: ${answer.error}`);
    return answer.data;
  }

  async #isReady(): Promise<boolean> {
    if (this.#child.exitCode !== null) throw new Error(`Prometheus ended:\n${this.#said}`);
    const response = await fetch(`${this.#url}/-/ready`).catch(() => undefined);
    await response?.body?.cancel();
    return response?.ok ?? false;
  }
}
