import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer } from 'kafkajs';
import {
  type DecodeMessages,
  isUnreadable,
  readableMessages,
  requireReadable,
  type UnreadableBatch,
} from '../unreadable.js';
import { clusterBehind, replaceExports, require } from './modules.js';

interface FetchProtocol {
  parse<T extends Parameters<typeof requireReadable>[0]>(response: T): Promise<T>;
}

interface FetchingGroup {
  readonly cluster: object;
  fetch(nodeId: string): Promise<unknown[]>;
}

/**
 * Receives a batch that the consumer cannot read. It is called again and again, since the batch is fetched again until
 * the consumer is closed.
 */
export type UnreadableHook = (batch: UnreadableBatch) => Promise<void>;

const hooks = new WeakMap<object, UnreadableHook>();
const AGAIN_MS = 100;

/** Calls `hook` instead of crashing `consumer`, which would lose its place in the group with records in flight. */
export function onUnreadable(consumer: Consumer, hook: UnreadableHook): void {
  hooks.set(clusterBehind(consumer), hook);
}

/**
 * Finds the place of a batch that cannot be unpacked. All versions of kafkajs' fetch response since Kafka 0.11 take
 * their messages from v4/decodeMessages and their `parse` from v0, so this patch must come before any of them is
 * loaded.
 */
export function placeUnreadableBatches(): void {
  const decodeMessages = 'kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js';
  const decode = require(decodeMessages) as DecodeMessages;
  replaceExports(decodeMessages, readableMessages(decode, require('kafkajs/src/protocol/decoder')));
  const protocol = require('kafkajs/src/protocol/requests/fetch/v0/response') as FetchProtocol;
  const { parse } = protocol;
  protocol.parse = async response => {
    const parsed = await parse(response);
    requireReadable(parsed);
    return parsed;
  };
  const { prototype } = require('kafkajs/src/consumer/consumerGroup') as { prototype: FetchingGroup };
  const { fetch } = prototype;
  prototype.fetch = async function (nodeId) {
    try {
      return await fetch.call(this, nodeId);
    } catch (error) {
      const hook = hooks.get(this.cluster);
      if (!hook || !isUnreadable(error)) throw error;
      await hook(error);
      await sleep(AGAIN_MS);
      return [];
    }
  };
}
