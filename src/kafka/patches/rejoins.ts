import type { Consumer } from 'kafkajs';
import { messageOf } from '../../errors.js';
import { clusterBehind, require } from './modules.js';

/** Acts before a consumer gives its partitions back. */
export type RejoinHook = () => Promise<void>;

interface Registration {
  readonly hook: RejoinHook;
  readonly limitMs: number | undefined;
  /** Set while the hook runs: the fetchers of several brokers may each start a rejoin. */
  running?: Promise<void> | undefined;
}

interface RejoiningGroup {
  cluster: object;
  generationId: number | null;
  sessionTimeout: number;
  rebalanceTimeout: number;
  logger: { warn(message: string, extra?: object): void };
  heartbeat(options: { interval: number }): Promise<void>;
  joinAndSync(): Promise<void>;
}

const registrations = new WeakMap<object, Registration>();

/**
 * Calls `hook` before `consumer` rejoins its group. Partitions and generation are still the old ones, so the records in
 * flight can be finished and committed. The hook is called neither before the first join nor when kafkajs restarts a
 * crashed consumer. A hook that fails, or takes longer than `limitMs` (half the rebalance timeout), is logged and does
 * not stop the rejoin. The member stays alive meanwhile.
 */
export function beforeRejoin(consumer: Consumer, hook: RejoinHook, options: { limitMs?: number } = {}): void {
  registrations.set(clusterBehind(consumer), { hook, limitMs: options.limitMs });
}

/**
 * Gives the hook the moment before a rejoin. kafkajs rejoins as soon as its handlers have returned, and has no hook for
 * it (src/consumer/{runner,consumerGroup}.js, callers of joinAndSync). After the rejoin, the generation under which
 * records were read is gone and can no longer commit. While the group prepares its rebalance, the broker still accepts
 * commits of the old generation.
 */
export function announceRejoins(): void {
  const { prototype } = require('kafkajs/src/consumer/consumerGroup') as { prototype: RejoiningGroup };
  const { joinAndSync } = prototype;
  prototype.joinAndSync = async function () {
    const registration = this.generationId === null ? undefined : registrations.get(this.cluster);
    if (registration) await runHook(this, registration);
    return joinAndSync.call(this);
  };
}

function runHook(group: RejoiningGroup, registration: Registration): Promise<void> {
  registration.running ??= settle(group, registration).finally(() => {
    registration.running = undefined;
  });
  return registration.running;
}

async function settle(
  group: RejoiningGroup,
  { hook, limitMs = group.rebalanceTimeout / 2 }: Registration,
): Promise<void> {
  // kafkajs sends no heartbeats now. The answer to these is the REBALANCE_IN_PROGRESS that is already known; sending
  // them keeps the session.
  const heartbeats = setInterval(() => group.heartbeat({ interval: 0 }).catch(() => {}), group.sessionTimeout / 3);
  try {
    await withLimit(hook, limitMs);
  } catch (error) {
    group.logger.warn('Rejoining although the work before it did not finish', { error: messageOf(error) });
  } finally {
    clearInterval(heartbeats);
  }
}

async function withLimit(hook: RejoinHook, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${limitMs} ms`)), limitMs);
  });
  try {
    await Promise.race([hook(), late]);
  } finally {
    clearTimeout(timer);
  }
}
