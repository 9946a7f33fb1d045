import { createRequire } from 'node:module';
import type { Consumer } from 'kafkajs';
import { invariant, messageOf } from '../errors.js';
import { withoutAborted } from './aborted.js';
import { registerCodecs } from './codecs.js';
import { decodeRecord, encodeRecord } from './headers.js';

/** The kafkajs module, as `import * as kafkajs from 'kafkajs'` would give it. */
export type Kafkajs = typeof import('kafkajs');

const require = createRequire(import.meta.url);

let loaded: Kafkajs | undefined;

/**
 * kafkajs with siftline's patches and codecs in effect. The only way to get at kafkajs: importing its values directly
 * would load it unpatched, which this refuses afterwards. Types may be imported from 'kafkajs' anywhere.
 */
export function loadKafkajs(): Kafkajs {
  loaded ??= patchAndLoad();
  return loaded;
}

function patchAndLoad(): Kafkajs {
  const { version } = require('kafkajs/package.json') as { version: string };
  invariant(version === '2.2.4', `the patches of src/kafka/patches.ts are for kafkajs 2.2.4, this is ${version}`);
  invariant(!require.cache[require.resolve('kafkajs')], 'kafkajs was loaded before src/kafka/patches.ts patched it');
  replaceExports('kafkajs/src/protocol/recordBatch/record/v0/decoder.js', decodeRecord);
  replaceExports('kafkajs/src/protocol/recordBatch/record/v0/index.js', encodeRecord);
  replaceExports('kafkajs/src/consumer/filterAbortedMessages.js', withoutAborted);
  silenceRequestQueue();
  announceRejoins();
  dropStaleFetches();
  keepRefusals();
  const kafkajs = require('kafkajs') as Kafkajs;
  registerCodecs(kafkajs);
  return kafkajs;
}

/** Swaps what a CommonJS module exports; those who required it earlier keep the old exports. */
function replaceExports<T>(id: string, exports: unknown): T {
  const original = require(id) as T;
  const module = require.cache[require.resolve(id)];
  invariant(module, `${id} is not in require.cache after it was required`);
  module.exports = exports;
  return original;
}

// ---- Idle connections ----------------------------------------------------------------------------------------------
// kafkajs re-arms a timer of negative length, which Node turns into 1 ms, as long as a connection lives: 900 wake-ups a
// second and 5 % of a core for each (src/network/requestQueue/index.js; tulios/kafkajs#1751). Here a timer is set only
// while requests wait or the broker throttles.

interface RequestQueue {
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
}

const CHECK_PENDING_MS = 10;

function silenceRequestQueue(): void {
  const { prototype } = require('kafkajs/src/network/requestQueue') as { prototype: RequestQueue };
  prototype.scheduleCheckPendingRequests = function () {
    const throttledMs = this.throttledUntil - Date.now();
    if (this.throttleCheckTimeoutId || (this.pending.length === 0 && throttledMs <= 0)) return;
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null;
        this.checkPendingRequests();
      },
      throttledMs > 0 ? throttledMs : CHECK_PENDING_MS,
    );
  };
}

// ---- Rejoining a group ---------------------------------------------------------------------------------------------
// kafkajs rejoins as soon as its handlers have returned and offers no hook before that
// (src/consumer/{runner,consumerGroup}.js, callers of joinAndSync); after it, the generation that work was read under is
// gone and can no longer commit. While the group prepares its rebalance the broker still takes commits of the old
// generation, so the owner gets that moment here.

/** What the owner of a consumer does before the consumer gives its partitions back. */
export type RejoinHook = () => Promise<void>;

interface Registration {
  readonly hook: RejoinHook;
  readonly limitMs: number | undefined;
  /** Set while the hook runs: fetchers of several brokers may each start a rejoin. */
  running?: Promise<void> | undefined;
}

interface ConsumerGroup {
  cluster: object;
  generationId: number | null;
  sessionTimeout: number;
  rebalanceTimeout: number;
  logger: { warn(message: string, extra?: object): void };
  heartbeat(options: { interval: number }): Promise<void>;
  joinAndSync(): Promise<void>;
}

/** Every consumer has a cluster object of its own (src/index.js), and its ConsumerGroup refers to it. */
const clusterOf = new WeakMap<Consumer, object>();
const registrations = new WeakMap<object, Registration>();

