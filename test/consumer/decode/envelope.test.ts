import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { frame } from '../../../src/avro/framing.js';
import { buildType } from '../../../src/avro/type.js';
import { createAvroReader } from '../../../src/consumer/decode/avro.js';
import { createDecoder, type DecodeOptions } from '../../../src/consumer/decode/decode.js';
import type { Decoded, Headers } from '../../../src/ports.js';
import { options, record, SchemaList } from './records.js';

/** Decodes a value, or a record with headers, as a stage does. */
async function decoded(value: unknown, changed: Partial<DecodeOptions>, headers: Headers = []): Promise<Decoded> {
  const decoder = createDecoder(options({ idField: undefined, ...changed }));
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  const one = { ...record(bytes), headers };
  await decoder.prepare([one]);
  return decoder.decode(one);
}

/** Returns an outcome in short: the text and its id, or the reason. */
function short(found: Decoded): string {
  return found.kind === 'text' ? `${found.text} (${found.id})` : found.reason;
}

const ROW = { id: 7, text: 'a wonderful film' };
const SOURCE = { version: '3.0.0.Final', connector: 'postgresql', db: 'shop', table: 'reviews' };
const schema = { type: 'struct', optional: false, fields: [] };

/** Events of Debezium as its connectors write them, and the outcome of each. */
const EVENTS: ReadonlyArray<readonly [name: string, event: unknown, outcome: string]> = [
  ['insert', { before: null, after: ROW, source: SOURCE, op: 'c', ts_ms: 1 }, 'a wonderful film (7)'],
  ['snapshot', { before: null, after: ROW, source: SOURCE, op: 'r', ts_ms: 1 }, 'a wonderful film (7)'],
  ['update', { before: { id: 7, text: 'old' }, after: ROW, source: SOURCE, op: 'u', ts_ms: 1 }, 'a wonderful film (7)'],
  ['delete', { before: ROW, after: null, source: SOURCE, op: 'd', ts_ms: 1 }, 'CHANGE_DELETE'],
  ['delete without before', { op: 'd' }, 'CHANGE_DELETE'],
  ['truncate', { source: SOURCE, op: 't', ts_ms: 1 }, 'CHANGE_TRUNCATE'],
  ['message', { op: 'm', ts_ms: 1, source: SOURCE, message: { prefix: 'p', content: 'AA==' } }, 'CHANGE_MESSAGE'],
  ['heartbeat', { ts_ms: 1 }, 'CHANGE_HEARTBEAT'],
  [
    'transaction',
    { status: 'BEGIN', id: '571:1', event_count: null, data_collections: null, ts_ms: 1 },
    'CHANGE_TRANSACTION',
  ],
  ['transaction end', { status: 'END', id: '571:1', event_count: 2, data_collections: [] }, 'CHANGE_TRANSACTION'],
  [
    'schema change',
    { source: SOURCE, ts_ms: 1, databaseName: 'shop', schemaName: null, ddl: 'drop', tableChanges: [] },
    'CHANGE_SCHEMA',
  ],
  ['tombstone in JSON', null, 'TOMBSTONE'],
  [
    'large column left alone',
    { after: { id: 7, text: '__debezium_unavailable_value' }, op: 'u' },
    'CHANGE_UNAVAILABLE',
  ],
  ['document of MongoDB', { after: JSON.stringify(ROW), op: 'c' }, 'a wonderful film (7)'],
  ['row without the text', { after: { id: 7 }, op: 'u' }, 'TEXT_MISSING'],
  ['row with an empty text', { after: { id: 7, text: '' }, op: 'u' }, 'TEXT_EMPTY'],
  ['row with null as text', { after: { id: 7, text: null }, op: 'u' }, 'TEXT_MISSING'],
  ['insert of nothing', { after: null, op: 'c' }, 'TEXT_MISSING'],
  ['row that was taken out', ROW, 'ENVELOPE_MALFORMED'],
  ['row that was taken out and has a status', { ...ROW, status: 'BEGIN', event_count: 1 }, 'ENVELOPE_MALFORMED'],
  ['row that was taken out and has a time', { ...ROW, ts_ms: 1 }, 'ENVELOPE_MALFORMED'],
  ['row that was taken out and has ddl', { ...ROW, ddl: 'x', databaseName: 'y' }, 'ENVELOPE_MALFORMED'],
  ['unknown op', { after: ROW, op: 'x' }, 'ENVELOPE_MALFORMED'],
  ['op that is a number', { after: ROW, op: 5 }, 'ENVELOPE_MALFORMED'],
  ['row that is a list', { after: [ROW], op: 'c' }, 'ENVELOPE_MALFORMED'],
  ['document that is broken', { after: '{"text":', op: 'c' }, 'ENVELOPE_MALFORMED'],
  ['list of events', [{ after: ROW, op: 'c' }], 'ENVELOPE_MALFORMED'],
  ['text', 'a wonderful film', 'ENVELOPE_MALFORMED'],
];

