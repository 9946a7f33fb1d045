import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Kafka } from 'kafkajs';
import pino from 'pino';
import { CommittedOffsets } from '../../src/kafka/committed-offsets.js';
import { IdempotentProducer } from '../../src/producer/idempotent-producer.js';

/** A client whose first connections fail. */
function failing(errors: Error[]): Kafka {
  const client = {
    connect: async () => {
      const error = errors.shift();
      if (error) throw error;
    },
    disconnect: async () => {},
    send: async ({ messages: [message] }: { messages: Array<{ partition: number }> }) => [
      { partition: message?.partition, baseOffset: '0' },
    ],
    fetchOffsets: async () => [{ topic: 'in', partitions: [{ partition: 0, offset: '7' }] }],
  };
  return { producer: () => client, admin: () => client } as unknown as Kafka;
}

const OPTIONS = { compression: 0, requestTimeoutMs: 1_000, log: pino({ level: 'silent' }) };
const reset = () => new Error('Connection error: read ECONNRESET');

function wrongPassword(): Error {
  const error = new Error('wrong password');
  error.name = 'KafkaJSSASLAuthenticationError';
  return error;
}

describe('a connection that is reset while the process starts', () => {
  test('is made again by the first send', async () => {
    const producer = new IdempotentProducer({ kafka: failing([reset()]), ...OPTIONS });
    await producer.open();
    await producer.send({ topic: 'out', partition: 0 }, [{ value: 'x' }]);
    await producer.close();
  });

  test('is made again by the first question for an offset', async () => {
    const offsets = new CommittedOffsets(failing([reset()]), 'group');
    await offsets.open();
    assert.equal(await offsets.of({ topic: 'in', partition: 0 }), 7n);
    await offsets.close();
  });

  test('still ends the process when waiting will not mend it', async () => {
    const producer = new IdempotentProducer({ kafka: failing([wrongPassword()]), ...OPTIONS });
    await assert.rejects(producer.open(), { code: 'SASL_AUTHENTICATION_FAILED' });
    const offsets = new CommittedOffsets(failing([wrongPassword()]), 'group');
    await assert.rejects(offsets.open(), { code: 'SASL_AUTHENTICATION_FAILED' });
  });
});
