import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addAudit } from '../../src/cli/audit.js';
import { ExitCode, type SiftlineError } from '../../src/errors.js';
import { runCommand } from '../cli/in-process.js';
import { siftline } from '../cli/process.js';
import { eventually, type OutMessage, uniqueName } from '../support/kafka.js';
import { fixtureModel } from '../support/models.js';
import { headerOf, labelOf, stageFields } from '../support/outputs.js';
import { TestStage } from '../support/stage.js';

/*
 * Envelopes on a real broker: what is skipped stores nothing and is committed over, and the audit knows it by the
 * configuration of the stage.
 */

function settings({ topics, group }: TestStage, set: Readonly<Record<string, string>>): string[] {
  return Object.entries({ ...stageFields(topics, group), ...set }).flatMap(([field, value]) => [
    '--set',
    `${field}=${value}`,
  ]);
}

/** What the audit counts, and what it would exit with. */
async function audited(stage: TestStage, set: Readonly<Record<string, string>>) {
  const args = ['audit', '--brokers', stage.broker.bootstrap, ...settings(stage, set), '--json'];
  const { stdout, error } = await runCommand(addAudit, args);
  assert.ok(stdout !== '', String(error));
  const { input, labelled, rejected, skipped, missing } = JSON.parse(stdout);
  return {
    counts: { input, labelled, rejected, skipped, missing },
    exitCode: (error as SiftlineError | undefined)?.exitCode ?? 0,
  };
}

/** Changes of a table: rows that come, and go in a long run of deletes with their tombstones, and what is no row. */
function changes(): OutMessage[] {
  const event = (fields: object): OutMessage => ({ key: '{"id":1}', value: JSON.stringify(fields) });
  const row = (id: number) => ({ id, text: `about food ${id}` });
  const wrapped = (fields: object): OutMessage => event({ schema: { type: 'struct' }, payload: fields });
  const deletes = Array.from({ length: 15 }, (_, i) => [
    event({ before: row(i), after: null, op: 'd', ts_ms: 1 }),
    { key: '{"id":1}', value: null },
  ]);
  return [
    event({ before: null, after: row(1), op: 'c' }),
    wrapped({ before: null, after: row(2), op: 'r' }),
    ...deletes.flat(),
    wrapped({ before: row(1), after: null, op: 'd' }),
    event({ op: 't', ts_ms: 1 }),
    event({ op: 'm', message: { prefix: 'x', content: 'AA==' } }),
    event({ ts_ms: 1 }),
    wrapped({ status: 'END', id: '7:1', event_count: 2, data_collections: [] }),
    event({ before: row(1), after: row(3), op: 'u' }),
    event(row(4)),
    event({ before: row(3), after: null, op: 'd' }),
  ];
}

test('deletes in an envelope are skipped: nothing is stored, offsets go on, and the audit holds with exactly once', async t => {
  const set = {
    delivery: 'exactly-once',
    'input.envelope': 'debezium',
    'workers.batchRecords': '4',
    'rejects.maxRunRecords': '5',
  };
  const stage = await TestStage.create(t, { set });
  const { broker, topics } = stage;
  const messages = changes();
  await broker.produce(topics.input, messages);
  const instance = stage.start();
  await eventually(
    'every record has its outcome',
    async () => (await instance.metric('siftline_records_total')) === messages.length,
  );
  await eventually(
    'the last record, which is skipped, is committed',
    async () => Number(await stage.committed()) >= messages.length,
  );
  const scrape = await (await fetch(`${await instance.url()}/metrics`)).text();
  const counted = [...scrape.matchAll(/^siftline_records_total\{outcome="skipped",reason="(\w+)"\} ([1-9]\d*)$/gm)];
  assert.deepEqual(Object.fromEntries(counted.map(([, reason, count]) => [reason, Number(count)])), {
    TOMBSTONE: 15,
    CHANGE_DELETE: 17,
    CHANGE_TRUNCATE: 1,
    CHANGE_MESSAGE: 1,
    CHANGE_HEARTBEAT: 1,
    CHANGE_TRANSACTION: 1,
  });
  assert.equal(await instance.kill('SIGTERM'), 0, instance.stderr);

  assert.deepEqual(await stage.labels(), [1, 2, 3]);
  const dead = await broker.readAll(topics.rejected);
  assert.deepEqual(
    dead.map(record => headerOf(record, 'siftline.error.code')),
    ['ENVELOPE_MALFORMED'],
  );

  const counts = { input: messages.length, labelled: 3, rejected: 1, skipped: 36, missing: 0 };
  assert.deepEqual(await audited(stage, { 'input.envelope': 'debezium' }), { counts, exitCode: ExitCode.ok });
  const blind = await audited(stage, {});
  assert.deepEqual([blind.counts.skipped, blind.counts.missing, blind.exitCode], [15, 21, ExitCode.check]);
});

