import type { Admin } from 'kafkajs';
import { Instance } from './instance.js';
import { sharedBroker, type TestBroker, type TestScope, uniqueName } from './kafka.js';
import { fixtureModel } from './models.js';
import { labelOf, type StageTopics, stageFields } from './outputs.js';

/** Separate topics and a consumer group, for one stage or several instances of it. */
export interface Stage {
  readonly broker: TestBroker;
  readonly topics: StageTopics;
  readonly group: string;
}

/** Creates the topics of a stage. The metrics topic has one partition, the others have this many. */
export async function makeStage(partitions = 1, given?: TestBroker): Promise<Stage> {
  const broker = given ?? (await sharedBroker());
  const input = uniqueName('texts');
  const topics = { input, labels: `${input}.labels`, rejected: `${input}.rejected`, metrics: `${input}.metrics` };
  const { metrics, ...others } = topics;
  await broker.createTopics(...Object.values(others).map(topic => ({ topic, partitions })), { topic: metrics });
  return { broker, topics, group: uniqueName('group') };
}

export interface StartOptions {
  /** Fields of the configuration, in addition to the fields that name topics and group. */
  readonly set?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts an instance of the stage, on the small model with two tasks. */
export function startStage(t: TestScope, { broker, topics, group }: Stage, options: StartOptions = {}): Instance {
  const { set = {}, env = {} } = options;
  return Instance.start(t, {
    brokers: broker.bootstrap,
    model: fixtureModel('bert-two-tasks'),
    set: { ...stageFields(topics, group), ...set },
    env,
  });
}

export interface StageOptions {
  /** The broker; the shared one by default. */
  readonly broker?: TestBroker;
  /** The partitions of every topic but the metrics topic; 1 by default. */
  readonly partitions?: number;
  /** Fields of the configuration, for every start. */
  readonly set?: Readonly<Record<string, string>>;
}

type Fields = Readonly<Record<string, string>>;

/** Separate topics and a group for one test, and the stages on them. The id of a record is its number. */
export class TestStage implements Stage {
  readonly broker: TestBroker;
  readonly topics: StageTopics;
  readonly group: string;
  readonly #scope: TestScope;
  readonly #set: Fields;

  private constructor(t: TestScope, stage: Stage, set: Fields) {
    this.topics = stage.topics;
    this.broker = stage.broker;
    this.group = stage.group;
    this.#scope = t;
    this.#set = set;
  }

  static async create(t: TestScope, options: StageOptions = {}): Promise<TestStage> {
    const { broker, partitions, set = {} } = options;
    return new TestStage(t, await makeStage(partitions, broker), set);
  }

  start(set: Fields = {}, env: Fields = {}): Instance {
    return startStage(this.#scope, this, { set: { ...this.#set, ...set }, env });
  }

  /** Writes records with the ids from `from` up to, but not including, `to`. */
  produce(from: number, to: number, partition = 0): Promise<void> {
    return this.broker.produce(
      this.topics.input,
      range(from, to).map(id => ({ partition, value: JSON.stringify({ id, text: `about food ${id}` }) })),
    );
  }

  /** Returns the ids of the labelled records, by partition in the order of the topic. */
  async labels(): Promise<number[]> {
    return (await this.broker.readAll(this.topics.labels)).map(record => Number(labelOf(record).source.textId));
  }

  /** Returns the committed offset of the input, "-1" for none; undefined while the coordinator does not answer. */
  committed(partition = 0): Promise<string | undefined> {
    return this.admin(async admin => {
      const asked = admin.fetchOffsets({ groupId: this.group, topics: [this.topics.input] });
      const [found] = await asked.catch(() => []);
      return found?.partitions.find(each => each.partition === partition)?.offset;
    });
  }

  async admin<T>(ask: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = this.broker.kafka().admin();
    await admin.connect();
    try {
      return await ask(admin);
    } finally {
      await admin.disconnect();
    }
  }
}

/** Returns the whole numbers from `from` up to, but not including, `to`. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
