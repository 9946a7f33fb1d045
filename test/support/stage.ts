import type { Admin } from 'kafkajs';
import { Instance } from './instance.js';
import { sharedBroker, type TestBroker, type TestScope, uniqueName } from './kafka.js';
import { fixtureModel } from './models.js';
import { labelOf, type StageTopics, stageFields } from './outputs.js';

export interface StageOptions {
  /** The shared broker unless given. */
  readonly broker?: TestBroker;
  /** Of every topic; default 1. */
  readonly partitions?: number;
  /** Fields of the configuration, in every start. */
  readonly set?: Readonly<Record<string, string>>;
}

type Fields = Readonly<Record<string, string>>;

/** Topics and a group of the test's own, and the stages that work on them. Records are told apart by a number, their id. */
export class TestStage {
  readonly broker: TestBroker;
  readonly topics: StageTopics;
  readonly group = uniqueName('group');
  readonly #scope: TestScope;
  readonly #set: Fields;

  private constructor(t: TestScope, broker: TestBroker, set: Fields) {
    const [input, labels, rejected, metrics] = ['texts', 'labels', 'rejected', 'metrics'].map(uniqueName) as [
      string,
      string,
      string,
      string,
    ];
    this.topics = { input, labels, rejected, metrics };
    this.broker = broker;
    this.#scope = t;
    this.#set = set;
  }

  static async create(t: TestScope, options: StageOptions = {}): Promise<TestStage> {
    const { broker = await sharedBroker(), partitions = 1, set = {} } = options;
    const stage = new TestStage(t, broker, set);
    await broker.createTopics(...Object.values(stage.topics).map(topic => ({ topic, partitions })));
    return stage;
  }

  start(set: Fields = {}, env: Fields = {}): Instance {
    return Instance.start(this.#scope, {
      brokers: this.broker.bootstrap,
      model: fixtureModel('bert-two-tasks'),
      set: { ...stageFields(this.topics, this.group), ...this.#set, ...set },
      env,
    });
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
