import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { registryHeader, singleObjectHeader } from '../../src/avro/framing.js';
import { buildType } from '../../src/avro/type.js';
import { createPolicy } from '../../src/policy/policy.js';
import { type Headers, type Labelled, recordId, type SourceRecord } from '../../src/ports.js';
import { EnrichedJson, HeaderAnswers, LabelAnswers, type ScoreOptions, withMember } from '../../src/producer/answer.js';
import { LabelReader, type ReadLabel } from '../../src/producer/label-reader.js';
import { AnswerRefused } from '../../src/producer/label-record.js';
import { shippedSchema } from '../../src/producer/schemas.js';
import { MEMORY_MODEL } from '../support/memory-classifier.js';
import { NO_TIMINGS, recordAt } from '../support/memory-records.js';

const second = shippedSchema('classification-v2').type;
const policy = createPolicy(
  { version: 'p', bands: { mood: { fine: { review: 0.5, block: 0.7 } } } },
  MEMORY_MODEL.tasks,
);
const outcome: Labelled = {
  kind: 'labelled',
  id: 'post-1',
  ...policy.judge({ kind: 'scored', scores: [[0.75, 0.25]], tokens: 3, truncated: true }),
  tokens: 3,
  truncated: true,
  timings: NO_TIMINGS,
};
const answerer = { model: MEMORY_MODEL, policy: { version: policy.version, hash: policy.hash } };

function options(field = 'siftline', scores: Partial<ScoreOptions> = {}) {
  return { answerer, field, scores: 'all' as const, digits: undefined, ...scores };
}

/** Returns a message as a reader gets it. */
function stored(record: SourceRecord, { value, headers }: { value: unknown; headers?: unknown }): SourceRecord {
  return { ...record, topic: 'labels', offset: 99n, value: value as Buffer, headers: headers as Headers };
}

function readBack(record: SourceRecord): ReadLabel {
  const label = new LabelReader('siftline').read(record);
  return label.kind === 'label' ? label : assert.fail(label.why);
}

const json = recordAt(1, 7, {
  value: Buffer.from('\n{"id": "post-1", "text": "hello", "n": 1.0}\n '),
  headers: [
    ['own', Buffer.from('kept')],
    ['siftline.decision', Buffer.from('allow')],
    ['input.siftline.id', null],
  ],
});

const FORMS = {
  'Avro in single-object encoding': new LabelAnswers(options(), { type: second, header: singleObjectHeader(second) }),
  'Avro under an id of a registry': new LabelAnswers(options(), { type: second, header: registryHeader(41) }),
  JSON: new LabelAnswers(options(), undefined),
  'enriched JSON': new EnrichedJson(options()),
  headers: new HeaderAnswers(options()),
};

describe('version 2 of an answer', () => {
  for (const [name, form] of Object.entries(FORMS)) {
    test(`as ${name} is read back as it was, with the headers of its input`, () => {
      const label = readBack(stored(json, form.encode(json, outcome)));
      assert.equal(recordId(label.source), 'memory-1-7');
      assert.deepEqual(
        label.tasks.map(task => ({ ...task, scores: { ...task.scores } })),
        [
          {
            task: 'mood',
            label: 'fine',
            score: 0.75,
            labels: ['fine'],
            scores: { fine: 0.75, other: 0.25 },
            window: null,
          },
        ],
      );
      assert.deepEqual(
        [label.decision, { ...label.decidedBy }],
        ['block', { kind: 'band', name: 'block', task: 'mood', label: 'fine', threshold: 0.7, score: 0.75 }],
      );
      assert.deepEqual({ ...label.policy }, { version: 'p', hash: policy.hash });
      assert.equal(label.model.identity, MEMORY_MODEL.identity);
      assert.deepEqual([label.tokens, label.truncated], [3, true]);
      assert.deepEqual(label.headers, json.headers);
      if (label.input !== undefined) assert.deepEqual(label.input, json.value);
    });
  }

  test('never holds a header of the input under its own name', () => {
    for (const form of Object.values(FORMS)) {
      const { headers } = stored(json, form.encode(json, outcome));
      const own = headers.filter(([name]) => name === 'siftline.decision').map(([, value]) => String(value));
      assert.ok(!own.includes('allow'), String(own));
      assert.deepEqual(headers.find(([name]) => name === 'input.siftline.decision')?.[1], Buffer.from('allow'));
    }
  });

  test('any names of headers come back', () => {
    const name = fc.array(fc.constantFrom('input.', 'siftline.', 'id', 'x', 'siftlin'), { maxLength: 5 });
    fc.assert(
      fc.property(fc.array(name), names => {
        const record = { ...json, headers: names.map(parts => [parts.join(''), null] as const) };
        const label = readBack(stored(record, FORMS.JSON.encode(record, outcome)));
        assert.deepEqual(label.headers, record.headers);
      }),
    );
  });

  test('has null for an event time that the input lacks', () => {
    const record = { ...json, timestamp: -1n };
    for (const form of [FORMS['Avro under an id of a registry'], FORMS.JSON])
      assert.equal(readBack(stored(record, form.encode(record, outcome))).source.timestamp, null);
  });

  test('is read by today and by earlier readers of the same schema: every default is whole', () => {
    const empty = buildType({ type: 'record', name: 'io.siftline.v2.Classification', fields: [] });
    const read = second.createResolver(empty);
    const made = second.fromBuffer(Buffer.alloc(0), read) as { source: object; policy: object };
    assert.deepEqual({ ...made.source }, { topic: '', partition: 0, offset: 0n, timestamp: null, textId: null });
    assert.deepEqual({ ...made.policy }, { name: null, version: '', hash: '' });
  });
});

