import { Instance } from './instance.js';
import { sharedBroker, type TestBroker, type TestScope, uniqueName } from './kafka.js';
import { fixtureModel } from './models.js';
import { type StageTopics, stageFields } from './outputs.js';

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
