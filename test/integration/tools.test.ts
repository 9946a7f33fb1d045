import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { addAudit } from '../../src/cli/audit.js';
import { addDlq } from '../../src/cli/dlq.js';
import { addReplay } from '../../src/cli/replay.js';
import { RangeSource } from '../../src/consumer/range-source.js';
import { ExitCode, type SiftlineError } from '../../src/errors.js';
import { LogReader, type PartitionRange } from '../../src/kafka/log-reader.js';
import { kafkaHeaders } from '../../src/kafka/record-codec.js';
import type { Headers, Labelled, SourceRecord } from '../../src/ports.js';
import { deadLetter } from '../../src/producer/dead-letter.js';
import { LabelReader } from '../../src/producer/label-reader.js';
import { shippedSchema } from '../../src/producer/schemas.js';
import { audit } from '../../src/tools/audit/audit.js';
import { isClean } from '../../src/tools/audit/report.js';
import { type Ran, runCommand } from '../cli/in-process.js';
import { siftline } from '../cli/process.js';
import { sourceContract } from '../contracts/source.contract.js';
import type { Instance } from '../support/instance.js';
import {
  eventually,
  type OutMessage,
  sharedBroker,
  type TestBroker,
  type TestScope,
  uniqueName,
} from '../support/kafka.js';
import { labelRecord } from '../support/label-record.js';
import { MEMORY_MODEL } from '../support/memory-classifier.js';
import { labelled } from '../support/memory-records.js';
import { fixtureModel } from '../support/models.js';
import { headerOf, labelOf, stageFields } from '../support/outputs.js';
import { makeStage, type Stage, startStage } from '../support/stage.js';

/*
 * What one does after an incident: audit, look at dead letters, send them back, replay. On a real broker, with a real
 * stage and with outputs that were made by hand to be wrong.
 */

const MODEL = fixtureModel('bert-two-tasks');
const OTHER_MODEL = fixtureModel('bert-single');

function fields({ topics, group }: Stage): string[] {
  return Object.entries(stageFields(topics, group)).flatMap(([field, value]) => ['--set', `${field}=${value}`]);
}

async function dlq(stage: Stage, command: string, ...argv: string[]): Promise<Ran> {
  return runCommand(addDlq, ['dlq', command, '--brokers', stage.broker.bootstrap, ...fields(stage), ...argv]);
}

/** What the audit says, and what it would exit with. */
async function audited(stage: Stage, ...argv: string[]) {
  const args = ['audit', '--brokers', stage.broker.bootstrap, ...fields(stage), '--json', ...argv];
  const { stdout, error } = await runCommand(addAudit, args);
  assert.ok(stdout !== '', String(error));
  return { report: JSON.parse(stdout), exitCode: (error as SiftlineError | undefined)?.exitCode ?? 0 };
}

function replay(stage: Stage, ...argv: string[]) {
  const common = ['--brokers', stage.broker.bootstrap, '--workers', '1', ...fields(stage)];
  return siftline('replay', ...common, ...argv);
}

function run(t: TestScope, stage: Stage, set: Record<string, string> = {}): Instance {
  return startStage(t, stage, { set: { 'workers.count': '1', ...set } });
}

/** Every fifth is poison, every tenth a tombstone. */
function records(count: number): OutMessage[] {
  return Array.from({ length: count }, (_, i) => {
    const common = { partition: i % 2, key: `key-${i}`, timestamp: 1_700_000_000_000 + i };
    const headers = [['n', Buffer.from(String(i))]] as const;
    if (i % 10 === 9) return { ...common, headers, value: null };
    const value = i % 5 === 3 ? `not json ${i}` : JSON.stringify({ id: i, text: `record ${i} about food` });
    return { ...common, headers, value };
  });
}

async function outcomes({ broker, topics }: Stage): Promise<number> {
  return (await broker.readAll(topics.labels)).length + (await broker.readAll(topics.rejected)).length;
}

