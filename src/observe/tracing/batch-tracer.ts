import {
  type Attributes,
  context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import type { Headers, Outcome, SourceRecord } from '../../ports.js';

/** Receives the steps of one batch as they happen. Times are times of `performance.now()`. */
export interface BatchTrace {
  /** Adds a span below the batch's, for a step that has ended now. */
  stage(name: TracedStage, started: number): void;
  /** Ends the span with the outcomes as they were stored, or with undefined when the batch was revoked. */
  end(stored: readonly Outcome[] | undefined): void;
  /** Ends the span with an error. */
  fail(error: unknown): void;
}

export type TracedStage = 'decode' | 'classify' | 'publish';

/** Configures a BatchTracer. */
export interface BatchTracerOptions {
  readonly tracer: Tracer;
  readonly group: string;
  readonly model: string;
}

/**
 * Makes one span per batch, of kind consumer, with links to the traces of its records. A batch has many parents, so it
 * is the child of none (OpenTelemetry semantic conventions for messaging). Spans hold counts and places only, never the
 * content or the key of a record.
 */
export class BatchTracer {
  readonly #options: BatchTracerOptions;

  constructor(options: BatchTracerOptions) {
    this.#options = options;
  }

  start(records: readonly SourceRecord[]): BatchTrace {
    const { tracer, group, model } = this.#options;
    const span = tracer.startSpan('process', {
      kind: SpanKind.CONSUMER,
      root: true,
      links: linksOf(records),
      attributes: {
        'messaging.system': 'kafka',
        'messaging.operation.type': 'process',
        'messaging.operation.name': 'process',
        'messaging.consumer.group.name': group,
        'messaging.batch.message_count': records.length,
        'siftline.model': model,
        ...placeOf(records),
      },
    });
    return {
      stage: (name, started) => this.#stage(span, { name, started }),
      end: stored => {
        span.setAttributes(stored ? countsOf(stored) : { 'siftline.revoked': true });
        span.end();
      },
      fail: error => {
        span.setStatus({ code: SpanStatusCode.ERROR, message: codeOf(error) });
        span.end();
      },
    };
  }

  #stage(parent: Span, { name, started }: { name: TracedStage; started: number }): void {
    const within = trace.setSpan(context.active(), parent);
    this.#options.tracer.startSpan(name, { startTime: started }, within).end(performance.now());
  }
}

/** Returns the topic and the partition when all records of the batch share them, as the conventions ask. */
function placeOf(records: readonly SourceRecord[]): Attributes {
  const [first] = records;
  if (!first || records.some(({ topic }) => topic !== first.topic)) return {};
  const one = records.every(({ partition }) => partition === first.partition);
  return {
    'messaging.destination.name': first.topic,
    ...(one && { 'messaging.destination.partition.id': String(first.partition) }),
  };
}

function countsOf(stored: readonly Outcome[]): Attributes {
  const counts = { labelled: 0, rejected: 0, skipped: 0 };
  for (const { kind } of stored) counts[kind] += 1;
  return Object.fromEntries(Object.entries(counts).map(([kind, count]) => [`siftline.${kind}`, count]));
}

/**
 * Returns the code of an error. Its message may hold something that the collector must not see; its code never does.
 */
function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : 'error';
}

/** Most links of a span: OpenTelemetry keeps 128 and drops the rest. */
const MOST_LINKS = 128;

const propagator = new W3CTraceContextPropagator();
/** Reads headers. Keys are compared as they are: Kafka's are case-sensitive, and W3C writes these two in lower case. */
const getter = {
  keys: (headers: Headers) => headers.map(([key]) => key),
  get: (headers: Headers, key: string) => headers.findLast(([name]) => name === key)?.[1]?.toString('latin1'),
};

/**
 * Returns links to the traces of the records, by their `traceparent` and `tracestate` headers (W3C Trace Context). A
 * malformed header gives no link. Records of one span, such as records that a producer sent together, give one link.
 */
export function linksOf(records: readonly SourceRecord[]): Link[] {
  const links = new Map<string, Link>();
  for (const { headers } of records) {
    if (links.size === MOST_LINKS) break;
    const context = trace.getSpanContext(propagator.extract(ROOT_CONTEXT, headers, getter));
    if (context) links.set(`${context.traceId}${context.spanId}`, { context });
  }
  return [...links.values()];
}
