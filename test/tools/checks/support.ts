import { loadConfig } from '../../../src/config/load.js';
import type { Config } from '../../../src/config/schema.js';
import type { TopicState } from '../../../src/kafka/admin.js';
import type { Finding, Status } from '../../../src/observe/finding.js';
import type { Machine } from '../../../src/tools/checks/machine.js';

/** A configuration with these flags, and nothing from outside. */
export function configOf(flags: Readonly<Record<string, string>> = {}): Config {
  return loadConfig({ env: {}, flags }).config;
}

/** `ok`, `warn` and so on of each finding, in order. */
export function statuses(findings: readonly Finding[]): Status[] {
  return findings.map(({ status }) => status);
}

/** A finding as one string, to look for words in. */
export function words({ text, details = [], remedy = '' }: Finding): string {
  return [text, ...details, remedy].join('\n');
}

/** A machine with these files; two cores and 8 GB unless told otherwise. */
export function machine(files: Readonly<Record<string, string>> = {}, over: Partial<Machine> = {}): Machine {
  return { read: path => files[path], cores: 2, memoryBytes: 8_000_000_000, ...over };
}

export interface FakeTopic extends Partial<TopicState> {
  readonly settings?: Readonly<Record<string, string>>;
  /** In place of the settings: what asking for them throws. */
  readonly refuses?: Error;
}

/** A cluster of these topics that answers what planning asks. */
export function fakeCluster(topics: Readonly<Record<string, FakeTopic>>, brokers = 3) {
  const state = (topic: FakeTopic): TopicState => ({ partitions: 1, replicationFactor: 3, leaderless: 0, ...topic });
  return {
    topics: async (names: readonly string[]) =>
      new Map(
        names.flatMap(name => {
          const topic = topics[name];
          return topic ? [[name, state(topic)] as const] : [];
        }),
      ),
    settings: async (name: string) => {
      const topic = topics[name];
      if (topic?.refuses) throw topic.refuses;
      return new Map(Object.entries({ ...AS_RECOMMENDED, ...topic?.settings }));
    },
    brokerCount: async () => brokers,
  };
}

const AS_RECOMMENDED = {
  'cleanup.policy': 'delete',
  'min.insync.replicas': '2',
  'compression.type': 'producer',
  'max.message.bytes': '1048588',
  'retention.ms': '1209600000',
  'message.timestamp.type': 'CreateTime',
  'message.timestamp.before.max.ms': '9223372036854775807',
  'message.timestamp.after.max.ms': '9223372036854775807',
};
