import { createRequire } from 'node:module';
import type { Consumer } from 'kafkajs';
import { invariant } from '../../errors.js';

export const require = createRequire(import.meta.url);

/** Replaces the exports of a CommonJS module. Modules that required it earlier keep the old exports. */
export function replaceExports<T>(id: string, exports: unknown): T {
  const original = require(id) as T;
  const module = require.cache[require.resolve(id)];
  invariant(module, `${id} is not in require.cache after it was required`);
  module.exports = exports;
  return original;
}

/**
 * The cluster object of each consumer. kafkajs makes one per consumer (src/index.js), and the consumer's ConsumerGroup
 * refers to it.
 */
const clusterOf = new WeakMap<Consumer, object>();

/**
 * Returns kafkajs' own cluster object of a consumer, for questions that its public interface has no way to ask
 * (src/kafka/inner-cluster.ts).
 */
export function clusterBehind(consumer: Consumer): object {
  const cluster = clusterOf.get(consumer);
  invariant(cluster, 'clusterBehind needs a consumer made by the patched kafkajs');
  return cluster;
}

/** Remembers the cluster of every consumer that is made from now on. */
export function rememberClusters(): void {
  type CreateConsumer = (options: { cluster: object }) => Consumer;
  const createConsumer: CreateConsumer = replaceExports('kafkajs/src/consumer', (options: { cluster: object }) => {
    const consumer = createConsumer(options);
    clusterOf.set(consumer, options.cluster);
    return consumer;
  });
}
