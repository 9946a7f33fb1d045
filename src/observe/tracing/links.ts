import { type Link, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import type { Headers, SourceRecord } from '../../ports.js';

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
