import { z } from 'zod';
import { httpUrl, probability, text, whole } from '../values.js';

export const metrics = z
  .strictObject({
    host: text.default('0.0.0.0').describe('Address the HTTP server (probes and /metrics) listens on.'),
    port: whole(0, 65_535).default(9464).describe('Port of the HTTP server; 0 takes any free one.'),
    windowSeconds: whole(0, 86_400)
      .default(10)
      .describe('Time one record on `output.metricsTopic` covers; 0 writes none.'),
  })
  .prefault({})
  .describe('Throughput and latency, as they are handed out.');

export const shutdown = z
  .strictObject({
    drainSeconds: whole(0, 3_600)
      .default(25)
      .describe(
        "After SIGTERM, how long to finish what has been read; keep it below Kubernetes' `terminationGracePeriodSeconds`.",
      ),
  })
  .prefault({})
  .describe('How the process ends.');

export const health = z
  .strictObject({
    stallSeconds: whole(5, 86_400)
      .default(60)
      .describe('The liveness probe fails when there is work and nothing has moved for this long.'),
  })
  .prefault({})
  .describe('When the process counts as broken.');

export const log = z
  .strictObject({
    level: z
      .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
      .default('info')
      .describe('Least severity that is logged.'),
    linesPerMinute: whole(0, 1_000_000)
      .default(60)
      .describe(
        'Most lines of one event in a minute; the next line says how many were held back (`suppressed`). 0 writes all.',
      ),
  })
  .prefault({})
  .describe('What is logged.');

export const rejects = z
  .strictObject({
    maxRatio: probability
      .default(1)
      .describe(
        'Largest share of the last `windowRecords` records that may be rejected; beyond it the stage finishes what it has taken and ends with exit code 10. 1 is no limit.',
      ),
    windowRecords: whole(1, 1_000_000)
      .default(1_000)
      .describe('How many records `maxRatio` looks back on; it judges nothing before there have been so many.'),
    maxRunRecords: whole(1, 1_000_000)
      .optional()
      .describe('So many rejected records in a row end the stage in the same way; without it, no run does.'),
  })
  .prefault({})
  .describe(
    'When so many records are rejected that the stage stops, rather than drain its topic into the dead letters.',
  );

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
