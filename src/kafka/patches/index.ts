import { invariant } from '../../errors.js';
import { withoutAborted } from '../aborted.js';
import { registerCodecs } from '../codecs.js';
import { decodeRecord, encodeRecord } from '../record-codec.js';
import { silenceRequestQueue } from './idle-connections.js';
import { spaceLogins } from './logins.js';
import { decideLostOffsets, tellMissingOffsets } from './lost-offsets.js';
import { rememberClusters, replaceExports, require } from './modules.js';
import { rememberOffsetTakers } from './offset-takers.js';
import { keepRefusals } from './refusals.js';
import { announceRejoins } from './rejoins.js';
import { dropStaleFetches } from './stale-fetches.js';
import { tellThrottling } from './throttling.js';
import { placeUnreadableBatches } from './unreadable-batches.js';

export {
  type LostOffset,
  type LostOffsetHook,
  type MissingOffsetsHook,
  onLostOffset,
  onMissingOffsets,
} from './lost-offsets.js';
export { clusterBehind } from './modules.js';
export { committedByTaker } from './offset-takers.js';
export { beforeRejoin, type RejoinHook } from './rejoins.js';
export { onThrottled } from './throttling.js';
export { onUnreadable, type UnreadableHook } from './unreadable-batches.js';

/** The kafkajs module, as `import * as kafkajs from 'kafkajs'` would give it. */
export type Kafkajs = typeof import('kafkajs');

/** The limit of an unpacked batch until `limitBatches` sets another; the default of input.maxBatchBytes. */
const MAX_BATCH_BYTES = 64 * 1024 * 1024;

let loaded: Kafkajs | undefined;

/**
 * Loads kafkajs with siftline's patches and codecs. This is the only way to reach kafkajs: a direct import of its
 * values would load it unpatched, and a later call of this function refuses such a kafkajs. Its types come from
 * client.ts.
 */
export function loadKafkajs(): Kafkajs {
  loaded ??= patchAndLoad();
  return loaded;
}

/**
 * Sets the most bytes that a compressed record batch may unpack to. A consumer that fetches a larger batch gets
 * BATCH_TOO_LARGE. kafkajs has one set of codecs, so the limit holds for every client of the process.
 */
export function limitBatches(maxBytes: number): void {
  registerCodecs(loadKafkajs(), maxBytes);
}

function patchAndLoad(): Kafkajs {
  const { version } = require('kafkajs/package.json') as { version: string };
  invariant(version === '2.2.4', `the patches of src/kafka/patches/index.ts are for kafkajs 2.2.4, this is ${version}`);
  invariant(
    !require.cache[require.resolve('kafkajs')],
    'kafkajs was loaded before src/kafka/patches/index.ts patched it',
  );
  replaceExports('kafkajs/src/protocol/recordBatch/record/v0/decoder.js', decodeRecord);
  replaceExports('kafkajs/src/protocol/recordBatch/record/v0/index.js', encodeRecord);
  replaceExports('kafkajs/src/consumer/filterAbortedMessages.js', withoutAborted);
  placeUnreadableBatches();
  silenceRequestQueue();
  tellThrottling();
  spaceLogins();
  rememberClusters();
  announceRejoins();
  dropStaleFetches();
  decideLostOffsets();
  tellMissingOffsets();
  keepRefusals();
  rememberOffsetTakers();
  const kafkajs = require('kafkajs') as Kafkajs;
  registerCodecs(kafkajs, MAX_BATCH_BYTES);
  return kafkajs;
}