describe('after an incident', () => {
  test('dead letters are listed, shown, sent back, followed when they fail again, and labelled once mended', async t => {
    const stage = await makeStage(2);
    const { broker, topics } = stage;
    await broker.produce(topics.input, records(50));
    const live = run(t, stage);
    await eventually('all is done', async () => (await outcomes(stage)) === 45);

    const clean = await audited(stage);
    assert.equal(clean.exitCode, ExitCode.ok);
    const { input, labelled: labels, rejected, skipped, missing } = clean.report;
    assert.deepEqual([input, labels, rejected, skipped, missing], [50, 35, 10, 5, 0]);

    const listed = JSON.parse((await dlq(stage, 'list', '--json')).stdout);
    assert.equal(listed.records, 10);
    assert.deepEqual(
      listed.reasons.map(({ reason, stage: where, count }: Record<string, unknown>) => [reason, where, count]),
      [['VALUE_NOT_JSON', 'decode', 10]],
    );
    const lines = (await dlq(stage, 'list', '--records')).stdout;
    assert.equal(lines.trim().split('\n').length, 10);
    assert.doesNotMatch(lines, /not json/);
    assert.match((await dlq(stage, 'list', '--reason', 'TEXT_EMPTY')).stdout, /no rejected records in this range/);
    assert.match((await dlq(stage, 'list', '--to', '-1h')).stdout, /no rejected records in this range/);

    const [first] = await broker.readAll(topics.rejected);
    assert.ok(first);
    const name = `${topics.rejected}-${first.partition}-${first.offset}`;
    const { stdout: shown } = await dlq(stage, 'show', name);
    assert.match(shown, /reason +VALUE_NOT_JSON \(decode\)/);
    assert.doesNotMatch(shown, /not json/);
    const place = ['-p', String(first.partition), '-o', String(first.offset)];
    assert.equal((await dlq(stage, 'show', ...place, '--value')).stdout, String(first.value));
    const object = JSON.parse((await dlq(stage, 'show', name, '--json')).stdout);
    assert.equal(object.headers.length, first.headers.length);

    const dry = await dlq(stage, 'redrive');
    assert.match(dry.stdout, /10 to send[\s\S]*dry run, nothing was sent/);
    assert.equal((await broker.readAll(topics.input)).length, 50);

    const group = uniqueName('redrive');
    const sent = JSON.parse((await dlq(stage, 'redrive', '--execute', '--group', group, '--json')).stdout);
    assert.deepEqual([sent.sent, sent.executed, sent.finished], [10, true, true]);
    await eventually('they fail again', async () => (await broker.readAll(topics.rejected)).length === 20);
    checkRedriven(await broker.readAll(topics.input), await broker.readAll(topics.rejected));
    assert.equal((await audited(stage)).exitCode, ExitCode.ok);

    // What was remembered is not sent again, and what came back once is followed.
    const limited = JSON.parse((await dlq(stage, 'redrive', '--group', group, '--max-redrives', '1', '--json')).stdout);
    assert.deepEqual([limited.read, limited.sent, limited.skipped.tooOften], [10, 0, 10]);
    const all = JSON.parse((await dlq(stage, 'redrive', '--max-redrives', '1', '--json')).stdout);
    assert.deepEqual([all.read, all.sent, all.skipped.tooOften], [20, 10, 10]);

    // Read as plain text they are good: into a topic of a stage that does.
    assert.equal(await live.kill('SIGTERM'), 0);
    const mended = await makeStage(1);
    const to = ['--to-topic', mended.topics.input, '--from', '0:0', '--to', '0:2'];
    const two = JSON.parse((await dlq(stage, 'redrive', '--execute', '--json', ...to)).stdout);
    assert.equal(two.sent, 2);
    run(t, mended, { 'input.format': 'text' });
    await eventually('they are labelled', async () => (await broker.readAll(mended.topics.labels)).length === 2);
    const back = await broker.readAll(mended.topics.labels);
    assert.ok(back.every(record => headerOf(record, 'siftline.redrive.count') === '1'));
    assert.ok(back.every(record => headerOf(record, 'siftline.redrive.of')?.startsWith(`${topics.input}-0-`)));
  });

  test('a replay answers a range once more with another model, and touches nothing of the live stage', async t => {
    const stage = await makeStage(2);
    const { broker, topics } = stage;
    await broker.produce(topics.input, records(50));
    const live = run(t, stage);
    await eventually('all is done', async () => (await outcomes(stage)) === 45);
    assert.equal(await live.kill('SIGTERM'), 0);
    const before = await groupsAndCommits(stage);

    const [same, next] = [`${topics.input}.same`, `${topics.input}.next`];
    const made = [same, `${same}.rejected`, next, `${next}.rejected`];
    await broker.createTopics(...made.map(topic => ({ topic, partitions: 2 })));
    const all = await replay(stage, '--labels-topic', same, '--model', MODEL);
    assert.equal(all.code, 0, all.said);
    const summary = { consumed: 50, labelled: 35, rejected: 10, skipped: 5, finished: true };
    assert.deepEqual(JSON.parse(all.stdout), summary);
    const part = await replay(stage, '--labels-topic', next, '--model', OTHER_MODEL, '--from', '5', '--to', '15');
    assert.deepEqual(JSON.parse(part.stdout), {
      ...{ consumed: 20, labelled: 14, rejected: 4, skipped: 2 },
      finished: true,
    });
    assert.deepEqual(await groupsAndCommits(stage), before);

    const outputs = ['--labels-topic', next, '--rejected-topic', `${next}.rejected`];
    const range = ['--from', '5', '--to', '15'];
    assert.equal((await audited(stage, ...outputs, ...range)).report.clean, true);
    // Over all of the input the rest is missing.
    assert.equal((await audited(stage, ...outputs)).report.missing, 27);

    const agree = await audited(stage, '--against', same);
    assert.deepEqual(agree.report.against, { compared: 35, differing: 0, onlyHere: 0, onlyThere: 0 });
    assert.equal(agree.exitCode, ExitCode.ok);
    const differ = await audited(stage, '--against', next, ...range);
    assert.deepEqual([differ.report.against.compared, differ.exitCode], [14, ExitCode.check]);
    assert.ok(differ.report.against.differing > 0);
    assert.equal((await broker.readAll(topics.labels)).length, 35);
  });

  test('a replay of what cannot be read stops at the limit on rejected records, and says where to go on', async () => {
    const stage = await makeStage(1);
    const { broker, topics } = stage;
    const [good, bad] = [20, 2_000];
    const value = (i: number) => (i < good ? JSON.stringify({ id: i, text: `about food ${i}` }) : `plain ${i}`);
    const messages = Array.from({ length: good + bad }, (_, i) => ({ key: String(i), value: value(i) }));
    await broker.produce(topics.input, messages);
    const to = `${topics.input}.again`;
    await broker.createTopics({ topic: to }, { topic: `${to}.rejected` });
    const limit = ['--set', 'rejects.maxRunRecords=50', '--set', 'workers.batchRecords=16'];
    const { code, said, stdout } = await replay(stage, '--labels-topic', to, '--model', MODEL, ...limit);
    assert.equal(code, ExitCode.rejects, said);
    assert.match(
      said,
      /REJECT_LIMIT: 50 records in a row .* \(VALUE_NOT_JSON 50\).* dlq list --topic \S+\.again\.rejected/,
    );
    const { consumed, labelled, rejected, finished, next } = JSON.parse(stdout);
    assert.deepEqual([labelled, consumed - rejected, finished], [good, good, false]);
    assert.ok(rejected >= 50 && rejected < bad, `${rejected} were rejected`);
    assert.equal(next, `0:${consumed}`);
    assert.equal((await broker.readAll(`${to}.rejected`)).length, rejected);
  });
});

