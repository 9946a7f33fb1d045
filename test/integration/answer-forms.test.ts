import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { failPointEnv } from '../../faults/fail-points.js';
import { addAudit } from '../../src/cli/audit.js';
import { addCheck } from '../../src/cli/check.js';
import { addTail } from '../../src/cli/tail.js';
import type { Finding } from '../../src/observe/finding.js';
import { recordId, type SourceRecord } from '../../src/ports.js';
import { LabelReader, type ReadLabel } from '../../src/producer/label-reader.js';
import { runCommand } from '../cli/in-process.js';
import { eventually, uniqueName } from '../support/kafka.js';
import { fixtureModel } from '../support/models.js';
import { headerOf, stageFields } from '../support/outputs.js';
import { makeStage, type Stage, startStage } from '../support/stage.js';

const BANDS = '{topic: {food: {review: 0.05, block: 0.1}}}';
const SECOND = { 'output.schemaVersion': '2', 'policy.bands': BANDS };
const RECORDS = 60;

function messages(count: number) {
  return Array.from({ length: count }, (_, i) => ({
    partition: i % 2,
    key: `key-${i}`,
    timestamp: 1_700_000_000_000 + i,
    headers: [['n', Buffer.from(String(i))]] as const,
    value: i % 20 === 19 ? 'no JSON' : ` {"id":${i}, "text":"${TEXTS[i % TEXTS.length]} ${i}", "price": 1.0}\n`,
  }));
}

const TEXTS = ['ten easy recipes for a rainy sunday', 'you are rude and loud', 'a train to the sea', 'GO AWAY NOW'];

function read(record: SourceRecord, field = 'siftline'): ReadLabel {
  const label = new LabelReader(field).read(record);
  return label.kind === 'label' ? label : assert.fail(label.why);
}

async function audited({ broker, topics, group }: Stage, set: Record<string, string>) {
  const fields = Object.entries({ ...stageFields(topics, group), ...set });
  const args = [
    'audit',
    '--brokers',
    broker.bootstrap,
    ...fields.flatMap(([f, v]) => ['--set', `${f}=${v}`]),
    '--json',
  ];
  const { stdout, error } = await runCommand(addAudit, args);
  assert.ok(stdout !== '', String(error));
  return JSON.parse(stdout) as { clean: boolean; labelled: number; rejected: number };
}

async function answered(
  t: TestContext,
  set: Record<string, string>,
): Promise<{ stage: Stage; labels: SourceRecord[] }> {
  const stage = await makeStage(2);
  await stage.broker.produce(stage.topics.input, messages(RECORDS));
  const instance = startStage(t, stage, { set });
  await eventually('all are answered', async () => (await stage.broker.readAll(stage.topics.labels)).length >= 57);
  assert.equal(await instance.kill('SIGTERM'), 0, instance.stderr);
  return { stage, labels: await stage.broker.readAll(stage.topics.labels) };
}

