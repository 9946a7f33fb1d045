import type { Config } from '../../config/schema.js';
import { SiftlineError } from '../../errors.js';
import type { KafkaAdmin, TopicState } from '../../kafka/admin.js';
import { routeTopics } from '../../policy/decision-rule.js';
import { type Difference, differences, recommended, type TopicRole, type TopicSetting } from './topic-settings.js';

/** The part of KafkaAdmin that planning needs. */
export type PlanAdmin = Pick<KafkaAdmin, 'topics' | 'settings' | 'brokerCount'>;

export interface PlannedTopic {
  readonly topic: string;
  readonly role: TopicRole;
  readonly partitions: number;
  readonly replicationFactor: number;
}

/** A topic that exists; it is never changed. */
export interface ExistingTopic extends PlannedTopic {
  readonly state: 'exists';
  readonly leaderless: number;
  /** The settings of the topic; undefined if this user may not see them. */
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
  /** True to plan missing input topics too; otherwise they are an error. */
  readonly withInput?: boolean | undefined;
  /** Topics to leave out of the plan. */
  readonly without?: ReadonlySet<string> | undefined;
}

/** The partitions of a new input topic without --partitions: a number with many divisors. */
const INPUT_PARTITIONS = 12;

/** Returns the topics that a stage reads and writes, in that order, with their roles. */
export function stageTopics({ input, output, metrics }: Config): Array<{ topic: string; role: TopicRole }> {
  return [
    ...input.topics.map(topic => ({ topic, role: 'input' as const })),
    { topic: output.labelsTopic, role: 'labels' },
    { topic: output.rejectedTopic, role: 'rejected' },
    ...routeTopics(output.routes).map(topic => ({ topic, role: 'route' as const })),
    ...(metrics.windowSeconds > 0 ? [{ topic: output.metricsTopic, role: 'metrics' as const }] : []),
  ];
}

/**
 * Plans the topics of a stage: the topics that exist, and the missing ones with the settings to create them. Throws
 * TOPIC_MISSING and TOPIC_REPLICATION.
 */
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
    // An input topic belongs to its producers, so its settings are not compared.
    differences: role === 'input' ? [] : [...sizeDifferences(planned, state), ...(settings ?? [])],
  };
}

function sizeDifferences(planned: PlannedTopic, state: TopicState): Difference[] {
  const sizes = [
    [
      'partitions',
      state.partitions,
      planned.partitions,
      `input partitions share output partitions (modulo ${state.partitions})`,
    ],
    ['replication factor', state.replicationFactor, planned.replicationFactor, 'records are lost with a broker'],
  ] as const;
  return sizes.flatMap(([setting, is, least, otherwise]) =>
    is >= least ? [] : [{ setting, value: String(is), recommended: `${least} or more`, otherwise }],
  );
}

/**
 * Treats a refusal as settings that are not known. To see settings needs the permission DescribeConfigs, which the
 * stage itself does not need.
 */
function undefinedIfRefused(error: unknown): undefined {
  if (isRefusal(error)) return undefined;
  throw error;
}

/** Returns true for the error of brokers that do not allow this user to look. */
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
    `--replication-factor ${replicationFactor} needs as many brokers, but ${brokers} ${brokers === 1 ? 'is' : 'are'} up; give at most ${brokers}, or start more brokers`,
  );
}

function requireInputs({ input }: Config, states: ReadonlyMap<string, TopicState>): void {
  const missing = input.topics.filter(topic => !states.has(topic));
  if (missing.length === 0) return;
  throw SiftlineError.topic(
    'TOPIC_MISSING',
    `input ${missing.length === 1 ? 'topic' : 'topics'} ${missing.join(', ')} not found; correct input.topics, or create ${missing.length === 1 ? 'it' : 'them'} with --with-input`,
  );
}

/** The part of KafkaAdmin that creating needs. */
export type CreateAdmin = Pick<KafkaAdmin, 'create' | 'awaitLeaders'>;

/**
 * Creates the topics and waits until they can be written. On brokers before Kafka 3.6 they are created without the
 * settings that Kafka 3.6 brought.
 */
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

/**
 * Returns the command that creates the topic with Kafka's own tools, on one line. Names and values need no quotes,
 * since they hold nothing but [A-Za-z0-9._-].
 */
export function createCommand(
  topic: MissingTopic,
  { bootstrap, login }: { bootstrap: string; login: boolean },
): string {
  const configs = topic.settings.map(({ name, value }) => ` --config ${name}=${value}`).join('');
  const credentials = login ? ' --command-config client.properties' : '';
  const size = `--partitions ${topic.partitions} --replication-factor ${topic.replicationFactor}`;
  return `kafka-topics.sh --bootstrap-server ${bootstrap}${credentials} --create --if-not-exists --topic ${topic.topic} ${size}${configs}`;
}
