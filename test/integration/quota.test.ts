import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, sharedBroker, uniqueName } from '../support/kafka.js';
import { setQuotas } from '../support/quota.js';
import { range, TestStage } from '../support/stage.js';

const RECORDS = 160;
/** Of bytes: less than the records take within Kafka's ten seconds. Of a broker's threads: next to nothing. */
const QUOTAS = { producer_byte_rate: 4_000, consumer_byte_rate: 1_500, request_percentage: 0.5 };

for (const delivery of ['at-least-once', 'exactly-once']) {
  test(`quotas make a stage slow, and nothing else (${delivery})`, async t => {
    const broker = await sharedBroker();
    const clientId = uniqueName('throttled');
    await setQuotas(broker.bootstrap, clientId, QUOTAS);
    const set = {
      delivery,
      'kafka.clientId': clientId,
      'output.compression': 'none',
      'workers.batchRecords': '16',
      'input.sessionTimeoutMs': '6000',
      'input.heartbeatIntervalMs': '1000',
      'health.stallSeconds': '20',
    };
    const stage = await TestStage.create(t, { broker, set });
    await stage.produce(0, RECORDS);
    const instance = stage.start();
    const url = await instance.url();
    await eventually('all is committed', async () => {
      assert.equal((await fetch(`${url}/livez`)).status, 200);
      return (await stage.committed()) === String(RECORDS);
    });
    assert.ok((await instance.metric('siftline_throttled_seconds_total')) > 1, 'the brokers held it back');
    assert.equal(await instance.metric('siftline_rebalances_total'), 0);
    assert.equal(await instance.metric('siftline_publish_retries_total'), 0);
    assert.equal(await instance.kill('SIGTERM'), 0, instance.stderr);
    assert.deepEqual(await stage.labels(), range(0, RECORDS));
  });
}
