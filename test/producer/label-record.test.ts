import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { unframe } from '../../src/avro/framing.js';
import { buildType } from '../../src/avro/type.js';
import type { Explanation, Headers, Labelled } from '../../src/ports.js';
import { shippedSchema } from '../../src/producer/schemas.js';
import { labelRecord } from '../support/label-record.js';
import { MEMORY_MODEL } from '../support/memory-classifier.js';
import { labelled, recordAt } from '../support/memory-records.js';
import { withoutFields } from '../support/outputs.js';

interface Classification {
  readonly windows?: number;
  readonly explanations?: readonly Explanation[];
  readonly tokens: number;
  readonly tasks: ReadonlyArray<{ readonly label: string; readonly window?: object | null }>;
}

const schema = shippedSchema('classification');
const plain = labelled(recordAt(0, 0)) as Labelled & ReturnType<typeof labelled>;
const window = { index: 1, fromToken: 94, toToken: 220 };
const windowed: Labelled = { ...plain, windows: 3, results: plain.results.map(result => ({ ...result, window })) };

const explanation: Explanation = {
  task: 'mood',
  label: 'fine',
  score: 0.75,
  words: [
    { start: 2, end: 6, contribution: 0.5 },
    { start: 7, end: 11, contribution: -0.125 },
  ],
  comprehensiveness: 0.625,
};

function bytesOf(outcome: Labelled): Buffer {
  const encoder = { schema, schemaId: 7, model: MEMORY_MODEL, policy: 'p' };
  const { value } = labelRecord(encoder, recordAt(0, 0), outcome);
  const parts = unframe(Buffer.isBuffer(value) ? value : assert.fail('no bytes'));
  return parts.kind === 'framed' ? parts.body : assert.fail('no framing');
}

test('a label record is read by readers from before models had an identity, and theirs by readers of now', () => {
  const before = buildType(withoutFields(schema.json, ['identity']));
  const old = before.fromBuffer(bytesOf(plain), before.createResolver(schema.type)) as { model: object };
  const { name, version, sha256, precision } = MEMORY_MODEL;
  assert.deepEqual({ ...old.model }, { name, version, sha256, precision });
  const now = schema.type.fromBuffer(before.toBuffer(old), schema.type.createResolver(before)) as { model: object };
  assert.deepEqual({ ...now.model }, { name, version, sha256, precision, identity: '' });
});

test('a label record names the group whose offset moves past its input, behind what the input has, and none in a replay', () => {
  const own: Headers = [
    ['siftline.group', Buffer.from('upstream')],
    ['siftline.id', Buffer.from('first-0-1')],
  ];
  const headersOf = (group?: string) => {
    const encoder = { schema, schemaId: 7, model: MEMORY_MODEL, policy: 'p', group };
    return labelRecord(encoder, recordAt(0, 0, { headers: own }), plain).headers as unknown as Headers;
  };
  const id = ['siftline.id', Buffer.from('memory-0-0')] as const;
  assert.deepEqual(headersOf('mine'), [...own, ['siftline.group', Buffer.from('mine')], id]);
  assert.deepEqual(headersOf(), [...own, id]);
});

describe('a label record', () => {
  test('says as how many windows the text was read, and which of them decided', () => {
    const { windows, tasks } = schema.type.fromBuffer(bytesOf(windowed)) as Classification;
    assert.equal(windows, 3);
    assert.deepEqual({ ...tasks[0]?.window }, window);
  });

  test('of a text that fits has one window and names none', () => {
    const { windows, tasks } = schema.type.fromBuffer(bytesOf(plain)) as Classification;
    assert.deepEqual([windows, tasks[0]?.window], [1, null]);
  });

  test('is read by readers from before there were windows, and theirs by readers of now', () => {
    const before = buildType(withoutFields(schema.json, ['windows', 'window']));
    const old = before.fromBuffer(bytesOf(windowed), before.createResolver(schema.type)) as Classification;
    assert.deepEqual([old.tokens, old.tasks[0]?.label, old.windows], [3, 'fine', undefined]);
    const now = schema.type.fromBuffer(before.toBuffer(old), schema.type.createResolver(before)) as Classification;
    assert.deepEqual([now.tokens, now.windows, now.tasks[0]?.window], [3, 1, null]);
  });
});

test('a label record names the model of a cascade that answered, and without one the model', () => {
  const sums = { sha256: '1'.repeat(64), identity: '2'.repeat(64) };
  const student = { ...MEMORY_MODEL, name: 'small', version: '2', ...sums, precision: 'int8' };
  const nameIn = (outcome: Labelled, encoder: object) => {
    const { value } = labelRecord(
      { schema, schemaId: 7, model: MEMORY_MODEL, policy: 'p', ...encoder },
      recordAt(0, 0),
      outcome,
    );
    const parts = unframe(Buffer.isBuffer(value) ? value : assert.fail('no bytes'));
    const { model } = schema.type.fromBuffer(parts.kind === 'framed' ? parts.body : assert.fail()) as { model: object };
    return { ...model };
  };
  const { name, version, sha256, precision, identity } = MEMORY_MODEL;
  const full = { name, version, sha256, precision, identity };
  assert.deepEqual(nameIn({ ...plain, answeredBy: 'student' }, { student }), {
    name: 'small',
    version: '2',
    ...sums,
    precision: 'int8',
  });
  assert.deepEqual(nameIn({ ...plain, answeredBy: 'full' }, { student }), full);
  assert.deepEqual(nameIn(plain, {}), full);
});

describe('the explanations of a label record', () => {
  const explained: Labelled = { ...plain, explanations: [explanation] };

  test('come out as they went in: places and numbers', () => {
    const { explanations } = schema.type.fromBuffer(bytesOf(explained)) as Classification;
    assert.deepEqual(JSON.parse(JSON.stringify(explanations)), [explanation]);
  });

  test('are none where none are asked for, and where there was no time', () => {
    for (const outcome of [plain, { ...plain, explanations: null }]) {
      const { explanations } = schema.type.fromBuffer(bytesOf(outcome)) as Classification;
      assert.deepEqual([...(explanations ?? [])], []);
    }
  });

  test('are skipped by readers from before there were any, whose records have none', () => {
    const before = buildType(withoutFields(schema.json, ['explanations']));
    const old = before.fromBuffer(bytesOf(explained), before.createResolver(schema.type)) as Classification;
    assert.deepEqual([old.tokens, old.explanations], [3, undefined]);
    const now = schema.type.fromBuffer(before.toBuffer(old), schema.type.createResolver(before)) as Classification;
    assert.deepEqual([now.tokens, [...(now.explanations ?? [])]], [3, []]);
  });
});