describe('scores of an answer', () => {
  const shown = (scores: Partial<ScoreOptions>) => {
    const form = new LabelAnswers(options('siftline', scores), undefined);
    const [task] = readBack(stored(json, form.encode(json, outcome))).tasks;
    return [task?.score, task?.scores];
  };

  test('are all, those of given labels, or the highest', () => {
    assert.deepEqual(shown({ scores: 'given' }), [0.75, { fine: 0.75 }]);
    assert.deepEqual(shown({ scores: 1 }), [0.75, { fine: 0.75 }]);
    assert.deepEqual(shown({ scores: 9 }), [0.75, { fine: 0.75, other: 0.25 }]);
  });

  test('are rounded, and the score that decided is not', () => {
    assert.deepEqual(shown({ digits: 1 }), [0.8, { fine: 0.8, other: 0.3 }]);
    const form = new LabelAnswers(options('siftline', { digits: 0 }), undefined);
    assert.equal(readBack(stored(json, form.encode(json, outcome))).decidedBy?.score, 0.75);
  });
});

describe('enriched JSON', () => {
  test('keeps every byte of the input, and three stages can follow one another', () => {
    let record = json;
    for (const field of ['moderation', 'news', 'spam'])
      record = { ...record, value: new EnrichedJson(options(field)).encode(record, outcome).value as Buffer };
    const text = String(record.value);
    assert.ok(text.startsWith('\n{"id": "post-1", "text": "hello", "n": 1.0,"moderation":{"id":"memory-1-7",'), text);
    assert.ok(text.endsWith('}}\n '));
    assert.deepEqual(Object.keys(JSON.parse(text)), ['id', 'text', 'n', 'moderation', 'news', 'spam']);
    assert.deepEqual(new LabelReader('news').read(record).kind, 'label');
  });

  test('takes any object and gives it back', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom('', ' ', '\r\n\t'), (object, space) => {
        if (Object.hasOwn(object, 'siftline')) return;
        const value = Buffer.from(space + JSON.stringify(object, null, space === '' ? 0 : 1) + space);
        const record = { ...json, value };
        const label = readBack(stored(record, FORMS['enriched JSON'].encode(record, outcome)));
        assert.deepEqual(label.input, value);
      }),
    );
  });

  test('is refused where the input has such a field, however it is spelt, and where it is no object', () => {
    const refused = (value: string, reason: string) =>
      assert.throws(
        () => withMember(Buffer.from(value), 'siftline', '{}'),
        (error: unknown) => error instanceof AnswerRefused && error.reason === reason,
        value,
      );
    for (const value of ['{"siftline":1}', '{"a":1,"sift\\u006cine":null}', '{ "siftline" : {} }'])
      refused(value, 'FIELD_TAKEN');
    for (const value of ['["a"]', '"{a}"', '7', '']) refused(value, 'VALUE_NOT_AN_OBJECT');
    for (const value of ['{"a":{"siftline":1}}', '{"a":"\\"siftline\\""}', '{"\\u0061":"siftline"}', '{}'])
      assert.doesNotThrow(() => JSON.parse(String(withMember(Buffer.from(value), 'siftline', '{}'))));
  });
});

describe('the reader of labels', () => {
  test('says of other records that they are no answers, and never shows them', () => {
    const values = ['{"secret":1}', '{', 'secret', '\u0000\u0000\u0000\u0000\u0001secret', '{"siftline":{"id":"x"}}'];
    for (const value of values) {
      const label = new LabelReader('siftline').read({ ...json, headers: [], value: Buffer.from(value) });
      assert.equal(label.kind, 'unreadable');
      assert.ok(label.kind === 'unreadable' && !label.why.includes('secret'));
    }
    assert.equal(new LabelReader('siftline').read({ ...json, headers: [], value: null }).kind, 'unreadable');
  });

  test('shows a header with the wrong id as one that the input lacks', () => {
    const { value } = FORMS.JSON.encode(json, outcome);
    const label = readBack(stored(json, { value, headers: [['siftline.id', Buffer.from('memory-1-8')]] }));
    assert.deepEqual(label.headers, [['siftline.id', null]]);
  });
});
