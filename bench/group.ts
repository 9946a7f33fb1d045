import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Kafka } from 'kafkajs';
import pino from 'pino';
import { clientOf, createTopics, until } from '../faults/client.js';
import { Member } from '../faults/members.js';
import { headerOf } from '../faults/outputs.js';
import { readCommitted } from '../faults/reader.js';
import { loadKafkajs } from '../src/kafka/patches/index.js';
import { packageFile } from '../src/package.js';
import { IdempotentProducer } from '../src/producer/idempotent-producer.js';

/** The number of partitions: four instances of one group have two each. */
export const PARTITIONS = 8;
const TICK_MS = 20;
const LIMIT_MS = 240_000;

export interface GroupOptions {
  readonly name: string;
  readonly brokers: string;
  readonly model: string;
  /** Fields of the configuration, in addition to the usual ones. */
  readonly set: Readonly<Record<string, string>>;
}

/** A label as the broker stores it. */
export interface StoredLabel {
  /** The id of the input record: topic, partition and offset. */
  readonly id: string;
  readonly partition: number;
  /** The time at which the broker stored it, by the broker's clock, in milliseconds. */
  readonly at: number;
}

/** The instances of one consumer group, the feed of their input, and the labels that they have stored. */
export class Group {
  readonly members: Member[] = [];
  readonly #options: GroupOptions;
  readonly #kafka: Kafka;
  readonly #admin: Admin;
  readonly #producer: IdempotentProducer;
  readonly #texts: readonly string[];
  #fed = 0;
  #feeding: { on: boolean; done: Promise<void> } = { on: false, done: Promise.resolve() };

  private constructor(options: GroupOptions, kafka: Kafka) {
    this.#options = options;
    this.#kafka = kafka;
    this.#admin = kafka.admin();
    const compression = loadKafkajs().CompressionTypes.None;
    const log = pino({ level: 'silent' });
    // The producer is idempotent: a send that is repeated must not be in the topic twice, since the ids of the labels
    // are counted.
    this.#producer = new IdempotentProducer({ kafka, compression, requestTimeoutMs: 10_000, log });
    this.#texts = readFileSync(packageFile('examples/demo/texts.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map(line => (JSON.parse(line) as { text: string }).text);
  }

