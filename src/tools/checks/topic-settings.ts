import type { Config } from '../../config/schema.js';

/** The part a topic has in the stage. */
export type TopicRole = 'input' | 'labels' | 'rejected' | 'metrics';

/** A recommended setting of a topic, and what another value leads to. */
export interface TopicSetting {
  readonly name: string;
  readonly value: string;
  /** `least`: more is as good, and -1 is endless; `exactly`: another value is another thing. */
  readonly take: 'exactly' | 'least';
  readonly otherwise: string;
  /** Kafka 3.6 brought it; older brokers refuse a topic that has it. */
  readonly since36?: true;
}

export interface SettingsFor {
  readonly role: TopicRole;
  readonly replicationFactor: number;
  readonly output: Pick<Config['output'], 'sendBytes'>;
}

const DAY_MS = 86_400_000;
const BROKER_DEFAULT_BYTES = 1_048_588;
/** A 64-bit limit: as good as none. */
const NO_LIMIT = '9223372036854775807';

/** Lists the settings to create the topic with, without those that are left to the cluster (retention of labels). */
export function recommended({ role, replicationFactor, output }: SettingsFor): TopicSetting[] {
  const safe = [cleanup, minInsync(replicationFactor)];
  if (role === 'input') return safe;
  const kept = { labels: [], rejected: [retention(14)], metrics: [retention(7)] }[role];
  return [...safe, compression, maxMessageBytes(output.sendBytes), ...kept, ...timestamps];
}

/** A setting of a topic that differs: its name, what it is, what it should be, what follows. */
export interface Difference {
  readonly setting: string;
  readonly value: string;
  readonly recommended: string;
  readonly otherwise: string;
}

/** Settings the brokers do not know are no difference. */
export function differences(settings: readonly TopicSetting[], actual: ReadonlyMap<string, string>): Difference[] {
  return settings.flatMap(({ name, value, take, otherwise }) => {
    const is = actual.get(name);
    if (is === undefined || is === value || (take === 'least' && reaches(is, value))) return [];
    const orMore = take === 'least' ? ' or more' : '';
    return [{ setting: name, value: is, recommended: `${value}${orMore}`, otherwise }];
  });
}

function reaches(actual: string, least: string): boolean {
  return BigInt(actual) === -1n || BigInt(actual) >= BigInt(least);
}

const cleanup: TopicSetting = {
  name: 'cleanup.policy',
  value: 'delete',
  take: 'exactly',
  otherwise: 'with "compact", records without a key are refused and of each key only the last is kept',
};

const compression: TopicSetting = {
  name: 'compression.type',
  value: 'producer',
  take: 'exactly',
  otherwise: 'the brokers compress every batch again',
};

/** With two of three replicas a broker may be away and an acknowledged record is still on two disks. */
function minInsync(replicationFactor: number): TopicSetting {
  return {
    name: 'min.insync.replicas',
    value: replicationFactor >= 3 ? '2' : '1',
    take: 'least',
    otherwise: 'an acknowledged record may be on one broker only, and lost with it',
  };
}

/** A batch holds at most `output.sendBytes`; compression can make what does not compress a little longer. */
function maxMessageBytes(sendBytes: number): TopicSetting {
  const bytes = Math.max(BROKER_DEFAULT_BYTES, Math.ceil(sendBytes * 1.01) + 1024);
  return {
    name: 'max.message.bytes',
    value: String(bytes),
    take: 'least',
    otherwise: 'larger results are rejected, larger rejected records are cut',
  };
}

function retention(days: number): TopicSetting {
  return { name: 'retention.ms', value: String(days * DAY_MS), take: 'least', otherwise: 'records are gone earlier' };
}

/** Results carry the event time of their input, whatever it is; since Kafka 4.0 an hour ahead is refused by default. */
const timestamps: readonly TopicSetting[] = [
  {
    name: 'message.timestamp.type',
    value: 'CreateTime',
    take: 'exactly',
    otherwise: "the input's event time is replaced by the broker's clock",
  },
  ...['before', 'after'].map(
    (side): TopicSetting => ({
      name: `message.timestamp.${side}.max.ms`,
      value: NO_LIMIT,
      take: 'least',
      otherwise: `an event time further ${side === 'before' ? 'back' : 'ahead'} is replaced by the broker's clock`,
      since36: true,
    }),
  ),
];
