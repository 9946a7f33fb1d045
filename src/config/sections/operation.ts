import { z } from 'zod';
import { text, whole } from '../values.js';

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
