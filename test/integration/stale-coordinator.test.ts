import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { pino } from 'pino';
import { CommittedOffsets } from '../../src/kafka/committed-offsets.js';
import { loadKafkajs } from '../../src/kafka/patches/index.js';
import { TransactionalProducer } from '../../src/producer/transactional-producer.js';
import { eventually, sharedBroker, uniqueName } from '../support/kafka.js';

/** A partition's way into transactions, and what became of it. */
async function partition(t: TestContext) {
  const broker = await sharedBroker();
  const [topic, output, group] = [uniqueName('input'), uniqueName('output'), uniqueName('group')];
  await broker.createTopics({ topic, partitions: 1 }, { topic: output, partitions: 1 });
  const kafka = broker.kafka();
  const offsets = new CommittedOffsets(kafka, group);
  t.after(() => offsets.close());
  const producer = (committed: () => Promise<bigint | undefined>) => {
    const input = { topic, partition: 0 };
    const options = { kafka, group, input, transactionalId: `${group}-${topic}-0`, committed };
    const one = new TransactionalProducer({
      ...options,
      compression: loadKafkajs().CompressionTypes.None,
      requestTimeoutMs: 10_000,
      transactionTimeoutMs: 10_000,
      log: pino({ level: 'silent' }),
    });
    t.after(() => one.close());
    return one;
  };
  const send = (value: string) => [{ target: { topic: output, partition: 0 }, messages: [{ key: null, value }] }];
  const stored = async () => (await broker.readAll(output)).map(({ value }) => String(value));
  return { offsets: () => offsets.of({ topic, partition: 0 }), producer, send, stored };
}

test('what a broker calls committed that is the coordinator no more is stored by nobody', async t => {
  const { offsets, producer, send, stored } = await partition(t);
  const isThere = () =>
    offsets().then(
      () => true,
      () => false,
    );
  await eventually('the group has a coordinator', isThere);
  const first = producer(offsets);
  assert.equal(await first.takeOver(), undefined);
  await first.store(send('up to 5'), 5n);
  await first.store(send('up to 7'), 7n);

  for (const [stale, said] of [
    [5n, '5'],
    [undefined, 'none'],
  ] as const) {
    const misled = producer(async () => stale);
    assert.equal(await misled.takeOver(), stale);
    await assert.rejects(misled.store(send('once more'), 9n), new RegExp(`gave ${said} .* the coordinator gives 7$`));
    await misled.close();
    assert.equal(await offsets(), 7n);
  }
  assert.deepEqual(await stored(), ['up to 5', 'up to 7']);

  const second = producer(offsets);
  assert.equal(await second.takeOver(), 7n);
  await second.store(send('up to 9'), 9n);
  assert.equal(await offsets(), 9n);
  assert.deepEqual(await stored(), ['up to 5', 'up to 7', 'up to 9']);
});
