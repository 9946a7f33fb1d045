import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { frame } from '../../src/avro/framing.js';
import { buildType } from '../../src/avro/type.js';
import { FakeRegistry } from '../support/fake-registry.js';
import type { Instance } from '../support/instance.js';
import { eventually, type TestScope } from '../support/kafka.js';
import { headerOf, labelOf } from '../support/outputs.js';
import { range, TestStage } from '../support/stage.js';

const SCHEMA = {
  type: 'record',
  name: 'In',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'text', type: 'string' },
  ],
};
const type = buildType(SCHEMA);
const FORBIDDEN = 77;
/** The partition with a record of the forbidden schema, and the record's place in it. */
const STANDS = 1;
const AT = 10;
const RECORDS = 25;

type Fields = Readonly<Record<string, string>>;

/** A stage on Avro with a registry of the test's own, which refuses one schema id. */
async function avroStage(t: TestScope, set: Fields, partitions = 4) {
  const registry = await FakeRegistry.start();
  t.after(() => registry.close());
  const known = registry.add('in-value', SCHEMA);
  const refusal = '{"error_code":40301,"message":"User is denied operation READ on Subject: other-value"}';
  registry.planted.set(`GET /schemas/ids/${FORBIDDEN}`, { status: 403, text: refusal });
  const stage = await TestStage.create(t, {
    partitions,
    set: { 'input.format': 'avro', 'registry.url': registry.url, 'input.heartbeatIntervalMs': '300', ...set },
  });
  /** Records `from` up to `to` of a partition, one of them with the forbidden schema where asked for. */
  const produce = (partition: number, [from, to]: [number, number], forbidden?: number) =>
    stage.broker.produce(
      stage.topics.input,
      range(from, to).map(id => ({
        partition,
        value: frame(id === forbidden ? FORBIDDEN : known, type, { id: BigInt(id), text: `about food ${id}` }),
      })),
    );
  /** Ids of what was labelled of a partition, in the order it was stored. */
  const labels = async (partition: number) =>
    (await stage.broker.readAll(stage.topics.labels))
      .map(record => labelOf(record).source)
      .filter(source => source.partition === partition)
      .map(({ textId }) => Number(textId));
  return {
    stage,
    produce,
    labels,
    allow: () => registry.plantSchema(FORBIDDEN, { schema: JSON.stringify(SCHEMA) }),
    /** Four partitions of records, one of the forbidden schema in the midst of one of them. */
    fill: async () => {
      for (const partition of range(0, 4))
        await produce(partition, [0, RECORDS], partition === STANDS ? AT : undefined);
    },
    /** Resolves when so many records of each partition are labelled; fails unless each is in order, and once. */
    labelled: async (expected: readonly number[][]) => {
      for (const [partition, ids] of expected.entries()) {
        const what = `${ids.length} records of partition ${partition} are labelled`;
        await eventually(what, async () => (await labels(partition)).length >= ids.length);
        assert.deepEqual(await labels(partition), ids, what);
      }
    },
  };
}

async function readyz(instance: Instance): Promise<{ status: number; waits: readonly string[] }> {
  const response = await fetch(`${await instance.url()}/readyz`);
  const { waits = [] } = (await response.json()) as { waits?: string[] };
  return { status: response.status, waits };
}

const ALL = range(0, RECORDS);
const UNTIL_IT_STANDS = [ALL, range(0, AT), ALL, ALL];

for (const delivery of ['at-least-once', 'exactly-once']) {
  describe(`a schema id that the registry refuses, ${delivery}`, () => {
    test('holds only what is behind it in its partition; a stop is in time, and later all is labelled in order', async t => {
      const { stage, fill, produce, labelled, allow } = await avroStage(t, { delivery });
      await fill();
      const first = stage.start();
      await labelled(UNTIL_IT_STANDS);
      const { schemaId, status } = await first.event('decode_waits');
      assert.deepEqual([schemaId, status], [FORBIDDEN, 403]);
      await eventually('/readyz says it', async () => (await readyz(first)).waits.length > 0);
      const ready = await readyz(first);
      assert.deepEqual([ready.status, ready.waits.length], [200, 1]);
      assert.match(ready.waits[0] ?? '', /, partition 1, offset 10: schema id 77 \(HTTP 403\) for \d+ s$/);
      assert.ok((await first.metric('siftline_registry_wait_seconds')) > 0);
      for (const partition of [0, STANDS]) await produce(partition, [RECORDS, RECORDS + 5]);
      await labelled([range(0, RECORDS + 5), range(0, AT), ALL, ALL]);
      assert.equal(await first.kill('SIGTERM'), 0, first.stderr);
      assert.deepEqual([await stage.committed(STANDS), await stage.committed(0)], [`${AT}`, `${RECORDS + 5}`]);
      const second = stage.start();
      await second.event('decode_waits');
      allow();
      await labelled([range(0, RECORDS + 5), range(0, RECORDS + 5), ALL, ALL]);
      assert.equal(await second.metric('siftline_registry_wait_seconds'), 0);
      assert.equal(await second.kill('SIGTERM'), 0, second.stderr);
    });

    test('is given up after registry.giveUpSeconds: its record is rejected and the partition goes on', async t => {
      const { stage, fill, labelled } = await avroStage(t, { delivery, 'registry.giveUpSeconds': '2' });
      await fill();
      const instance = stage.start();
      await labelled([ALL, ALL.filter(id => id !== AT), ALL, ALL]);
      assert.equal(await instance.kill('SIGTERM'), 0, instance.stderr);
      const rejected = await stage.broker.readAll(stage.topics.rejected);
      assert.deepEqual(
        rejected.map(record => headerOf(record, 'siftline.error.code')),
        ['AVRO_SCHEMA_UNAVAILABLE'],
      );
      assert.equal(await stage.committed(STANDS), `${RECORDS}`);
    });

    test('holds up no rebalance, and its partition goes on where it has moved to', async t => {
      const { stage, fill, labelled, allow } = await avroStage(t, { delivery });
      await fill();
      const first = stage.start();
      await labelled(UNTIL_IT_STANDS);
      await first.event('decode_waits');
      const second = stage.start();
      await second.event('assigned');
      allow();
      await labelled([ALL, ALL, ALL, ALL]);
      for (const instance of [first, second]) assert.equal(await instance.kill('SIGTERM'), 0, instance.stderr);
    });
  });
}

test('a stage of which every partition waits for the registry is not ready, and is again when one goes on', async t => {
  const { stage, produce, labelled, allow } = await avroStage(t, {}, 1);
  await produce(0, [0, 3], 0);
  const instance = stage.start();
  await eventually('it is not ready', async () => (await readyz(instance)).waits.length === 1);
  assert.equal((await readyz(instance)).status, 503);
  allow();
  await labelled([[0, 1, 2]]);
  assert.equal((await readyz(instance)).status, 200);
  assert.equal(await instance.kill('SIGTERM'), 0, instance.stderr);
});