/** Every redriven record is the original but for two headers, and its dead letter has them too. */
function checkRedriven(inputs: readonly SourceRecord[], rejected: readonly SourceRecord[]): void {
  const redriven = inputs.filter(record => headerOf(record, 'siftline.redrive.count') !== undefined);
  assert.equal(redriven.length, 10);
  for (const record of redriven) {
    assert.equal(headerOf(record, 'siftline.redrive.count'), '1');
    const of = headerOf(record, 'siftline.redrive.of');
    const original = inputs.find(each => nameOf(each) === of);
    assert.ok(original);
    const { key, value, timestamp, partition } = original;
    assert.deepEqual(
      [record.key, record.value, record.timestamp, record.partition],
      [key, value, timestamp, partition],
    );
    assert.deepEqual(record.headers.slice(0, -2), original.headers);
    const again = rejected.find(each => headerOf(each, 'siftline.id') === nameOf(record));
    assert.ok(again);
    assert.equal(headerOf(again, 'siftline.redrive.of'), of);
  }
}

function nameOf({ topic, partition, offset }: SourceRecord): string {
  return `${topic}-${partition}-${offset}`;
}

async function groupsAndCommits({ broker, topics, group }: Stage): Promise<unknown> {
  const admin = broker.kafka().admin();
  await admin.connect();
  try {
    // Groups of the test's own readers come and go.
    const groups = (await admin.listGroups()).groups.map(({ groupId }) => groupId);
    const own = groups.filter(name => !name.startsWith('read-all')).sort();
    return { own, commits: await admin.fetchOffsets({ groupId: group, topics: [topics.input] }) };
  } finally {
    await admin.disconnect();
  }
}