describe('an event of Debezium', () => {
  for (const [name, event, outcome] of EVENTS) {
    test(`${name}: ${outcome}, in the wrapper of the JSON converter and without`, async () => {
      const json = JSON.stringify(event);
      assert.equal(short(await decoded(json, { envelope: 'debezium' })), outcome);
      assert.equal(short(await decoded(`{"schema":null,"payload":${json}}`, { envelope: 'debezium' })), outcome);
      assert.equal(short(await decoded({ payload: event, schema }, { envelope: 'debezium' })), outcome);
    });
  }

  test('says the same in Avro', async () => {
    const row = {
      type: 'record',
      name: 'Value',
      fields: [
        { name: 'id', type: 'long' },
        { name: 'text', type: ['null', 'string'] },
      ],
    };
    const envelope = {
      type: 'record',
      name: 'Envelope',
      fields: [
        { name: 'before', type: ['null', row], default: null },
        { name: 'after', type: ['null', 'Value'], default: null },
        { name: 'op', type: 'string' },
        { name: 'ts_ms', type: ['null', 'long'], default: null },
      ],
    };
    const heartbeat = { type: 'record', name: 'Heartbeat', fields: [{ name: 'ts_ms', type: 'long' }] };
    const schemas = new SchemaList({
      7: { kind: 'schema', schema: envelope },
      8: { kind: 'schema', schema: heartbeat },
    });
    const set = { format: 'avro', avro: createAvroReader(schemas), envelope: 'debezium' } as const;
    const event = (op: string, after: object | null) =>
      decoded(frame(7, buildType(envelope), { before: null, after, op, ts_ms: 1n }), set);
    assert.equal(short(await event('u', { id: 2n ** 60n, text: 'good' })), `good (${2n ** 60n})`);
    assert.equal(short(await event('u', { id: 1n, text: null })), 'TEXT_MISSING');
    assert.equal(short(await event('d', null)), 'CHANGE_DELETE');
    assert.equal(short(await event('t', null)), 'CHANGE_TRUNCATE');
    assert.equal(short(await event('c', null)), 'TEXT_MISSING');
    assert.equal(short(await decoded(frame(8, buildType(heartbeat), { ts_ms: 1n }), set)), 'CHANGE_HEARTBEAT');
  });

  test('keeps the digits of the id of its row, not of another number of that name', async () => {
    const set = { envelope: 'debezium' } as const;
    const after = '{"id":9007199254740993,"text":"a"}';
    const event = `{"id":1.0,"before":{"id":2.0},"after":${after},"op":"u"}`;
    assert.equal(short(await decoded(event, set)), 'a (9007199254740993)');
    assert.equal(short(await decoded(`{"schema":{"id":3.0},"payload":${event}}`, set)), 'a (9007199254740993)');
    assert.equal(short(await decoded({ after, op: 'u' }, set)), 'a (9007199254740993)');
    assert.equal(short(await decoded(`{"after":{"id":1.0},"op":"u","after":${after}}`, set)), 'a (9007199254740993)');
    assert.equal(short(await decoded(`{"\\u0061fter":${after},"op":"u"}`, set)), 'a (9007199254740993)');
  });

  test('has its row as the root of the paths, and the rejection of another path says so', async () => {
    const found = await decoded({ after: ROW, op: 'c' }, { envelope: 'debezium', textFields: ['after.text'] });
    assert.ok(found.kind === 'rejected');
    assert.equal(found.detail, 'no field "after.text", looked for inside the envelope');
  });

  test('is not looked for where no envelope is configured', async () => {
    assert.equal(short(await decoded({ after: ROW, op: 'd', text: 'x' }, {})), 'x (null)');
    assert.equal(short(await decoded(null, {})), 'TEXT_MISSING');
  });

  test('never shows its values in the detail of a rejection', async () => {
    for (const event of [
      { op: 'hunter2' },
      { hunter2: 1 },
      'hunter2',
      { op: 'c', after: 'hunter2' },
      { op: 'c', after: '{"hunter2"' },
    ]) {
      const found = await decoded(JSON.stringify(event), { envelope: 'debezium' });
      assert.ok(found.kind === 'rejected');
      assert.doesNotMatch(found.detail, /hunter2/);
    }
  });
});

