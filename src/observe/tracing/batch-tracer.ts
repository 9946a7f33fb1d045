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

/** What one batch went through, told as it happens. Times are those of `performance.now()`. */
export interface BatchTrace {
  /** A part of the way that is over: a span of its own under the batch's. */
  stage(name: TracedStage, started: number): void;
  /** What the batch came to: its outcomes as they were stored; nothing when it was given up for another owner. */
  end(stored: readonly Outcome[] | undefined): void;
  fail(error: unknown): void;
}

export type TracedStage = 'decode' | 'classify' | 'publish';

export interface BatchTracerOptions {
  readonly tracer: Tracer;
  readonly group: string;
  readonly model: string;
}

/**
 * One span per batch, of kind consumer, with links to the traces its records come from: a batch has many parents, so it
 * is nobody's child (OpenTelemetry semantic conventions for messaging). Counts and places only; nothing of what a record
 * says, nor its key.
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

/** Topic and partition where the batch has one of each, as the conventions ask. */
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

/** An error's message may name what is none of the collector's business; its code never does. */
function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : 'error';
}

/** OpenTelemetry keeps 128 links of a span and drops the rest; finding more would be for nothing. */
const MOST_LINKS = 128;

const propagator = new W3CTraceContextPropagator();
/** Header keys are compared as they are: Kafka's are case-sensitive, and W3C writes these two in lower case. */
const getter = {
  keys: (headers: Headers) => headers.map(([key]) => key),
  get: (headers: Headers, key: string) => headers.findLast(([name]) => name === key)?.[1]?.toString('latin1'),
};

/**
 * Links to the traces the records come from, by their `traceparent` and `tracestate` headers (W3C Trace Context); one
 * that is malformed is no link. Records of one span, such as those a producer sent together, make one link.
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