describe('an answer of version 2', () => {
  const FORMS: ReadonlyArray<readonly [name: string, set: Record<string, string>]> = [
    ['Avro', {}],
    [
      'JSON, with fields of its input',
      { 'output.format': 'json', 'output.include': 'price,id', 'output.scores': 'given' },
    ],
    ['enriched JSON', { 'output.value': 'enriched', 'output.field': 'news' }],
    ['headers', { 'output.value': 'headers', delivery: 'exactly-once' }],
  ];
  for (const [name, form] of FORMS) {
    test(`as ${name} is whole on the topic, and the audit finds nothing`, async t => {
      const set = { ...SECOND, ...form };
      const { stage, labels } = await answered(t, set);
      const field = form['output.field'] ?? 'siftline';
      for (const record of labels) {
        const label = read(record, field);
        assert.equal(headerOf(record, `${field}.id`), recordId(label.source));
        assert.equal(label.decision === 'allow' ? 'default' : 'band', label.decidedBy?.kind);
      }
      const [first] = labels;
      if (form['output.include']) assert.match(String(first?.value), /"included":\{"price":"1","id":"\d+"\}/);
      const report = await audited(stage, set);
      assert.deepEqual([report.clean, report.labelled, report.rejected], [true, 57, 3]);
    });
  }

  test('can be the input of a next stage, three in a row', async t => {
    const stages = [await makeStage(1), await makeStage(1), await makeStage(1)];
    for (const [i, stage] of stages.entries()) {
      const input = i === 0 ? stage.topics.input : (stages[i - 1] as Stage).topics.labels;
      startStage(
        t,
        { ...stage, topics: { ...stage.topics, input } },
        {
          set: { ...SECOND, 'output.value': 'enriched', 'output.field': `stage${i}` },
        },
      );
    }
    const [first, , last] = stages as [Stage, Stage, Stage];
    const value = '{"id":1,"text":"about food","n":12345678901234567890}';
    await first.broker.produce(first.topics.input, [{ value, headers: [['stage2.decision', Buffer.from('allow')]] }]);
    await eventually('the last has answered', async () => (await last.broker.readAll(last.topics.labels)).length > 0);
    const [record] = await last.broker.readAll(last.topics.labels);
    assert.ok(record);
    assert.ok(String(record.value).startsWith(`${value.slice(0, -1)},"stage0":{`));
    assert.deepEqual(Object.keys(JSON.parse(String(record.value))).slice(3), ['stage0', 'stage1', 'stage2']);
    assert.deepEqual(
      record.headers.map(([name]) => name),
      ['input.stage2.decision', ...[0, 1, 2].flatMap(i => [`stage${i}.group`, `stage${i}.id`])],
    );
  });
});

describe('a route', () => {
  async function routed(t: TestContext, set: Record<string, string>, env: Record<string, string> = {}) {
    const stage = await makeStage(2);
    const [block, review] = [uniqueName('block'), uniqueName('review')];
    await stage.broker.createTopics({ topic: block, partitions: 2 }, { topic: review, partitions: 1 });
    await stage.broker.produce(stage.topics.input, messages(RECORDS));
    const all = { ...SECOND, ...set, 'output.routes.block': block, 'output.routes.review': review };
    if (Object.keys(env).length > 0) {
      const first = startStage(t, stage, { set: all, env });
      assert.equal(await first.exited, null, 'killed');
    }
    const instance = startStage(t, stage, { set: all });
    await eventually('all are answered', async () => (await stage.broker.readAll(stage.topics.labels)).length >= 57);
    assert.equal(await instance.kill('SIGTERM'), 0, instance.stderr);
    const labels = (await stage.broker.readAll(stage.topics.labels)).map(record => read(record));
    const decided = (decision: string) =>
      labels
        .filter(label => label.decision === decision)
        .map(placeIn)
        .sort();
    return {
      stage,
      all,
      decided,
      block: await stage.broker.readAll(block),
      review: await stage.broker.readAll(review),
    };
  }

  const placeIn = ({ source }: ReadLabel) => recordId(source);

  test('gets the records of its decision and no others, byte for byte, with the answer in headers', async t => {
    const { stage, all, decided, block, review } = await routed(t, {});
    assert.ok(block.length > 0 && review.length > 0, `${block.length} blocked, ${review.length} reviewed`);
    const inputs = await stage.broker.readAll(stage.topics.input);
    for (const [name, records] of Object.entries({ block, review })) {
      assert.deepEqual(records.map(record => placeIn(read(record))).sort(), decided(name));
      for (const record of records) {
        const { source, decision, input, headers } = read(record);
        const origin = inputs.find(each => each.partition === source.partition && each.offset === source.offset);
        assert.deepEqual([decision, input, headers], [name, origin?.value, origin?.headers]);
        assert.deepEqual([record.key, record.timestamp], [origin?.key, origin?.timestamp]);
      }
    }
    assert.equal((await audited(stage, all)).clean, true);
  });

  test('is written in the transaction of the label: a process killed half-way leaves neither or both', async t => {
    const env = failPointEnv('half-sent=kill@3', 'dist');
    const set = { delivery: 'exactly-once', 'workers.batchRecords': '8' };
    const { decided, block, review } = await routed(t, set, env);
    assert.deepEqual(block.map(record => placeIn(read(record))).sort(), decided('block'));
    assert.deepEqual(review.map(record => placeIn(read(record))).sort(), decided('review'));
  });

  test('of an enriched stage gets the enriched record', async t => {
    const { block } = await routed(t, { 'output.value': 'enriched' });
    for (const { value } of block)
      assert.match(String(value), /^ \{"id":\d+, .*"price": 1\.0,"siftline":\{"id":.*\}\}\n$/);
  });
});