describe('an audit of outputs that were made by hand', () => {
  const schema = shippedSchema('classification');
  const encoder = { schema, schemaId: 1, model: MEMORY_MODEL, policy: 'test' };
  const rejector = { name: 'test', clientId: 'test', version: '0', modelSha256: MEMORY_MODEL.sha256 };

  function labelFor(record: SourceRecord, label = 'fine'): OutMessage {
    const { key, value, timestamp, headers } = labelRecord(
      encoder,
      record,
      labelled(record, label) as Labelled & { record: SourceRecord },
    );
    return {
      partition: record.partition,
      key: key as Buffer | null,
      value: value as Buffer,
      timestamp: Number(timestamp),
      headers: headers as unknown as Headers,
    };
  }

  function letterFor(record: SourceRecord): OutMessage {
    const rejection = {
      kind: 'rejected',
      reason: 'TEXT_EMPTY',
      stage: 'decode',
      attempts: 1,
      detail: 'empty',
    } as const;
    const { key, value, timestamp, headers } = deadLetter(rejector, record, rejection);
    return {
      partition: record.partition,
      key: key as Buffer | null,
      value: value as Buffer | null,
      timestamp: Number(timestamp),
      headers: headers as unknown as Headers,
    };
  }

  async function withInputs(count: number): Promise<{ stage: Stage; inputs: SourceRecord[] }> {
    const stage = await makeStage(2);
    const messages = Array.from({ length: count }, (_, i) => ({
      partition: i % 2,
      key: `key-${i}`,
      value: i === count - 1 ? null : `{"text":"${i}"}`,
      headers: [['n', Buffer.from(String(i))]] as const,
      timestamp: 1_700_000_000_000 + i,
    }));
    await stage.broker.produce(stage.topics.input, messages);
    return { stage, inputs: await stage.broker.readAll(stage.topics.input, { expect: count }) };
  }

  test('finds each kind of wrong, and where', async () => {
    const { stage, inputs } = await withInputs(20);
    const { broker, topics } = stage;
    const [even, odd] = [0, 1].map(partition => inputs.filter(record => record.partition === partition));
    assert.ok(even && odd);
    const at = (list: readonly SourceRecord[], i: number) => list[i] as SourceRecord;
    const foreign = { ...at(even, 0), topic: 'elsewhere' };
    await broker.produce(topics.labels, [
      // Partition 0: 1 doubled, 2 doubled with another answer, 4 before 3, 5 with another key, 6 missing.
      ...[0, 1, 1, 2].map(i => labelFor(at(even, i))),
      labelFor(at(even, 2), 'bad'),
      ...[4, 3].map(i => labelFor(at(even, i))),
      { ...labelFor(at(even, 5)), key: 'another' },
      ...[7, 8].map(i => labelFor(at(even, i))),
      labelFor(foreign),
      { partition: 0, value: 'no label' },
      // Partition 1, without its tombstone: 3 in the wrong partition, and one for the tombstone.
      ...[0, 1, 2, 4, 5, 6, 7, 8].map(i => labelFor(at(odd, i))),
      { ...labelFor(at(odd, 3)), partition: 0 },
      labelFor(at(odd, 9)),
    ]);
    const letter = letterFor(at(even, 9));
    await broker.produce(topics.rejected, [{ ...letter, value: 'other bytes' }, letterFor(at(odd, 0))]);

    const { report, exitCode } = await audited(stage);
    assert.equal(exitCode, ExitCode.check);
    const { findings, clean, ...counts } = report;
    assert.deepEqual(counts, {
      ...{ input: 20, labelled: 17, rejected: 1, skipped: 1, missing: 1 },
      duplicates: { identical: 1, differing: 2 },
      ...{ outOfOrder: 1, differing: 2, stray: 2, wrongPartition: 1, unreadable: 1, mendedTimes: 0, outside: 0 },
    });
    const place = (record: SourceRecord) => nameOf(record);
    assert.deepEqual(findings.missing, [{ input: place(at(even, 6)) }]);
    assert.equal(findings.identicalDuplicates[0].input, place(at(even, 1)));
    assert.equal(findings.outOfOrder[0].input, place(at(even, 3)));
    assert.deepEqual(
      findings.differing.map(({ input }: { input: string }) => input),
      [place(at(even, 5)), place(at(even, 9))],
    );
    assert.deepEqual(
      findings.stray.map(({ input }: { input: string }) => input).sort(),
      ['elsewhere-0-0', place(at(odd, 9))].sort(),
    );

    const text = await runCommand(addAudit, ['audit', '--brokers', broker.bootstrap, ...fields(stage), '--show', '1']);
    assert.match(text.stdout, new RegExp(`^missing: ${place(at(even, 6))}$`, 'm'));
    assert.match(String(text.error), /1 missing, 3 duplicate, 1 out of order, 2 differing, 2 stray/);
    // Only of the records before the first trouble.
    assert.equal((await audited(stage, '--partition', '0', '--to', '1')).report.clean, false);
    const clipped = await audited(stage, '--partition', '1', '--from', '4', '--to', '8');
    assert.deepEqual([clipped.report.input, clipped.report.missing, clipped.report.outOfOrder], [4, 0, 0]);
  });

  test('waits for outcomes that are still to come when told to', async () => {
    const { stage, inputs } = await withInputs(6);
    const { broker, topics } = stage;
    const [first, ...rest] = inputs.filter(({ value }) => value !== null);
    assert.ok(first);
    const waiting = audited(stage, '--until-idle', '4');
    await broker.produce(topics.labels, [labelFor(first)]);
    for (const record of rest) {
      await broker.produce(record.partition === 0 ? topics.rejected : topics.labels, [
        record.partition === 0 ? letterFor(record) : labelFor(record),
      ]);
    }
    const { report } = await waiting;
    assert.equal(report.clean, true, JSON.stringify(report));
  });

  test('sees what is committed, or all of it', async () => {
    const { stage, inputs } = await withInputs(3);
    const { broker, topics } = stage;
    const [one, two] = inputs.filter(({ value }) => value !== null);
    assert.ok(one && two);
    await inTransactions(broker, topics.labels, [
      { messages: [labelFor(one), labelFor(two)], commit: false },
      { messages: [labelFor(one)], commit: true },
      { messages: [labelFor(two)], commit: true },
    ]);
    // The coordinator answers before its markers are in the log.
    await eventually('the last commit shows', async () => (await audited(stage)).report.clean);
    const all = await audited(stage, '--isolation', 'read_uncommitted');
    assert.deepEqual(all.report.duplicates, { identical: 2, differing: 0 });
  });

  test('counts only input records that are there: no markers, nothing of aborted transactions', async () => {
    const stage = await makeStage(1);
    const { broker, topics } = stage;
    const of = (...values: string[]) => values.map(value => ({ partition: 0, value }));
    // Two that are aborted and lie within one another, so that a fetch may begin in the middle of both.
    await inTransactions(broker, topics.input, [
      { messages: of('1', '2'), commit: false },
      { messages: of('3', '4'), commit: true },
      { messages: of('5'), commit: false },
    ]);
    const { report } = await audited(stage);
    assert.deepEqual([report.input, report.missing], [2, 2]);
    assert.deepEqual(await readFrom(stage, 0n), ['3', '4']);
    for (const record of await broker.readAll(topics.input)) {
      await broker.produce(topics.labels, [labelFor(record)]);
    }
    const { report: labelledAll } = await audited(stage);
    assert.equal(labelledAll.clean, true, JSON.stringify(labelledAll));
  });

  test('is clean over twenty thousand records that come in small fetches', async () => {
    const stage = await makeStage(2);
    const { broker, topics } = stage;
    const messages = Array.from({ length: 20_000 }, (_, i) => ({ partition: i % 2, value: `text ${i}` }));
    await broker.produce(topics.input, messages);
    const inputs = await broker.readAll(topics.input, { expect: 20_000 });
    for (let i = 0; i < inputs.length; i += 2_000) {
      await broker.produce(
        topics.labels,
        inputs.slice(i, i + 2_000).map(record => labelFor(record)),
      );
    }
    const reader = await LogReader.open({
      kafka: broker.kafka(),
      brokers: [broker.bootstrap],
      readUncommitted: false,
      fetchBytes: 64_000,
    });
    try {
      const report = await audit({
        reader,
        inputs: await reader.bounds(topics.input),
        labels: await reader.bounds(topics.labels),
        rejected: await reader.bounds(topics.rejected),
        outputPartitions: new Map([[topics.labels, 2]]),
        ...{ labelReader: new LabelReader('siftline'), show: 1, timestamps: true },
      });
      assert.deepEqual([report.labelled, isClean(report)], [20_000, true]);
    } finally {
      await reader.close();
    }
  });
});

