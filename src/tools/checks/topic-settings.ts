import type { Config } from '../../config/schema.js';

/** The role of a topic in the stage. */
export type TopicRole = 'input' | 'labels' | 'rejected' | 'metrics';

/** A recommended setting of a topic, and the consequence of another value. */
export interface TopicSetting {
  readonly name: string;
  readonly value: string;
  /** `least`: a higher value is as good, and -1 is endless. `exactly`: any other value differs. */
  readonly take: 'exactly' | 'least';
  readonly otherwise: string;
  /** True for a setting that Kafka 3.6 brought; older brokers refuse a topic with it. */
  readonly since36?: true;
}

export interface SettingsFor {
  readonly role: TopicRole;
  readonly replicationFactor: number;
  readonly output: Pick<Config['output'], 'sendBytes'>;
}

const DAY_MS = 86_400_000;
const BROKER_DEFAULT_BYTES = 1_048_588;
/** The largest 64-bit number, which means no limit. */
const NO_LIMIT = '9223372036854775807';

/**
 * Returns the settings to create the topic with. Settings that are left to the cluster (retention of labels) are not
 * among them.
 */
export function recommended({ role, replicationFactor, output }: SettingsFor): TopicSetting[] {
  const safe = [cleanup, minInsync(replicationFactor)];
  if (role === 'input') return safe;
  const kept = { labels: [], rejected: [retention(14)], metrics: [retention(7)] }[role];
  return [...safe, compression, maxMessageBytes(output.sendBytes), ...kept, ...timestamps];
}

/** A setting of a topic that differs: its name, its value, the recommended value, and the consequence. */
export interface Difference {
  readonly setting: string;
  readonly value: string;
  readonly recommended: string;
  readonly otherwise: string;
}

/** Returns the settings that differ. A setting that the brokers do not know is not a difference. */
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

/**
 * Recommends min.insync.replicas: with two of three replicas one broker may be down, and an acknowledged record is
 * still on two disks.
 */
function minInsync(replicationFactor: number): TopicSetting {
  return {
    name: 'min.insync.replicas',
    value: replicationFactor >= 3 ? '2' : '1',
    take: 'least',
    otherwise: 'an acknowledged record may be on one broker only, and lost with it',
  };
}

/**
 * Recommends max.message.bytes: a batch holds at most `output.sendBytes`, and compression can make incompressible data
 * a little longer.
 */
function maxMessageBytes(sendBytes: number): TopicSetting {
  const bytes = Math.max(BROKER_DEFAULT_BYTES, Math.ceil(sendBytes * 1.01) + 1024);
  return {
    name: 'max.message.bytes',
    value: String(bytes),
    take: 'least',
    otherwise: 'larger results are rejected, and larger rejected records are cut',
  };
}

function retention(days: number): TopicSetting {
  return {
    name: 'retention.ms',
    value: String(days * DAY_MS),
    take: 'least',
    otherwise: 'records are deleted earlier',
  };
}

/**
 * Results carry the event time of their input, whatever it is. Since Kafka 4.0, brokers refuse times more than an hour
 * ahead by default.
 */
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