test('check refuses a topic that holds the other version, and prints the steps', async t => {
  const { stage } = await answered(t, {});
  const check = async (set: Record<string, string>) => {
    const fields = Object.entries({ ...stageFields(stage.topics, stage.group), ...set, 'metrics.port': '0' });
    const args = ['check', '--brokers', stage.broker.bootstrap, '--model', fixtureModel('bert-two-tasks'), '--json'];
    const { stdout } = await runCommand(addCheck, [...args, ...fields.flatMap(([f, v]) => ['--set', `${f}=${v}`])]);
    const findings = JSON.parse(stdout).findings as Finding[];
    return findings.find(each => each.check === 'output');
  };
  assert.equal((await check({}))?.status, 'ok');
  const refused = await check({ 'output.schemaVersion': '2' });
  assert.equal(refused?.status, 'fail');
  assert.match(refused?.text ?? '', /holds labels of version 1, and output\.schemaVersion is 2/);
  assert.match(refused?.remedy ?? '', /new topic in output\.labelsTopic, create it/);
});

describe('tail', () => {
  async function tailed({ broker, topics, group }: Stage, ...argv: string[]): Promise<Array<Record<string, unknown>>> {
    const fields = Object.entries(stageFields(topics, group)).flatMap(([f, v]) => ['--set', `${f}=${v}`]);
    const args = ['tail', '--brokers', broker.bootstrap, ...fields, '--from', 'start', '--no-follow', ...argv];
    const { stdout, error } = await runCommand(addTail, args);
    assert.equal(error, undefined);
    return stdout.split('\n').flatMap(each => (each === '' ? [] : [JSON.parse(each)]));
  }

  test('shows labels of either version with their texts, filters them, and leaves no group behind', async t => {
    const { stage } = await answered(t, { 'policy.bands': BANDS, 'metrics.windowSeconds': '1' });
    const second = startStage(t, { ...stage, group: uniqueName('group') }, { set: SECOND });
    await eventually('answered again', async () => (await stage.broker.readAll(stage.topics.labels)).length >= 114);
    assert.equal(await second.kill('SIGTERM'), 0, second.stderr);
    const reader = { ...stage, group: uniqueName('reader') };
    const all = await tailed(reader);
    assert.equal(all.length, 114);
    for (const { source, text } of all) {
      const { partition, offset } = source as { partition: number; offset: number };
      assert.equal(text, `${TEXTS[(offset * 2 + partition) % TEXTS.length]} ${offset * 2 + partition}`);
    }
    const blocked = await tailed(reader, '--decision', 'block', '--no-text', '--task', 'topic');
    assert.ok(blocked.length > 0 && blocked.length < 114);
    for (const label of blocked) {
      assert.deepEqual(
        [label.decision, 'text' in label, Object.keys(label.tasks as object)],
        ['block', false, ['topic']],
      );
    }
    assert.equal((await tailed(reader, '--id', '7')).length, 2);
    assert.equal((await tailed(reader, '-n', '3')).length, 3);
    const windows = await tailed(reader, '--metrics');
    assert.equal(
      windows.reduce((sum, { labelled }) => sum + Number(labelled), 0),
      114,
    );
    const admin = stage.broker.kafka().admin();
    await admin.connect();
    const { groups } = await admin.listGroups();
    await admin.disconnect();
    assert.ok(!groups.some(({ groupId }) => groupId === reader.group));
  });
});