interface Transaction {
  readonly messages: readonly OutMessage[];
  readonly commit: boolean;
}

/** All of them open at once, each of its own producer; ended in their order. */
async function inTransactions(broker: TestBroker, topic: string, list: readonly Transaction[]): Promise<void> {
  const ends: Array<() => Promise<void>> = [];
  for (const { messages, commit } of list) {
    const transactionalId = uniqueName('transaction');
    const producer = broker.kafka().producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const transaction = await producer.transaction();
    for (const { headers = [], timestamp, ...message } of messages) {
      const time = timestamp === undefined ? {} : { timestamp: String(timestamp) };
      await transaction.send({ topic, messages: [{ ...message, ...time, headers: kafkaHeaders(headers) }] });
    }
    ends.push(async () => {
      await (commit ? transaction.commit() : transaction.abort());
      await producer.disconnect();
    });
  }
  for (const end of ends) await end();
}

async function readFrom({ broker, topics }: Stage, from: bigint): Promise<string[]> {
  const reader = await LogReader.open({ kafka: broker.kafka(), brokers: [broker.bootstrap], readUncommitted: false });
  try {
    const values: string[] = [];
    for (const range of await reader.bounds(topics.input)) {
      for await (const { records: found } of reader.read({ ...range, from })) {
        values.push(...found.map(({ value }) => String(value)));
      }
    }
    return values;
  } finally {
    await reader.close();
  }
}