describe("the wrapper of Connect's JSON converter", () => {
  test('is taken off; null inside it is a tombstone, and anything else is refused by name', async () => {
    for (const [value, outcome] of [
      [{ schema, payload: ROW }, 'a wonderful film (7)'],
      [{ payload: { ...ROW, payload: { text: 'x' }, schema: 1 }, schema: null }, 'a wonderful film (7)'],
      [{ schema: null, payload: null }, 'TOMBSTONE'],
      [null, 'TOMBSTONE'],
      [{ schema, payload: 'a text' }, 'TEXT_MISSING'],
      [{ schema, payload: { text: 5 } }, 'TEXT_NOT_A_STRING'],
      [{ schema, payload: ROW, more: 1 }, 'ENVELOPE_MALFORMED'],
      [{ payload: ROW }, 'ENVELOPE_MALFORMED'],
      [ROW, 'ENVELOPE_MALFORMED'],
      [[], 'ENVELOPE_MALFORMED'],
    ] as const) {
      assert.equal(
        short(await decoded(JSON.stringify(value), { envelope: 'connect' })),
        outcome,
        JSON.stringify(value),
      );
    }
    const exact = await decoded('{"schema":{"id":1.0},"payload":{"id":18446744073709551615,"text":"a"}}', {
      envelope: 'connect',
    });
    assert.equal(short(exact), 'a (18446744073709551615)');
  });
});

const TIME = '2018-04-05T17:31:00Z';
const MS = BigInt(Date.parse(TIME));
const EVENT = { specversion: '1.0', id: 'e-1', type: 't', source: '/s', time: TIME };
const BINARY: Headers = Object.entries(EVENT).map(([name, value]) => [`ce_${name}`, Buffer.from(value)] as const);
const STRUCTURED: Headers = [['content-type', Buffer.from('application/cloudevents+json; charset=UTF-8')]];
const events = (changed: Partial<DecodeOptions> = {}) => ({ envelope: 'cloudevents', ...changed }) as const;

