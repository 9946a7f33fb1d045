import { z } from 'zod';
import { httpUrl, probability, text, whole } from '../values.js';

export const metrics = z
  .strictObject({
    host: text.default('0.0.0.0').describe('Address that the HTTP server (probes and /metrics) listens on.'),
    port: whole(0, 65_535).default(9464).describe('Port of the HTTP server; 0 takes any free one.'),
    windowSeconds: whole(0, 86_400)
      .default(10)
      .describe('Length of the window that one record on `output.metricsTopic` covers; 0 writes no such records.'),
  })
  .prefault({})
  .describe('How throughput and latency are reported.');

export const shutdown = z
  .strictObject({
    drainSeconds: whole(0, 3_600)
      .default(25)
      .describe(
        "Time after SIGTERM to finish the records that have been read; keep it below Kubernetes' `terminationGracePeriodSeconds`.",
      ),
  })
  .prefault({})
  .describe('How the process ends.');

export const health = z
  .strictObject({
    stallSeconds: whole(5, 86_400)
      .default(60)
      .describe('The liveness probe fails when there is work and no record has been finished for this long.'),
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
        'Most log lines of one event in a minute; the next line says how many were held back (`suppressed`). 0 writes all lines.',
      ),
  })
  .prefault({})
  .describe('The log.');

export const rejects = z
  .strictObject({
    maxRatio: probability
      .default(1)
      .describe(
        'Largest share of the last `windowRecords` records that may be rejected; beyond it, the stage finishes the records it has taken and ends with exit code 10. 1 is no limit.',
      ),
    windowRecords: whole(1, 1_000_000)
      .default(1_000)
      .describe('Number of records that `maxRatio` looks back on; before that many records, `maxRatio` has no effect.'),
    maxRunRecords: whole(1, 1_000_000)
      .optional()
      .describe(
        'Number of records rejected in a row that ends the stage in the same way; without it, there is no such limit.',
      ),
  })
  .prefault({})
  .describe(
    'Limits on rejected records: beyond them the stage stops, instead of moving its whole topic into the dead letters.',
  );

export const tracing = z
  .strictObject({
    exporter: z
      .enum(['none', 'otlp', 'external'])
      .default('none')
      .describe(
        'Where spans are sent, one span per batch with links to the `traceparent` of its records: nowhere (`none`); to `endpoint` by OTLP over HTTP (`otlp`); or to the OpenTelemetry SDK that this process was started with by `node --import` (`external`).',
      ),
    endpoint: httpUrl
      .default('http://localhost:4318')
      .describe(
        'Address of the OTLP collector; `/v1/traces` is added. Headers that it needs are read from OTEL_EXPORTER_OTLP_HEADERS, the standard variable.',
      ),
    sampleRatio: probability.default(1).describe('Share of the batches that are traced.'),
  })
  .prefault({})
  .describe('OpenTelemetry traces.');