test('a fetch that begins within two aborted transactions hides both, for consumers too', async t => {
  const stage = await makeStage(1);
  const of = (...values: string[]) => values.map(value => ({ partition: 0, value }));
  await inTransactions(stage.broker, stage.topics.input, [
    { messages: of('a1'), commit: false },
    { messages: of('b1', 'b2'), commit: false },
    { messages: of('c'), commit: true },
  ]);
  // Offset 1 is the first of the second transaction; the first one began before it.
  assert.deepEqual(await readFrom(stage, 1n), ['c']);
  const consumer = stage.broker.kafka().consumer({ groupId: stage.group, maxWaitTimeInMs: 100 });
  t.after(() => consumer.disconnect());
  const seen: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic: stage.topics.input });
  await consumer.run({ eachMessage: async ({ message }) => void seen.push(String(message.value)) });
  consumer.seek({ topic: stage.topics.input, partition: 0, offset: '1' });
  await eventually('the committed one is read', () => seen.includes('c'));
  assert.deepEqual(seen, ['c']);
});

test('partitions that are read at once share the connections, and none is left open', async () => {
  const { broker, topics } = await makeStage(4);
  await broker.produce(
    topics.input,
    Array.from({ length: 8 }, (_, i) => ({ partition: i % 4, value: String(i) })),
  );
  const sockets = () => process.getActiveResourcesInfo().filter(name => name === 'TCPSocketWrap').length;
  await eventually('what earlier readers had is closed', () => sockets() === 0);
  const reader = await LogReader.open({ kafka: broker.kafka(), brokers: [broker.bootstrap], readUncommitted: false });
  let seen = 0;
  const read = async (range: PartitionRange) => {
    for await (const { records: found } of reader.read(range)) seen += found.length;
  };
  await Promise.all((await reader.bounds(topics.input)).map(read));
  assert.deepEqual([seen, sockets()], [8, 2]);
  await reader.close();
  await eventually('its connections are closed', () => sockets() === 0);
});