  static async open(options: GroupOptions): Promise<Group> {
    const kafka = clientOf(options.brokers, 'siftline-bench');
    const group = new Group(options, kafka);
    const topics = ['texts', 'labels', 'rejected', 'metrics'].map(kind => group.#topic(kind));
    await createTopics(
      kafka,
      topics.map(topic => ({ topic, numPartitions: PARTITIONS, replicationFactor: 1 })),
    );
    await group.#admin.connect();
    await group.#stampOnArrival();
    return group;
  }

  /** Returns the number of records written so far. */
  get fed(): number {
    return this.#fed;
  }

  start(): Member {
    const { brokers, model, name, set } = this.#options;
    const fields = {
      'kafka.brokers': brokers,
      'input.topics': this.#topic('texts'),
      'input.group': name,
      'output.labelsTopic': this.#topic('labels'),
      'output.rejectedTopic': this.#topic('rejected'),
      'output.metricsTopic': this.#topic('metrics'),
      'metrics.port': '0',
      // The cache is off: texts are repeated, and only computed answers are measured.
      'cache.maxBytes': '0',
      ...set,
    };
    const sets = Object.entries(fields).flatMap(([field, value]) => ['--set', `${field}=${value}`]);
    const args = ['dist/main.js', 'run', '--model', model, ...sets];
    const member = Member.start({ name: `${name}-${this.members.length}`, args });
    this.members.push(member);
    return member;
  }

  /** Waits until the running instances share the partitions equally. */
  async shared(): Promise<void> {
    const running = this.members.filter(each => each.running);
    const due = PARTITIONS / running.length;
    const isSo = async () => {
      const held = await Promise.all(running.map(each => seriesOf(each, 'siftline_assigned_partitions')));
      return held.every(count => count === due);
    };
    if (!(await until(isSo, LIMIT_MS, 100))) throw new Error(`no ${due} partitions each after ${LIMIT_MS / 1000} s`);
  }

  /** Writes this many records, equally many to each partition. */
  async write(count: number): Promise<void> {
    const messages = Array.from({ length: count }, (_, i) => {
      const id = this.#fed + i;
      const value = Buffer.from(JSON.stringify({ id, text: this.#texts[id % this.#texts.length] }));
      return { partition: id % PARTITIONS, message: { key: null, value } };
    });
    this.#fed += count;
    const partitions = [...new Set(messages.map(({ partition }) => partition))];
    await Promise.all(
      partitions.map(partition => {
        const own = messages.filter(each => each.partition === partition).map(({ message }) => message);
        return this.#producer.send({ topic: this.#topic('texts'), partition }, own);
      }),
    );
  }

  /** Writes this many records a second from now on. */
  feed(perSecond: number): void {
    const feeding = { on: true, done: Promise.resolve() };
    const run = async () => {
      for (let last = performance.now(), due = 0; feeding.on; await sleep(TICK_MS)) {
        const now = performance.now();
        due += ((now - last) / 1_000) * perSecond;
        last = now;
        await this.write(Math.floor(due));
        due -= Math.floor(due);
      }
    };
    feeding.done = run();
    this.#feeding = feeding;
  }

  /** Waits until every record that was written is committed. */
  async drained(): Promise<void> {
    this.#feeding.on = false;
    await this.#feeding.done;
    const isSo = async () => {
      const [found] = await this.#admin.fetchOffsets({ groupId: this.#options.name, topics: [this.#topic('texts')] });
      const committed = (found?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
      return committed === this.#fed;
    };
    if (!(await until(isSo, LIMIT_MS, 100))) throw new Error(`not done after ${LIMIT_MS / 1000} s`);
  }

  async labels(): Promise<StoredLabel[]> {
    return readCommitted(this.#kafka, [this.#topic('labels')], record => ({
      id: headerOf(record, 'siftline.id') ?? '',
      partition: record.partition,
      at: Number(record.timestamp),
    }));
  }

  /** Returns the ids that the labels must have, each once. */
  expected(): string[] {
    const topic = this.#topic('texts');
    return Array.from({ length: this.#fed }, (_, i) => `${topic}-${i % PARTITIONS}-${Math.floor(i / PARTITIONS)}`);
  }

  async close(): Promise<void> {
    this.#feeding.on = false;
    await this.#feeding.done.catch(() => {});
    await Promise.all(this.members.map(each => (each.running ? each.end() : each.exited)));
    await Promise.all([this.#admin.disconnect(), this.#producer.close()]);
  }

  #topic(kind: string): string {
    return `${this.#options.name}.${kind}`;
  }

  /**
   * Makes the broker stamp labels with its own time. Labels carry the time of their input, and here all times must come
   * from one clock.
   */
  async #stampOnArrival(): Promise<void> {
    const configEntries = [{ name: 'message.timestamp.type', value: 'LogAppendTime' }];
    const resources = [{ type: loadKafkajs().ConfigResourceTypes.TOPIC, name: this.#topic('labels'), configEntries }];
    await this.#admin.alterConfigs({ validateOnly: false, resources });
  }
}

/** Returns the value of a series in a member's /metrics; 0 before the series exists. */
export async function seriesOf(member: Member, series: string): Promise<number> {
  const line = member.log.find(each => each.includes('"event":"listening"'));
  if (line === undefined) return 0;
  const { port } = JSON.parse(line) as { port: number };
  const page = await fetch(`http://127.0.0.1:${port}/metrics`).then(
    answer => answer.text(),
    () => '',
  );
  const found = page.split('\n').find(each => each.startsWith(`${series} `));
  return Number(found?.slice(series.length + 1) ?? 0);
}
