import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import type { SourceRecord } from '../../src/ports.js';
import { sharedBroker, type TestBroker, type TestScope, uniqueName } from './kafka.js';
import { type StageTopics, stageFields } from './outputs.js';

const MAIN = resolve('dist/main.js');

interface Given {
  readonly input: { readonly topics: readonly string[]; readonly group: string };
  readonly output: { readonly labelsTopic: string; readonly rejectedTopic: string; readonly metricsTopic: string } & {
    readonly routes?: Readonly<Record<string, string>>;
  };
}

/**
 * A copy of a folder of `examples`, and the commands of its README as they are printed. Topics and groups get a suffix
 * by the environment, which goes before the file, so that the configuration is used as it stands.
 */
export class Example {
  readonly readme: string;
  /** Standard output of the commands that have run, by command line. */
  readonly stdout = new Map<string, string>();
  readonly #broker: TestBroker;
  readonly #folder: string;
  readonly #suffix = uniqueName('');

  private constructor(broker: TestBroker, folder: string) {
    this.#broker = broker;
    this.#folder = folder;
    this.readme = readFileSync(join(folder, 'README.md'), 'utf8');
  }

  static async copy(t: TestScope, name: string): Promise<Example> {
    const folder = mkdtempSync(join(tmpdir(), `siftline-${name}-`));
    t.after(() => rmSync(folder, { recursive: true }));
    cpSync(join('examples', name), folder, { recursive: true });
    return new Example(await sharedBroker(), folder);
  }

  /** Runs the commands in order; each `siftline run` until its labels topic holds as many records as are given. */
  async follow(labels: Readonly<Record<string, number>>): Promise<void> {
    const commands = [...this.readme.matchAll(/^```sh run\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) =>
      block.trimEnd().split('\n'),
    );
    assert.ok(commands.length > 3, this.readme);
    for (const command of commands) await this.#one(command, labels);
  }

  /** The records of a topic that the configurations name. */
  async records(topic: string): Promise<SourceRecord[]> {
    return this.#broker.readAll(this.#unique(topic));
  }

  async #one(command: string, labels: Readonly<Record<string, number>>): Promise<void> {
    const feed = /^kafka-console-producer\.sh --bootstrap-server localhost:9092 --topic (\S+) < (\S+)$/.exec(command);
    if (feed) return this.#feed(feed[1] ?? '', feed[2] ?? '');
    const [program, ...args] = command.split(' ');
    assert.equal(program, 'siftline', command);
    const file = args[args.indexOf('-c') + 1] ?? '';
    const until = args[0] === 'run' ? { topic: this.#topics(file).labels, expect: labels[file] ?? 0 } : undefined;
    this.stdout.set(command, await this.#siftline(args, until));
  }

  /** Sends each line of a file as the value of a record, as Kafka's own console producer does. */
  async #feed(topic: string, file: string): Promise<void> {
    const lines = readFileSync(join(this.#folder, file), 'utf8').trimEnd().split('\n');
    await this.#broker.produce(
      this.#unique(topic),
      lines.map(value => ({ value })),
    );
  }

  async #siftline(args: string[], until?: { topic: string; expect: number }): Promise<string> {
    const env = {
      ...process.env,
      ...(args.includes('-c') ? this.#environment(args[args.indexOf('-c') + 1] ?? '') : {}),
    };
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd: this.#folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 120_000,
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', chunk => {
      stdout += chunk;
    });
    child.stderr.on('data', chunk => {
      stderr += chunk;
    });
    const closed = once(child, 'close');
    try {
      if (until) {
        await this.#broker.readAll(until.topic, { expect: until.expect, timeoutMs: 60_000 });
        child.kill('SIGTERM');
      }
      const [code] = await closed;
      assert.equal(code, 0, `siftline ${args.join(' ')}\n${stdout}\n${stderr}`);
      return stdout;
    } catch (error) {
      throw new Error(`siftline ${args.join(' ')}: ${(error as Error).message}\n${stderr}`, { cause: error });
    } finally {
      child.kill('SIGKILL');
    }
  }

  #environment(file: string): Record<string, string> {
    const fields = {
      ...stageFields(this.#topics(file), this.#unique(this.#given(file).input.group)),
      'metrics.port': '0',
      // A slow machine takes longer over an explanation than a stage would give it.
      'explain.budgetMs': '60000',
    };
    const routes = Object.entries(this.#given(file).output.routes ?? {}).map(
      ([decision, topic]) => [`output.routes.${decision}`, this.#unique(topic)] as const,
    );
    const variables = Object.entries({
      ...fields,
      ...Object.fromEntries(routes),
      'kafka.brokers': this.#broker.bootstrap,
    }).map(([field, value]) => {
      const parts = field.split('.').map(part => part.replace(/[A-Z]/g, capital => `_${capital}`));
      return [`SIFTLINE_${parts.join('__')}`.toUpperCase(), value];
    });
    return Object.fromEntries(variables);
  }

  #topics(file: string): StageTopics {
    const { input, output } = this.#given(file);
    return {
      input: input.topics.map(topic => this.#unique(topic)).join(','),
      labels: this.#unique(output.labelsTopic),
      rejected: this.#unique(output.rejectedTopic),
      metrics: this.#unique(output.metricsTopic),
    };
  }

  #given(file: string): Given {
    return parse(readFileSync(join(this.#folder, file), 'utf8')) as Given;
  }

  #unique(name: string): string {
    return `${name}${this.#suffix}`;
  }
}