/**
 * Calls `hook` before `consumer` rejoins its group: partitions and generation are still the old ones, so what is in
 * flight can be drained and committed. Not called before the first join, nor when kafkajs restarts a crashed consumer.
 * A hook that fails, or takes longer than `limitMs` (half the rebalance timeout), is logged and does not stop the
 * rejoin. The member stays alive meanwhile.
 */
export function beforeRejoin(consumer: Consumer, hook: RejoinHook, options: { limitMs?: number } = {}): void {
  const cluster = clusterOf.get(consumer);
  invariant(cluster, 'beforeRejoin needs a consumer made by the patched kafkajs');
  registrations.set(cluster, { hook, limitMs: options.limitMs });
}

/** kafkajs' own view of the cluster, for what its public interface has no way to ask (src/kafka/inner-cluster.ts). */
export function clusterBehind(consumer: Consumer): object {
  const cluster = clusterOf.get(consumer);
  invariant(cluster, 'clusterBehind needs a consumer made by the patched kafkajs');
  return cluster;
}

function announceRejoins(): void {
  const { prototype } = require('kafkajs/src/consumer/consumerGroup') as { prototype: ConsumerGroup };
  const { joinAndSync } = prototype;
  prototype.joinAndSync = async function () {
    const registration = this.generationId === null ? undefined : registrations.get(this.cluster);
    if (registration) await runHook(this, registration);
    return joinAndSync.call(this);
  };
  type CreateConsumer = (options: { cluster: object }) => Consumer;
  const createConsumer: CreateConsumer = replaceExports('kafkajs/src/consumer', (options: { cluster: object }) => {
    const consumer = createConsumer(options);
    clusterOf.set(consumer, options.cluster);
    return consumer;
  });
}

function runHook(group: ConsumerGroup, registration: Registration): Promise<void> {
  registration.running ??= settle(group, registration).finally(() => {
    registration.running = undefined;
  });
  return registration.running;
}

async function settle(
  group: ConsumerGroup,
  { hook, limitMs = group.rebalanceTimeout / 2 }: Registration,
): Promise<void> {
  // Nobody else heartbeats now. The answer is the REBALANCE_IN_PROGRESS we know of; asking is what keeps the session.
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

// ---- Fetches across a rejoin ----------------------------------------------------------------------------------------
// With several brokers there are several fetchers, and one of them may rejoin the group while another waits for its
// answer (src/consumer/consumerGroup.js, recoverFromFetch). That answer was asked for at the positions of the old
// generation; taken in under the new one it would move a partition's position over records that nobody has done.

interface FetchingGroup {
  generationId: number | null;
  fetch(nodeId: string): Promise<unknown[]>;
}

function dropStaleFetches(): void {
  const { prototype } = require('kafkajs/src/consumer/consumerGroup') as { prototype: FetchingGroup };
  const { fetch } = prototype;
  prototype.fetch = async function (nodeId) {
    const { generationId } = this;
    const batches = await fetch.call(this, nodeId);
    return this.generationId === generationId ? batches : [];
  };
}

// ---- Refusals of every broker ---------------------------------------------------------------------------------------
// kafkajs asks its brokers one after the other, for the coordinator of a group and for metadata, and forgets why each
// said no (src/cluster/brokerPool.js, withBroker): a missing right on the group came out as a coordinator that cannot be
// found, which waiting might mend, so a consumer without it tried for ever.

interface BrokerPool {
  withBroker<T>(ask: (broker: unknown) => Promise<T>): Promise<T | null>;
}

function keepRefusals(): void {
  const { prototype } = require('kafkajs/src/cluster/brokerPool') as { prototype: BrokerPool };
  const { withBroker } = prototype;
  prototype.withBroker = async function <T>(ask: (broker: unknown) => Promise<T>) {
    const refusals: unknown[] = [];
    const answer = await withBroker.call(this, (broker: unknown) =>
      ask(broker).catch(error => {
        if (/AUTHORIZATION_FAILED$/.test((error as { type?: string }).type ?? '')) refusals.push(error);
        throw error;
      }),
    );
    if (answer === null && refusals.length > 0) throw refusals[0];
    return answer as T | null;
  };
}
