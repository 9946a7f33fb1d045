import type { Config } from '../../config/schema.js';
import { SiftlineError } from '../../errors.js';
import type { KafkaAdmin, TopicState } from '../../kafka/admin.js';
import { type Difference, differences, recommended, type TopicRole, type TopicSetting } from './topic-settings.js';

/** The part of KafkaAdmin that planning needs. */
export type PlanAdmin = Pick<KafkaAdmin, 'topics' | 'settings' | 'brokerCount'>;

export interface PlannedTopic {
  readonly topic: string;
  readonly role: TopicRole;
  readonly partitions: number;
  readonly replicationFactor: number;
}

/** A topic that is there; it is never changed. */
export interface ExistingTopic extends PlannedTopic {
  readonly state: 'exists';
  readonly leaderless: number;
  /** Its settings; undefined when this user may not see them. */
  readonly actual: ReadonlyMap<string, string> | undefined;
  readonly differences: readonly Difference[];
}

export interface MissingTopic extends PlannedTopic {
  readonly state: 'missing';
  readonly settings: readonly TopicSetting[];
}

export type Topic = ExistingTopic | MissingTopic;

export interface PlanOptions {
  readonly partitions?: number | undefined;
  readonly replicationFactor?: number | undefined;
  /** Input topics that are missing are planned too; otherwise they are an error. */
  readonly withInput?: boolean | undefined;
  /** Topics that are left out. */
  readonly without?: ReadonlySet<string> | undefined;
}

/** Partitions of an input topic nobody said anything about: a number with many divisors. */
const INPUT_PARTITIONS = 12;

/** The topics a stage reads and writes, in that order, with their roles. */
export function stageTopics({ input, output, metrics }: Config): Array<{ topic: string; role: TopicRole }> {
  return [
    ...input.topics.map(topic => ({ topic, role: 'input' as const })),
    { topic: output.labelsTopic, role: 'labels' },
    { topic: output.rejectedTopic, role: 'rejected' },
    ...(metrics.windowSeconds > 0 ? [{ topic: output.metricsTopic, role: 'metrics' as const }] : []),
  ];
}

/** Tells which topics are there, which are missing, and how to create those. Throws TOPIC_MISSING, TOPIC_REPLICATION. */
export async function planTopics(admin: PlanAdmin, config: Config, options: PlanOptions): Promise<Topic[]> {
  const wanted = stageTopics(config).filter(({ topic }) => !options.without?.has(topic));
  const states = await admin.topics(wanted.map(({ topic }) => topic));
  if (!options.withInput) requireInputs(config, states);
  const replicationFactor = chosenReplication(await admin.brokerCount(), options);
  const partitions = options.partitions ?? largestInput(config, states) ?? INPUT_PARTITIONS;
  return Promise.all(
    wanted.map(({ topic, role }): Promise<Topic> | Topic => {
      const state = states.get(topic);
      const planned = { topic, role, partitions: role === 'metrics' ? 1 : partitions, replicationFactor };
      if (state) return compare({ admin, config }, planned, state);
      return { ...planned, state: 'missing', settings: recommended({ ...planned, output: config.output }) };
    }),
  );
}

async function compare(
  { admin, config: { output } }: { admin: PlanAdmin; config: Config },
  planned: PlannedTopic,
  state: TopicState,
): Promise<ExistingTopic> {
  const { topic, role } = planned;
  const actual = await admin.settings(topic).catch(undefinedIfRefused);
  const { replicationFactor } = state;
  const settings = actual && differences(recommended({ role, replicationFactor, output }), actual);
  return {
    ...planned,
    ...state,
    state: 'exists',
    actual,
    // An input topic is somebody else's.
    differences: role === 'input' ? [] : [...sizeDifferences(planned, state), ...(settings ?? [])],
  };
}

