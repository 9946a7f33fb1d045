import type { Consumer, EachBatchPayload, Producer } from 'kafkajs';
import { clientOf } from './client.js';

/**
 * The control, in a separate process: consumes, tags, and produces in transactions, in a way that is common and wrong.
 * A member has one transactional id, whatever its partitions, and does not ask again for the committed offsets when a
 * partition is reassigned. It stops itself (SIGSTOP) in one of its transactions, with results and offsets sent and
 * nothing committed.
 *
 *   node naive.js <brokers> <stage> <transactional id> <transaction to stop in, or 0>
 */
const [brokers = '', stage = '', transactionalId = '', stopIn = '0'] = process.argv.slice(2);
const CHUNK = 50;

let transactions = 0;
const kafka = clientOf(brokers, transactionalId);
const producer = kafka.producer({
  transactionalId,
  idempotent: true,
  maxInFlightRequests: 1,
  retry: { initialRetryTime: 15 },
});
const consumer = kafka.consumer({
  groupId: stage,
  sessionTimeout: 4_000,
  heartbeatInterval: 500,
  rebalanceTimeout: 8_000,
  maxWaitTimeInMs: 100,
});
await run(producer, consumer);

async function run(out: Producer, source: Consumer): Promise<void> {
  source.on(source.events.GROUP_JOIN, () => process.stderr.write('{"event":"assigned"}\n'));
  process.once('SIGTERM', () => void source.disconnect().then(() => process.exit(0)));
  await Promise.all([out.connect(), source.connect()]);
  await source.subscribe({ topic: `${stage}.in`, fromBeginning: true });
  await source.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: tag });
}

async function tag({ batch, resolveOffset, heartbeat, isRunning, isStale }: EachBatchPayload): Promise<void> {
  const { topic, partition, messages } = batch;
  for (let i = 0; i < messages.length && isRunning() && !isStale(); i += CHUNK) {
    const chunk = messages.slice(i, i + CHUNK);
    const last = chunk.at(-1)?.offset ?? '0';
    const transaction = await producer.transaction();
    await transaction.send({
      topic: `${stage}.labels`,
      messages: chunk.map(({ key, offset }) => ({
        partition,
        key,
        value: 'tagged',
        headers: { 'siftline.id': `${topic}-${partition}-${offset}` },
      })),
    });
    const offset = String(BigInt(last) + 1n);
    await transaction.sendOffsets({ consumerGroupId: stage, topics: [{ topic, partitions: [{ partition, offset }] }] });
    transactions += 1;
    if (transactions === Number(stopIn)) process.kill(process.pid, 'SIGSTOP');
    await transaction.commit();
    resolveOffset(last);
    await heartbeat();
  }
}