describe('a CloudEvent', () => {
  test('has its data, id and time, in both modes of the Kafka binding', async () => {
    const expected = { kind: 'text', text: 'good', id: 'e-1', eventTime: MS };
    const data = { id: 5, text: 'good' };
    assert.deepEqual(await decoded(data, events(), BINARY), expected);
    assert.deepEqual(await decoded({ ...EVENT, data }, events(), STRUCTURED), expected);
    assert.deepEqual(await decoded({ ...EVENT, data }, events(), [...BINARY, ...STRUCTURED]), expected);
    assert.deepEqual(await decoded({ ...EVENT, data }, events()), expected);
    const data_base64 = Buffer.from(JSON.stringify(data)).toString('base64');
    assert.deepEqual(await decoded({ ...EVENT, data_base64 }, events(), STRUCTURED), expected);
    assert.deepEqual(await decoded('good', events({ format: 'text' }), BINARY), expected);
    assert.deepEqual(await decoded({ ...EVENT, data: 'good' }, events({ format: 'text' }), STRUCTURED), expected);
    const text = { ...EVENT, data_base64: Buffer.from('good').toString('base64') };
    assert.deepEqual(await decoded(text, events({ format: 'text' }), STRUCTURED), expected);
  });

  test('has data in Avro in binary mode only', async () => {
    const type = { type: 'record', name: 'Post', fields: [{ name: 'text', type: 'string' }] };
    const avro = createAvroReader(new SchemaList({ 7: { kind: 'schema', schema: type } }));
    const set = events({ format: 'avro', avro });
    assert.equal(short(await decoded(frame(7, buildType(type), { text: 'good' }), set, BINARY)), 'good (e-1)');
    assert.equal(short(await decoded({ ...EVENT, data: {} }, set, STRUCTURED)), 'ENVELOPE_UNSUPPORTED');
    assert.equal(short(await decoded(frame(7, buildType(type), { text: 'good' }), set)), 'ENVELOPE_UNSUPPORTED');
  });

  test('gives an id or a time only where the configuration takes no other', async () => {
    const data = '{"id":1.0,"text":"good"}';
    const structured = `{"specversion":"1.0","id":"e-1","time":"${TIME}","data":${data}}`;
    for (const [value, headers] of [
      [data, BINARY],
      [structured, STRUCTURED],
    ] as const) {
      assert.equal(short(await decoded(value, events({ idField: 'id' }), headers)), 'good (1.0)');
      assert.deepEqual(await decoded(value, events({ eventTime: 'record' }), headers), {
        kind: 'text',
        text: 'good',
        id: 'e-1',
      });
      const more: Headers = [...headers, ['trace', Buffer.from('t-1')]];
      assert.equal(short(await decoded(value, events({ idField: 'header:trace' }), more)), 'good (t-1)');
    }
    const { time: _, ...timeless } = EVENT;
    assert.deepEqual(await decoded({ ...timeless, data: { text: 'good' } }, events()), {
      kind: 'text',
      text: 'good',
      id: 'e-1',
    });
  });

  test('is refused by name when it is a batch, of another format or version, or none', async () => {
    const type = (name: string): Headers => [['content-type', Buffer.from(name)]];
    const data = { text: 'good' };
    for (const [value, headers, outcome] of [
      [[{ ...EVENT, data }], type('application/cloudevents-batch+json'), 'ENVELOPE_UNSUPPORTED'],
      [[{ ...EVENT, data }], type('Application/CloudEvents-Batch+JSON; charset=utf-8'), 'ENVELOPE_UNSUPPORTED'],
      [[{ ...EVENT, data }], STRUCTURED, 'ENVELOPE_UNSUPPORTED'],
      [[{ ...EVENT, data }], [], 'ENVELOPE_UNSUPPORTED'],
      [data, type('application/cloudevents+avro'), 'ENVELOPE_UNSUPPORTED'],
      [data, type('application/cloudevents+protobuf'), 'ENVELOPE_UNSUPPORTED'],
      [{ ...EVENT, specversion: '0.3', data }, STRUCTURED, 'ENVELOPE_UNSUPPORTED'],
      [
        data,
        [
          ['ce_specversion', Buffer.from('0.3')],
          ['ce_id', Buffer.from('1')],
        ],
        'ENVELOPE_UNSUPPORTED',
      ],
      [data, [['ce_specversion', Buffer.from('1.0')]], 'ENVELOPE_MALFORMED'],
      [
        data,
        [
          ['ce_specversion', null],
          ['ce_id', Buffer.from('1')],
        ],
        'ENVELOPE_MALFORMED',
      ],
      [data, [['ce_id', Buffer.from('1')]], 'ENVELOPE_MALFORMED'],
      [{ ...EVENT, id: 5, data }, STRUCTURED, 'ENVELOPE_MALFORMED'],
      [{ ...EVENT, id: '', data }, STRUCTURED, 'ENVELOPE_MALFORMED'],
      [data, [], 'ENVELOPE_MALFORMED'],
      ['5', [], 'ENVELOPE_MALFORMED'],
      ['{', STRUCTURED, 'VALUE_NOT_JSON'],
      [Buffer.from([0xff]), STRUCTURED, 'VALUE_NOT_UTF8'],
    ] as ReadonlyArray<readonly [unknown, Headers, string]>) {
      assert.equal(short(await decoded(value, events(), headers)), outcome, JSON.stringify([value, headers]));
    }
  });

  test('is called a batch when it is one, and another event format when it is that', async () => {
    for (const [name, detail] of [
      ['application/cloudevents-batch+json', 'CloudEvents: a batch of events; send one event a record'],
      ['application/cloudevents+avro', 'CloudEvents: an event format other than JSON in the header content-type'],
    ] as const) {
      const found = await decoded([], events(), [['content-type', Buffer.from(name)]]);
      assert.ok(found.kind === 'rejected');
      assert.equal(found.detail, detail);
    }
  });

  test('without data has no text, whichever way the data is missing', async () => {
    for (const data of [{}, { data: null }, { data: null, data_base64: null }, { data: 'good' }, { data: {} }]) {
      assert.equal(
        short(await decoded({ ...EVENT, ...data }, events(), STRUCTURED)),
        'TEXT_MISSING',
        JSON.stringify(data),
      );
    }
    for (const data of [
      { data_base64: 'a' },
      { data_base64: '!!!!' },
      { data_base64: 5 },
      { data: {}, data_base64: '' },
    ]) {
      assert.equal(
        short(await decoded({ ...EVENT, ...data }, events(), STRUCTURED)),
        'ENVELOPE_MALFORMED',
        JSON.stringify(data),
      );
    }
    assert.equal(short(await decoded({ ...EVENT, data: '' }, events({ format: 'text' }), STRUCTURED)), 'TEXT_EMPTY');
    assert.equal(
      short(await decoded({ ...EVENT, data: {} }, events({ format: 'text' }), STRUCTURED)),
      'TEXT_NOT_A_STRING',
    );
  });

  test('has the time that RFC 3339 says, or is refused', async () => {
    for (const [time, expected] of [
      ['2018-04-05T17:31:00.5Z', '2018-04-05T17:31:00.500Z'],
      ['2018-04-05T17:31:00.123456789Z', '2018-04-05T17:31:00.123Z'],
      ['2018-04-05t17:31:00z', TIME],
      ['2018-04-05T19:31:00+02:00', TIME],
      ['2018-04-05T12:01:00-05:30', TIME],
      ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00Z'],
      ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00Z'],
    ] as const) {
      const found = await decoded({ ...EVENT, time, data: { text: 'a' } }, events());
      assert.ok(found.kind === 'text', `${time}: ${short(found)}`);
      assert.equal(found.eventTime, BigInt(Date.parse(expected)), time);
    }
    for (const time of [
      '',
      'yesterday',
      '2018-04-05',
      '2018-02-30T00:00:00Z',
      '2018-04-05T24:00:00Z',
      '2018-04-05T17:31:00',
      '0001-01-01T00:00:00Z',
      5,
    ]) {
      const found = await decoded({ ...EVENT, time, data: { text: 'a' } }, events());
      assert.ok(found.kind === 'rejected' && found.reason === 'ENVELOPE_MALFORMED', String(time));
      assert.match(found.detail, /input\.eventTime: record leaves it out$/);
      assert.equal(
        short(await decoded({ ...EVENT, time, data: { text: 'a' } }, events({ eventTime: 'record' }))),
        'a (e-1)',
      );
    }
  });
});
