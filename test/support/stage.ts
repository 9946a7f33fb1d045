import type { Admin } from 'kafkajs';
import { Instance } from './instance.js';
import { sharedBroker, type TestBroker, type TestScope, uniqueName } from './kafka.js';
import { fixtureModel } from './models.js';
import { labelOf, type StageTopics, stageFields } from './outputs.js';

/** Topics and a consumer group of their own, for one stage or several instances of it. */
export interface Stage {
  readonly broker: TestBroker;
  readonly topics: StageTopics;
  readonly group: string;
}

/** Makes the topics of a stage; that of the metrics has one partition, the others so many. */
export async function makeStage(partitions = 1, given?: TestBroker): Promise<Stage> {
  const broker = given ?? (await sharedBroker());
  const input = uniqueName('texts');
  const topics = { input, labels: `${input}.labels`, rejected: `${input}.rejected`, metrics: `${input}.metrics` };
  const { metrics, ...others } = topics;
  await broker.createTopics(...Object.values(others).map(topic => ({ topic, partitions })), { topic: metrics });
  return { broker, topics, group: uniqueName('group') };
}

export interface StartOptions {
  /** Fields of the configuration, over those that name topics and group. */
  readonly set?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}

/** An instance of the stage, on the small model with two tasks. */
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
  /** The shared broker unless given. */
  readonly broker?: TestBroker;
  /** Of every topic but that of the metrics; default 1. */
  readonly partitions?: number;
  /** Fields of the configuration, in every start. */
  readonly set?: Readonly<Record<string, string>>;
}

type Fields = Readonly<Record<string, string>>;

/** Topics and a group of the test's own, and the stages that work on them. Records are told apart by a number, their id. */
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

  /** Records with the ids from `from` up to and without `to`. */
  produce(from: number, to: number, partition = 0): Promise<void> {
    return this.broker.produce(
      this.topics.input,
      range(from, to).map(id => ({ partition, value: JSON.stringify({ id, text: `about food ${id}` }) })),
    );
  }

  /** The ids of what was labelled, by partition in the order it was stored. */
  async labels(): Promise<number[]> {
    return (await this.broker.readAll(this.topics.labels)).map(record => Number(labelOf(record).source.textId));
  }

  /** The committed offset of the input, "-1" for none; undefined while the coordinator does not say. */
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

/** The whole numbers from `from` up to and without `to`. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
