import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { startBroker } from '../src/demo/broker.js';
import type { Broker } from '../src/demo/broker-types.js';
import { loadKafkajs } from '../src/kafka/patches.js';
import type { BenchArgs } from './args.js';

export interface StreamRound {
  readonly textsPerSecond: number;
  /** Largest resident set of the siftline process, MB. */
  readonly peakRssMb: number;
  /** CPU seconds of the siftline process (all threads) per 1,000 texts, its start included. */
  readonly cpuPerThousand: number;
  readonly paddingShare: number;
}

export type Delivery = 'at-least-once' | 'exactly-once';

/** Asking costs the process that is measured: rarely at first, closely towards the end. */
const POLL_MS = { first: 500, last: 20 };
const NEAR_THE_END = 0.9;

/**
 * Texts/s of `siftline run` through a real broker: a backlog is written first, then a process is started, and the clock
 * runs from its joining the group to the last outcome being stored. The broker shares the machine.
 */
export class Stream {
  readonly #args: BenchArgs;
  readonly #broker: Broker;
  readonly #texts: readonly string[];
  #round = 0;

  private constructor(args: BenchArgs, broker: Broker, texts: readonly string[]) {
    this.#args = args;
    this.#broker = broker;
    this.#texts = texts;
  }

  static async open(args: BenchArgs, texts: readonly string[]): Promise<Stream> {
    const { KAFKA_BROKERS: given, JAVA_HOME: javaHome } = process.env;
    const broker = await startBroker({ log: line => console.error(line), given, javaHome });
    return new Stream(args, broker, texts);
  }

  get how(): Broker['how'] {
    return this.#broker.how;
  }

  async measure(delivery: Delivery): Promise<StreamRound> {
    const name = `bench-${process.pid}-${this.#round++}`;
    await this.#fill(name);
    const child = this.#start(name, delivery);
    try {
      return await this.#watch(child);
    } finally {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  }

  async close(): Promise<void> {
    await this.#broker.stop();
  }

  async #fill(name: string): Promise<void> {
    const { Kafka, logLevel } = loadKafkajs();
    const kafka = new Kafka({ brokers: this.#broker.bootstrap.split(','), logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    const producer = kafka.producer();
    await Promise.all([admin.connect(), producer.connect()]);
    const topics = ['texts', 'labels', 'rejected', 'metrics'].map(kind => ({
      topic: `${name}.${kind}`,
      numPartitions: 4,
    }));
    await admin.createTopics({ topics, waitForLeaders: false });
    await new Promise(resolve => setTimeout(resolve, 1_000));
    for (let i = 0; i < this.#texts.length; i += 500) {
      const messages = this.#texts
        .slice(i, i + 500)
        .map((text, at) => ({ value: JSON.stringify({ id: i + at, text }) }));
      await Promise.all(
        [0, 1, 2, 3].map(partition =>
          producer.send({
            topic: `${name}.texts`,
            messages: messages.filter((_, at) => at % 4 === partition).map(message => ({ ...message, partition })),
          }),
        ),
      );
    }
    await Promise.all([admin.disconnect(), producer.disconnect()]);
  }

  #start(name: string, delivery: Delivery): ChildProcess {
    const { model, threads } = this.#args;
    const fields = {
      delivery,
      'kafka.brokers': this.#broker.bootstrap,
      'input.topics': `${name}.texts`,
      'input.group': name,
      'output.labelsTopic': `${name}.labels`,
      'output.rejectedTopic': `${name}.rejected`,
      'output.metricsTopic': `${name}.metrics`,
      'metrics.port': '0',
      // Texts are repeated up to the count: only what is computed is to be measured.
      'cache.maxBytes': '0',
    };
    const sets = Object.entries(fields).flatMap(([field, value]) => ['--set', `${field}=${value}`]);
    const args = ['dist/main.js', 'run', '--model', model, '--workers', String(threads), ...sets];
    return spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  }

  async #watch(child: ChildProcess): Promise<StreamRound> {
    const lines = createInterface({ input: child.stderr ?? process.stdin });
    let url = '';
    for await (const line of lines) {
      const { event, port } = JSON.parse(line) as { event?: string; port?: number };
      if (event === 'listening') url = `http://127.0.0.1:${port}/metrics`;
      if (event === 'assigned') break;
    }
    child.stderr?.resume();
    const started = performance.now();
    for (;;) {
      const metrics = await (await fetch(url)).text();
      const share = seriesOf(metrics, 'siftline_records_total{outcome="labelled",reason=""}') / this.#texts.length;
      if (share >= 1) {
        return this.#result(child, { metrics, seconds: (performance.now() - started) / 1000 });
      }
      await new Promise(resolve => setTimeout(resolve, share < NEAR_THE_END ? POLL_MS.first : POLL_MS.last));
    }
  }

  #result(child: ChildProcess, { metrics, seconds }: { metrics: string; seconds: number }): StreamRound {
    const tokens = seriesOf(metrics, 'siftline_tokens_total{kind="text"}');
    const padding = seriesOf(metrics, 'siftline_tokens_total{kind="padding"}');
    return {
      textsPerSecond: this.#texts.length / seconds,
      peakRssMb: peakRssMb(child.pid),
      cpuPerThousand: (seriesOf(metrics, 'process_cpu_seconds_total') / this.#texts.length) * 1_000,
      paddingShare: padding / (tokens + padding),
    };
  }
}

function seriesOf(metrics: string, series: string): number {
  const line = metrics.split('\n').find(each => each.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? 0);
}

/** Linux keeps the high-water mark of the resident set; elsewhere 0. */
function peakRssMb(pid: number | undefined): number {
  try {
    const kb = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kb ?? 0) / 1024;
  } catch {
    return 0;
  }
}
