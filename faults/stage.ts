import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Kafka } from 'kafkajs';
import type { FailPoint } from '../src/failpoints.js';
import { clientOf, createTopics, until } from './client.js';
import type { Cluster } from './cluster.js';
import { failPointEnv } from './fail-points.js';
import { Feed, MOST_VALUE_BYTES, PARTITIONS } from './feed.js';
import { Feeder } from './feeder.js';
import { type GoldenText, MODEL } from './golden.js';
import { type Judging, judge, type Logs, logsOf, SIFTLINE } from './judge.js';
import { Member } from './members.js';
import type { Random } from './random.js';
import type { Promised, Result } from './result.js';
import { Tail } from './tail.js';

export interface StageOptions {
  readonly name: string;
  readonly promise: Promised;
  readonly cluster: Cluster;
  /** The brokers' addresses that the members get. */
  readonly brokers: string;
  readonly random: Random;
  readonly texts: readonly GoldenText[];
  /** The rate of the feed, in records a second. */
  readonly rate: number;
  /** The functions that judge the outputs; the records of the control differ from siftline's. */
  readonly judging?: Judging;
}

export interface MemberStart {
  readonly env?: Record<string, string>;
  /** Fields of the configuration that differ from those of the other members. */
  readonly set?: Record<string, string> | undefined;
  /** The main file of siftline, for a member of another version. */
  readonly program?: string | undefined;
}

/** The evidence of a stage, for people who look into a breach. */
export interface Evidence extends Logs {
  readonly members: readonly Member[];
}

export const SESSION_MS = 5_000;
export const ZOMBIE_MS = SESSION_MS + 2_500;
/** The most records that wait while faults go on: the feed stops for a slow machine at this number. */
const MOST_BACKLOG = 2_000;
/** The limits at the end: the longest time without a result, and the longest time in total. */
const STILL_LIMIT_MS = 60_000;
const FINISH_LIMIT_MS = 300_000;
/** The limit for a member to come to the place of its work where it is hurt. */
export const REACHED_MS = 30_000;

/** One run: topics, a feed into the first, members that read it, and a reader at the end. */
export class Stage {
  readonly name: string;
  readonly promise: Promised;
  readonly random: Random;
  readonly feeder: Feeder;
  readonly tail: Tail;
  readonly members: Member[] = [];
  readonly notes: string[] = [];
  readonly #options: StageOptions;
  readonly #kafka: Kafka;
  readonly #faults: number[] = [];
  /** The folder of the members' crash journals, for this run alone. */
  readonly #crashFolder = mkdtempSync(join(tmpdir(), 'siftline-faults-crash-'));
  readonly #started = performance.now();

  private constructor(options: StageOptions, { kafka, tail }: { kafka: Kafka; tail: Tail }) {
    this.#options = options;
    this.#kafka = kafka;
    this.name = options.name;
    this.promise = options.promise;
    this.random = options.random.fork('faults');
    this.tail = tail;
    const feed = new Feed(options.texts, options.random.fork('feed'));
    this.feeder = new Feeder(kafka, this.topic('in'), {
      feed,
      rate: options.rate,
      behind: () => this.progress.due - this.progress.seen > MOST_BACKLOG,
    });
  }

  static async open(options: StageOptions): Promise<Stage> {
    const kafka = clientOf(options.cluster.bootstrap);
    const topics = ['in', 'labels', 'rejected', 'metrics'].map(kind => ({
      topic: `${options.name}.${kind}`,
      numPartitions: kind === 'metrics' ? 1 : PARTITIONS,
      replicationFactor: options.cluster.replication,
    }));
    await createTopics(kafka, topics);
    const tail = await Tail.open(clientOf(options.cluster.bootstrap), [
      `${options.name}.labels`,
      `${options.name}.rejected`,
    ]);
    return new Stage(options, { kafka, tail });
  }

  topic(kind: 'in' | 'labels' | 'rejected' | 'metrics'): string {
    return `${this.name}.${kind}`;
  }

  get brokers(): string {
    return this.#options.brokers;
  }

  /** Returns the number of records fed that must have a result, and the number of results seen so far. */
  get progress(): { due: number; seen: number } {
    return { due: this.feeder.due, seen: this.tail.ids.size };
  }

  get faults(): number {
    return this.#faults.length;
  }

