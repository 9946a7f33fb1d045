import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ConsumerConfig, ConsumerRunConfig, EachBatchPayload, Kafka } from 'kafkajs';
import { Tally } from '../../src/demo/tally.js';
import { topicNames } from '../../src/demo/topics.js';
import { Watch } from '../../src/demo/watch.js';
import type { KafkaAdmin } from '../../src/kafka/admin.js';

const topics = topicNames('watched');

/** A Kafka whose consumer is handed the rejected records at these offsets of a partition. */
function fakeKafka() {
  let config: ConsumerConfig | undefined;
  let eachBatch: ConsumerRunConfig['eachBatch'];
  const consumer = {
    connect: async () => {},
    subscribe: async () => {},
    run: async (given: ConsumerRunConfig) => {
      eachBatch = given.eachBatch;
    },
    disconnect: async () => {},
  };
  const kafka = {
    consumer: (given: ConsumerConfig) => {
      config = given;
      return consumer;
    },
  } as unknown as Kafka;
  const hand = async (...offsets: number[]) => {
    const messages = offsets.map(offset => ({ value: Buffer.from('x'), timestamp: '0', offset: String(offset) }));
    const batch = { topic: topics.rejected, partition: 0, messages, lastOffset: () => String(offsets.at(-1)) };
    await eachBatch?.({ batch } as unknown as EachBatchPayload);
  };
  return { kafka, hand, config: () => config };
}

async function open() {
  const { kafka, hand, config } = fakeKafka();
  const tally = new Tally(1);
  const watch = new Watch({ kafka, topics, tally });
  await watch.open();
  return { watch, tally, hand, config };
}

/** Every topic has one partition with records up to here. */
function admin(high: bigint): KafkaAdmin {
  const offsets = async (topic: string) => [{ partition: 0, low: 0n, high: topic === topics.rejected ? high : 0n }];
  return { offsets } as unknown as KafkaAdmin;
}

describe('the watch on the outputs', () => {
  test('joins its group again when the coordinator was not ready for it', async () => {
    const { config } = await open();
    assert.equal(await config()?.retry?.restartOnFailure?.(new Error('the coordinator is loading')), true);
  });

  test('counts a record once, though it is read again after the group was joined anew', async () => {
    const { tally, hand } = await open();
    await hand(0, 1, 2, 3);
    await hand(0, 1);
    await hand(2, 3, 4);
    assert.equal(tally.topics.rejected, 5);
  });

  test('is at the end when it has read all that is there', async () => {
    const { watch, hand } = await open();
    await hand(0, 1);
    await watch.toTheEnd(admin(2n));
  });

  test('does not wait for an end that it cannot come to any more', async () => {
    const { watch, hand } = await open();
    await hand(0);
    const end = watch.toTheEnd(admin(2n));
    await watch.close();
    await assert.rejects(end, { code: 'DEMO_UNREAD' });
  });
});
