import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { BatchTracer, linksOf } from '../../../src/observe/tracing/batch-tracer.js';
import type { Headers, Outcome, SourceRecord } from '../../../src/ports.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const parent = (span: string) => `00-${TRACE}-${span}-01`;

function record(offset: number, headers: Headers = []): SourceRecord {
  return {
    topic: 'texts',
    partition: 1,
    offset: BigInt(offset),
    timestamp: 1n,
    key: Buffer.from('secret key'),
    value: Buffer.from('secret text'),
    headers,
  };
}

const traced = (offset: number, value: string): SourceRecord => record(offset, [['traceparent', Buffer.from(value)]]);

function tracing() {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const tracer = new BatchTracer({ tracer: provider.getTracer('test'), group: 'g', model: 'english' });
  return { exporter, tracer };
}

function skipped(of: SourceRecord): Outcome {
  return { record: of, kind: 'skipped', reason: 'TOMBSTONE' };
}

test('a batch is one span with links to the traces of its records, and its stages are under it', () => {
  const { exporter, tracer } = tracing();
  const records = [traced(1, parent('b7ad6b7169203331')), traced(2, parent('b7ad6b7169203332')), record(3)];
  const trace = tracer.start(records);
  trace.stage('decode', performance.now() - 5);
  trace.stage('classify', performance.now());
  trace.end(records.map(skipped));
  const [decode, classify, whole] = exporter.getFinishedSpans();
  assert.equal(whole?.name, 'process');
  assert.equal(whole?.kind, SpanKind.CONSUMER);
  assert.equal(whole?.parentSpanContext, undefined);
  assert.deepEqual(
    whole?.links.map(({ context }) => [context.traceId, context.spanId]),
    [
      [TRACE, 'b7ad6b7169203331'],
      [TRACE, 'b7ad6b7169203332'],
    ],
  );
  for (const stage of [decode, classify]) assert.equal(stage?.parentSpanContext?.spanId, whole?.spanContext().spanId);
  const [seconds = 1, nanos = 0] = decode?.duration ?? [];
  assert.ok(seconds === 0 && nanos >= 4_000_000 && nanos < 500_000_000, `decode took ${seconds} s ${nanos} ns`);
  assert.equal(whole?.attributes['messaging.destination.name'], 'texts');
  assert.equal(whole?.attributes['messaging.destination.partition.id'], '1');
  assert.equal(whole?.attributes['messaging.batch.message_count'], 3);
  assert.equal(whole?.attributes['siftline.skipped'], 3);
});

test('nothing a record says is in a span', () => {
  const { exporter, tracer } = tracing();
  const records = [record(1, [['secret header', Buffer.from('secret value')]])];
  tracer.start(records).end(records.map(skipped));
  const failing = tracer.start(records);
  failing.fail(Object.assign(new Error('secret message'), { code: 'PUBLISH' }));
  const said = JSON.stringify(
    exporter.getFinishedSpans().map(({ name, attributes, events, status }) => ({ name, attributes, events, status })),
  );
  assert.ok(!said.includes('secret'), said);
  assert.deepEqual(exporter.getFinishedSpans().at(-1)?.status, { code: SpanStatusCode.ERROR, message: 'PUBLISH' });
});

test('a batch that another owner has to do says so', () => {
  const { exporter, tracer } = tracing();
  tracer.start([record(1)]).end(undefined);
  assert.equal(exporter.getFinishedSpans()[0]?.attributes['siftline.revoked'], true);
});

test('records of one span make one link, malformed headers none, and there are at most 128', () => {
  const same = [traced(1, parent('b7ad6b7169203331')), traced(2, parent('b7ad6b7169203331'))];
  assert.equal(linksOf(same).length, 1);
  const wrong = [
    '',
    '00',
    'nonsense',
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `ff-${TRACE}-b7ad6b7169203331-01`,
  ];
  assert.deepEqual(linksOf(wrong.map((value, i) => traced(i, value))), []);
  assert.deepEqual(linksOf([record(1, [['traceparent', null]])]), []);
  const many = Array.from({ length: 300 }, (_, i) => traced(i, parent((i + 1).toString(16).padStart(16, '0'))));
  assert.equal(linksOf(many).length, 128);
});

test('the last of repeated headers counts, and the state comes along', () => {
  const [link] = linksOf([
    record(1, [
      ['traceparent', Buffer.from(parent('b7ad6b7169203331'))],
      ['traceparent', Buffer.from(parent('b7ad6b7169203332'))],
      ['tracestate', Buffer.from('vendor=value')],
    ]),
  ]);
  assert.equal(link?.context.spanId, 'b7ad6b7169203332');
  assert.equal(link?.context.traceState?.get('vendor'), 'value');
});