  /** Starts a siftline process as a user would run it. */
  start({ env = {}, set = {}, program = 'dist/main.js' }: MemberStart = {}): Member {
    const fields = {
      'kafka.brokers': this.brokers,
      'kafka.requestTimeoutMs': '5000',
      'input.topics': this.topic('in'),
      'input.group': this.name,
      'input.sessionTimeoutMs': String(SESSION_MS),
      'input.heartbeatIntervalMs': '500',
      'input.rebalanceTimeoutMs': '20000',
      'input.maxValueBytes': String(MOST_VALUE_BYTES),
      'output.labelsTopic': this.topic('labels'),
      'output.rejectedTopic': this.topic('rejected'),
      'output.metricsTopic': this.topic('metrics'),
      delivery: this.promise,
      'workers.count': '1',
      'workers.batchRecords': '32',
      'workers.crashFolder': this.#crashFolder,
      // A process that is killed from outside looks like one that a record has killed, and here processes are killed
      // all the time.
      'workers.crashes': '100',
      // The cache is off: the texts repeat, and the faults have to hit inference.
      'cache.maxBytes': '0',
      'metrics.port': '0',
      'metrics.windowSeconds': '2',
      'metrics.host': '127.0.0.1',
      ...set,
    };
    const sets = Object.entries(fields).flatMap(([field, value]) => ['--set', `${field}=${value}`]);
    return this.run([program, 'run', '--model', MODEL, ...sets], env);
  }

  /** Starts any process as a member. */
  run(args: readonly string[], env: Record<string, string> = {}): Member {
    const member = Member.start({ name: `${this.name}-${this.members.length}`, args, env });
    this.members.push(member);
    return member;
  }

  /**
   * Starts a member that kills itself at a place of its work, and waits for that. Kills it anyway if it does not come
   * there.
   */
  async dies(point: FailPoint, { program, set }: Omit<MemberStart, 'env'> = {}): Promise<void> {
    const at = this.random.between(1, 8);
    const module = program ? new URL('failpoints.js', pathToFileURL(program)) : 'dist';
    const member = this.start({ program, set, env: failPointEnv(`${point}=kill@${at}`, module) });
    if (!(await until(() => !member.running, REACHED_MS))) {
      this.notes.push(`${point}@${at} was not reached, killed anyway`);
      member.signal('SIGKILL');
      await member.exited;
    }
    this.fault();
  }

  /** Notes that the members or their brokers are hurt now. */
  fault(): void {
    this.#faults.push(Date.now());
  }

  /** Waits for some more results, as a sign that work goes on. */
  async moves(results = 20, limitMs = 60_000): Promise<boolean> {
    const from = this.tail.ids.size;
    return until(() => this.tail.ids.size >= from + results, limitMs);
  }

  /** Ends faults and feed: waits for every result, ends the members and judges the outputs. */
  async finish(scenario: { name: string; fault: string }): Promise<Result> {
    const healed = Date.now();
    await this.feeder.stop();
    if (!this.members.some(each => each.running && !each.stopped)) this.start();
    if (!(await this.#done())) this.notes.push(`not finished: ${this.progress.seen} of ${this.progress.due} results`);
    const processExits = await this.#end();
    const judgement = await judge({
      kafka: this.#kafka,
      stage: this.name,
      fed: this.feeder.fed,
      ...(this.#options.judging ?? SIFTLINE),
    });
    return {
      scenario: scenario.name,
      fault: scenario.fault,
      promise: this.promise,
      faults: this.#faults.length,
      ...judgement,
      processExits,
      recoveryMs: this.#recoveries(healed),
      seconds: (performance.now() - this.#started) / 1_000,
      notes: this.notes,
    };
  }

  async evidence(): Promise<Evidence> {
    return { ...(await logsOf(this.#kafka, this.name)), members: this.members };
  }

  async close(): Promise<void> {
    for (const member of this.members) if (member.running) member.signal('SIGKILL');
    await Promise.all([this.feeder.close(), this.tail.close()]);
    rmSync(this.#crashFolder, { recursive: true, force: true });
  }

  /** Waits for the last result as long as new ones come. */
  async #done(): Promise<boolean> {
    const end = Date.now() + FINISH_LIMIT_MS;
    const { seen, due } = { seen: () => this.progress.seen, due: this.progress.due };
    while (seen() < due && Date.now() < end) {
      if (!(await this.moves(1, STILL_LIMIT_MS))) break;
    }
    return seen() >= due;
  }

  /** Ends the members that still run. Returns the number of processes that ended without being asked to, or badly. */
  async #end(): Promise<number> {
    const exits = await Promise.all(
      this.members.map(async member => {
        const wasRunning = member.running;
        const { code, signal } = wasRunning ? await member.end() : await member.exited;
        const well = signal === 'SIGKILL' ? !wasRunning : member.asked && code === 0;
        if (!well) this.notes.push(`${member.name} ended with ${code ?? signal}`);
        return well;
      }),
    );
    return exits.filter(well => !well).length;
  }

  /** Returns the recovery from each fault, up to the next fault or the end of the feed. */
  #recoveries(healed: number): number[] {
    return this.#faults.flatMap(
      (at, i) => this.tail.recovery(at, this.#faults[i + 1] ?? healed + FINISH_LIMIT_MS) ?? [],
    );
  }
}
