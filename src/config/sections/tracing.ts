import { z } from 'zod';
import { httpUrl, probability } from '../values.js';

export const tracing = z
  .strictObject({
    exporter: z
      .enum(['none', 'otlp', 'external'])
      .default('none')
      .describe(
        'Where spans go, one per batch with links to the `traceparent` of its records: nowhere; to `endpoint` by OTLP over HTTP; or to the OpenTelemetry SDK this process was started with (`node --import`).',
      ),
    endpoint: httpUrl
      .default('http://localhost:4318')
      .describe(
        'The OTLP collector; `/v1/traces` is added. Headers it wants are in OTEL_EXPORTER_OTLP_HEADERS, as everywhere.',
      ),
    sampleRatio: probability.default(1).describe('Share of the batches that are traced.'),
  })
  .prefault({})
  .describe('OpenTelemetry traces.');
