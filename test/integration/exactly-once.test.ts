import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { failPointEnv } from '../../faults/fail-points.js';
import type { FailPoint } from '../../src/failpoints.js';
import type { Instance } from '../support/instance.js';
import { eventually, type TestBroker } from '../support/kafka.js';
import { labelOf } from '../support/outputs.js';
import { makeStage, startStage } from '../support/stage.js';

const PARTITIONS = 2;
const RECORDS = 400;
const FENCED = 'siftline_transactions_total{outcome="fenced"}';

interface Stage {
  readonly broker: TestBroker;
  readonly labels: string;
  readonly rejected: string;
  /** The sum of the group's committed offsets. */
  committed(): Promise<number>;
  start(env?: Record<string, string>, set?: Record<string, string>): Instance;
}

async function stage(t: TestContext): Promise<Stage> {
  const made = await makeStage(PARTITIONS);
  const { broker, topics } = made;
  const { input, labels, rejected } = topics;
  const messages = Array.from({ length: RECORDS }, (_, i) => ({
    partition: i % PARTITIONS,
    value: i % 40 === 7 ? 'not JSON' : JSON.stringify({ id: i, text: `about food ${i}` }),
  }));
  await broker.produce(input, messages);
  const set = {
    delivery: 'exactly-once',
    'workers.batchRecords': '16',
    'input.sessionTimeoutMs': '6000',
    'input.heartbeatIntervalMs': '500',
  };
  const start = (env = {}, more = {}) => startStage(t, made, { set: { ...set, ...more }, env });
  const committed = async () => {
    const admin = broker.kafka().admin();
    await admin.connect();
    try {
      const [found] = await admin.fetchOffsets({ groupId: made.group, topics: [input] });
      return (found?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
    } finally {
      await admin.disconnect();
    }
  };
  return { broker, labels, rejected, committed, start };
}

/** Offsets of the input whose outcomes a reader of committed records finds, by partition, in the order they stand there. */
async function outcomesOf({ broker, labels, rejected }: Stage): Promise<string[][]> {
  const found: string[][] = Array.from({ length: PARTITIONS }, () => []);
  for (const record of await broker.readAll(labels))
    found[record.partition]?.push(String(labelOf(record).source.offset));
  for (const record of await broker.readAll(rejected)) found[record.partition]?.push(offsetOf(record));
  return found;
}

function offsetOf({ headers }: { headers: ReadonlyArray<readonly [string, Buffer | null]> }): string {
  return String(headers.find(([key]) => key === '__connect.errors.offset')?.[1]);
}

async function assertExactlyOnce(run: Stage): Promise<void> {
  await eventually('every record has its outcome', async () => (await outcomesOf(run)).flat().length >= RECORDS);
  const each = Array.from({ length: RECORDS / PARTITIONS }, (_, offset) => String(offset));
  for (const found of await outcomesOf(run)) assert.deepEqual([...found].sort(byNumber), each);
  const labels = await run.broker.readAll(run.labels);
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const own = labels.filter(record => record.partition === partition).map(record => labelOf(record).source.offset);
    assert.deepEqual(
      own,
      [...own].sort((a, b) => Number(a - b)),
      'in the order of the input',
    );
  }
}

function byNumber(a: string, b: string): number {
  return Number(a) - Number(b);
}

const KILLED_AT: readonly FailPoint[] = [
  'classified',
  'publishing',
  'transaction-begun',
  'half-sent',
  'sent',
  'offsets-sent',
  'committed',
  'published',
];

describe('exactly once', () => {
  for (const point of KILLED_AT) {
    test(`a process killed at ${point} leaves every outcome once, when another takes its place`, async t => {
      const run = await stage(t);
      const first = run.start(failPointEnv(`${point}=kill@5`, 'dist'));
      assert.equal(await first.exited, null, 'killed');
      run.start();
      await assertExactlyOnce(run);
    });
  }

  test('a process that was stopped for longer than its session, and goes on, stores nothing twice', async t => {
    const run = await stage(t);
    const first = run.start(failPointEnv('sent=stop@5', 'dist'));
    await first.event('assigned');
    const second = run.start();
    await second.event('assigned');
    await assertExactlyOnce(run);
    process.kill(first.pid, 'SIGCONT');
    await new Promise(resolve => setTimeout(resolve, 2_000));
    await assertExactlyOnce(run);
    assert.equal(await first.kill('SIGTERM'), 0, first.stderr);
  });

  for (const [former, spelling] of [
    [{}, '2'],
    [{ 'kafka.transactionalIdSpelling': '2' }, '1'],
  ] as const) {
    test(`a process of the other spelling that stands still in a transaction can commit no more (to ${spelling})`, async t => {
      const run = await stage(t);
      // Long enough that the brokers do not end the transaction by themselves.
      const set = { 'kafka.transactionTimeoutMs': '600000' };
      const first = run.start(failPointEnv('sent=stop@5', 'dist'), { ...set, ...former });
      await eventually('it has stopped itself', () => first.state === 'T');
      run.start({}, { ...set, 'kafka.transactionalIdSpelling': spelling });
      await eventually('the second has done the rest', async () => (await run.committed()) === RECORDS);
      process.kill(first.pid, 'SIGCONT');
      await eventually('it was shut out', async () => (await first.metric(FENCED)) > 0);
      await assertExactlyOnce(run);
    });
  }

  test('a drain ends well, and the next process goes on where it was', async t => {
    const run = await stage(t);
    const first = run.start();
    await eventually('it has begun', async () => (await first.metric('siftline_records_total')) > 50);
    assert.equal(await first.kill('SIGTERM'), 0, first.stderr);
    run.start();
    await assertExactlyOnce(run);
  });
});