test('a CloudEvent gives its label an id and a time, in replay too, and the audit expects them', async t => {
  const set = { 'input.envelope': 'cloudevents' };
  const stage = await TestStage.create(t, { set });
  const { broker, topics } = stage;
  const time = '2026-04-05T17:31:00Z';
  const headers = Object.entries({ specversion: '1.0', id: 'e-1', source: '/s', type: 't', time });
  const binary = headers.map(([name, value]) => [`ce_${name}`, Buffer.from(value)] as const);
  const event = { specversion: '1.0', id: 'e-2', source: '/s', type: 't', time };
  const structured = [['content-type', Buffer.from('application/cloudevents+json')]] as const;
  const common = { timestamp: 1_790_000_000_000 };
  await broker.produce(topics.input, [
    { ...common, headers: binary, value: '{"text":"about food"}' },
    { ...common, headers: structured, value: JSON.stringify({ ...event, data: { text: 'about travel' } }) },
    { ...common, headers: structured, value: JSON.stringify({ ...event, data: {} }) },
    { ...common, headers: [['content-type', Buffer.from('application/cloudevents-batch+json')]], value: '[]' },
  ]);
  const instance = stage.start();
  await eventually('every record has its outcome', async () => (await instance.metric('siftline_records_total')) === 4);
  assert.equal(await instance.kill('SIGTERM'), 0, instance.stderr);

  const labels = await broker.readAll(topics.labels);
  const expected = ['e-1', 'e-2'].map(id => [id, BigInt(Date.parse(time)), BigInt(Date.parse(time))]);
  const seen = labels.map(record => [
    labelOf(record).source.textId,
    labelOf(record).source.timestamp,
    record.timestamp,
  ]);
  assert.deepEqual(seen, expected);
  const dead = await broker.readAll(topics.rejected);
  assert.deepEqual(
    dead.map(record => [headerOf(record, 'siftline.error.code'), record.timestamp]),
    [
      ['TEXT_MISSING', BigInt(common.timestamp)],
      ['ENVELOPE_UNSUPPORTED', BigInt(common.timestamp)],
    ],
  );
  assert.equal((await audited(stage, set)).exitCode, ExitCode.ok);

  const again = uniqueName('again');
  await broker.createTopics({ topic: again }, { topic: `${again}.rejected` });
  const model = ['--model', fixtureModel('bert-two-tasks'), '--workers', '1'];
  const argv = [
    '--brokers',
    broker.bootstrap,
    ...settings(stage, {}),
    ...model,
    '--envelope',
    'cloudevents',
    '--labels-topic',
    again,
  ];
  const { code, said } = await siftline('replay', ...argv);
  assert.equal(code, 0, said);
  const replayed = (await broker.readAll(again)).map(record => [labelOf(record).source.textId, record.timestamp]);
  assert.deepEqual(
    replayed,
    expected.map(([id, ms]) => [id, ms]),
  );
});