function sizeDifferences(planned: PlannedTopic, state: TopicState): Difference[] {
  const sizes = [
    ['partitions', state.partitions, planned.partitions, `partition numbers are folded (modulo ${state.partitions})`],
    [
      'replication factor',
      state.replicationFactor,
      planned.replicationFactor,
      'a broker that is lost takes records with it',
    ],
  ] as const;
  return sizes.flatMap(([setting, is, least, otherwise]) =>
    is >= least ? [] : [{ setting, value: String(is), recommended: `${least} or more`, otherwise }],
  );
}

/** To see settings takes a right of its own (DescribeConfigs) that the stage does without. */
function undefinedIfRefused(error: unknown): undefined {
  if (isRefusal(error)) return undefined;
  throw error;
}

/** Tells the error of brokers that do not let this user look. */
export function isRefusal(error: unknown): boolean {
  return error instanceof SiftlineError && error.code.endsWith('AUTHORIZATION_FAILED');
}

function largestInput({ input }: Config, states: ReadonlyMap<string, TopicState>): number | undefined {
  const counts = input.topics.flatMap(topic => states.get(topic)?.partitions ?? []);
  return counts.length > 0 ? Math.max(...counts) : undefined;
}

function chosenReplication(brokers: number, { replicationFactor }: PlanOptions): number {
  if (replicationFactor === undefined) return Math.min(3, brokers);
  if (replicationFactor <= brokers) return replicationFactor;
  throw SiftlineError.topic(
    'TOPIC_REPLICATION',
    `--replication-factor ${replicationFactor} needs as many brokers, and ${brokers} ${brokers === 1 ? 'is' : 'are'} alive; give at most ${brokers}, or start more`,
  );
}

function requireInputs({ input }: Config, states: ReadonlyMap<string, TopicState>): void {
  const missing = input.topics.filter(topic => !states.has(topic));
  if (missing.length === 0) return;
  throw SiftlineError.topic(
    'TOPIC_MISSING',
    `input ${missing.length === 1 ? 'topic' : 'topics'} ${missing.join(', ')} not found; correct input.topics, or create them too with --with-input`,
  );
}

/** The part of KafkaAdmin that creating needs. */
export type CreateAdmin = Pick<KafkaAdmin, 'create' | 'awaitLeaders'>;

/** Creates the topics and waits until they can be written. Brokers before Kafka 3.6 get them without its settings. */
export async function createTopics(admin: CreateAdmin, topics: readonly MissingTopic[]): Promise<void> {
  for (const topic of topics) await create(admin, topic);
  await admin.awaitLeaders(topics.map(({ topic }) => topic));
}

async function create(admin: CreateAdmin, topic: MissingTopic): Promise<void> {
  try {
    await admin.create([{ ...topic, config: asConfig(topic.settings) }]);
  } catch (error) {
    const older = topic.settings.filter(({ since36 }) => !since36);
    const refused = error instanceof SiftlineError && error.code === 'TOPIC_INVALID_CONFIG';
    if (!refused || older.length === topic.settings.length) throw error;
    await admin.create([{ ...topic, config: asConfig(older) }]);
  }
}

export function asConfig(settings: readonly TopicSetting[]): Record<string, string> {
  return Object.fromEntries(settings.map(({ name, value }) => [name, value]));
}

/** The same with Kafka's own tools, in one line. Names and values need no quotes: none holds anything but [A-Za-z0-9._-]. */
export function createCommand(
  topic: MissingTopic,
  { bootstrap, login }: { bootstrap: string; login: boolean },
): string {
  const configs = topic.settings.map(({ name, value }) => ` --config ${name}=${value}`).join('');
  const credentials = login ? ' --command-config client.properties' : '';
  const size = `--partitions ${topic.partitions} --replication-factor ${topic.replicationFactor}`;
  return `kafka-topics.sh --bootstrap-server ${bootstrap}${credentials} --create --if-not-exists --topic ${topic.topic} ${size}${configs}`;
}