test('what retention deletes while a range is read is passed over', async () => {
  const { broker, topics } = await makeStage(1);
  await broker.produce(
    topics.input,
    Array.from({ length: 10 }, (_, i) => ({ partition: 0, value: String(i) })),
  );
  const reader = await LogReader.open({ kafka: broker.kafka(), brokers: [broker.bootstrap], readUncommitted: false });
  const admin = broker.kafka().admin();
  try {
    const [whole] = await reader.bounds(topics.input);
    assert.ok(whole);
    await admin.connect();
    // It deletes only in topics it has the metadata of.
    await admin.fetchTopicOffsets(topics.input);
    await admin.deleteTopicRecords({ topic: topics.input, partitions: [{ partition: 0, offset: '4' }] });
    const seen: string[] = [];
    for await (const { records: found } of reader.read(whole)) seen.push(...found.map(({ value }) => String(value)));
    assert.deepEqual(seen, ['4', '5', '6', '7', '8', '9']);
  } finally {
    await Promise.all([admin.disconnect(), reader.close()]);
  }
});

describe('what cannot be done is said in one line', () => {
  const cases: ReadonlyArray<readonly [what: string, argv: readonly string[], code: string, exitCode: number]> = [
    ['a rejected topic that is not there', ['dlq', 'list', '--topic', 'nowhere'], 'TOPIC_MISSING', ExitCode.topic],
    ['a time that cannot be read', ['dlq', 'list', '--from', 'yesterday'], 'RANGE_INVALID', ExitCode.usage],
    ['a partition there is not', ['dlq', 'list', '--partition', '9'], 'RANGE_PARTITION', ExitCode.usage],
    ['an end before the start', ['dlq', 'redrive', '--from', '5', '--to', '3'], 'RANGE_REVERSED', ExitCode.usage],
    ['offsets without a partition', ['dlq', 'redrive', '--offsets', '5'], 'OFFSETS_INVALID', ExitCode.usage],
    ['a record that is not there', ['dlq', 'show', '-p', '0', '-o', '77'], 'RECORD_MISSING', ExitCode.topic],
    ['no record', ['dlq', 'show'], 'RECORD_INVALID', ExitCode.usage],
    ['an empty range', ['audit', '--from', '77'], 'RANGE_EMPTY', ExitCode.usage],
    ['an input that is not there', ['audit', '--topics', 'nowhere'], 'TOPIC_MISSING', ExitCode.topic],
    ['a replay of nothing', ['replay', '--labels-topic', 'nowhere', '--from', '77'], 'RANGE_EMPTY', ExitCode.usage],
    ['a replay to nowhere', ['replay', '--labels-topic', 'nowhere'], 'TOPIC_MISSING', ExitCode.topic],
  ];
  for (const [what, argv, code, exitCode] of cases) {
    test(what, async () => {
      const stage = await makeStage(2);
      await stage.broker.produce(stage.topics.input, records(2));
      const add = { dlq: addDlq, audit: addAudit, replay: addReplay }[argv[0] as 'dlq'];
      const common = ['--brokers', stage.broker.bootstrap, ...fields(stage)];
      const topics = argv.includes('--topics') ? [] : common;
      const { error, stdout } = await runCommand(add, [...argv, ...(topics.length > 0 ? common : common.slice(0, 2))]);
      const failure = error as SiftlineError;
      assert.deepEqual([failure.code, failure.exitCode], [code, exitCode], failure.message);
      assert.doesNotMatch(failure.message, /\n/);
      assert.equal(stdout, '');
    });
  }

  test('a replay into the topics of the live stage', async () => {
    const stage = await makeStage(2);
    for (const outputs of [
      ['--labels-topic', stage.topics.labels],
      ['--labels-topic', 'x', '--rejected-topic', stage.topics.rejected],
    ]) {
      const { error } = await runCommand(addReplay, [
        'replay',
        '--brokers',
        stage.broker.bootstrap,
        ...fields(stage),
        ...outputs,
      ]);
      assert.equal((error as SiftlineError).code, 'REPLAY_LIVE_TOPIC');
    }
  });

  test('a redrive into the rejected topic, or to where there is no topic', async () => {
    const stage = await makeStage(2);
    const { rejected } = stage.topics;
    const { error: looping } = await dlq(stage, 'redrive', '--to-topic', rejected);
    assert.equal((looping as SiftlineError).code, 'REDRIVE_LOOP');
    await stage.broker.produce(rejected, [
      {
        value: 'x',
        headers: [
          ['__connect.errors.topic', Buffer.from('gone')],
          ['__connect.errors.partition', Buffer.from('0')],
          ['__connect.errors.offset', Buffer.from('1')],
        ],
      },
    ]);
    const { error: nowhere } = await dlq(stage, 'redrive');
    assert.equal((nowhere as SiftlineError).code, 'TOPIC_MISSING');
    assert.match((nowhere as SiftlineError).message, /topic gone, which rejected records came from/);
  });
});

