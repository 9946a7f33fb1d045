import { setTimeout as sleep } from 'node:timers/promises';
import { SiftlineError } from '../errors.js';
import { loadKafkajs } from '../kafka/patches/index.js';

const POLL_MS = 200;
const CONNECT_MS = 2_000;

/**
 * Waits until a Metadata response lists a broker; an open port is not enough. Returns false after `limitMs`, or once
 * aborted.
 */
export async function untilReady(bootstrap: string, limitMs: number, signal?: AbortSignal): Promise<boolean> {
  const until = Date.now() + limitMs;
  while (!signal?.aborted && Date.now() < until) {
    if (await isReady(bootstrap)) return true;
    await sleep(POLL_MS);
  }
  return false;
}

async function isReady(bootstrap: string): Promise<boolean> {
  const { Kafka, logLevel } = loadKafkajs();
  const kafka = new Kafka({
    brokers: bootstrap.split(','),
    clientId: 'siftline-ready',
    logLevel: logLevel.NOTHING,
    connectionTimeout: CONNECT_MS,
    requestTimeout: CONNECT_MS,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    return (await admin.describeCluster()).brokers.length > 0;
  } catch {
    return false;
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

/**
 * Returns the error for a broker that could not be started, with the end of its log. Stack frames are left out, since
 * they hide the reason.
 */
export function didNotStart(what: string, log: string): SiftlineError {
  const lines = log.split('\n').filter(line => line.trim() && !/^\s*(at |\.\.\. \d+ more)/.test(line));
  return SiftlineError.broker(
    'BROKER_DID_NOT_START',
    `the Kafka broker ${what}; the last lines of its log:\n  ${lines.slice(-8).join('\n  ')}`,
  );
}