test('a redrive remembers nothing in a group that has members', async t => {
  const stage = await makeStage(2);
  const { broker, topics, group } = stage;
  await broker.produce(topics.input, records(20));
  const live = run(t, stage);
  await eventually('all is done', async () => (await outcomes(stage)) === 18);
  const { error } = await dlq(stage, 'redrive', '--execute', '--group', group);
  assert.equal((error as SiftlineError).code, 'GROUP_IN_USE');
  assert.equal(await live.kill('SIGTERM'), 0);
  assert.ok((await broker.readAll(topics.labels)).every(record => labelOf(record).source.topic === topics.input));
});

sourceContract({
  name: 'RangeSource on a broker',
  can: new Set(),
  rig: async (t, counts) => {
    const broker = await sharedBroker();
    const topic = uniqueName('range');
    await broker.createTopics({ topic, partitions: counts.length });
    for (const [partition, count] of counts.entries()) {
      const messages = Array.from({ length: count }, (_, i) => ({ partition, value: `text ${i}` }));
      if (count > 0) await broker.produce(topic, messages);
    }
    const reader = await LogReader.open({ kafka: broker.kafka(), brokers: [broker.bootstrap], readUncommitted: false });
    t.after(() => reader.close());
    return {
      open: async batchRecords => {
        const source = new RangeSource({
          ranges: await reader.bounds(topic),
          read: (range, signal) => reader.read(range, signal),
          limits: { records: 1_000, bytes: 1_000_000, batchRecords, batchBytes: 1_000_000 },
        });
        await source.open();
        return source;
      },
    };
  },
});
