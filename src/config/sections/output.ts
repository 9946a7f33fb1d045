import { z } from 'zod';
import { filePath, httpUrl, secret, text, topicName, whole } from '../values.js';

const schemaIds = z
  .strictObject({
    labels: whole(1, 2_147_483_647).default(1).describe('Schema id in the framing of records on `labelsTopic`.'),
    metrics: whole(1, 2_147_483_647).default(2).describe('Schema id in the framing of records on `metricsTopic`.'),
  })
  .prefault({})
  .describe('Schema ids for the Avro framing when no registry is configured.');

export const output = z
  .strictObject({
    labelsTopic: topicName.default('siftline.labels').describe('Topic for the labels, one Avro record per text.'),
    rejectedTopic: topicName
      .default('siftline.rejected')
      .describe('Topic for records that cannot be classified: their original bytes, with the reason in the headers.'),
    metricsTopic: topicName
      .default('siftline.metrics')
      .describe('Topic for throughput and latency, one Avro record per window.'),
    compression: z
      .enum(['none', 'gzip', 'snappy', 'lz4', 'zstd'])
      .default('lz4')
      .describe('Compression of the records that are written.'),
    sendBytes: whole(1024, 67_108_864)
      .default(1_000_000)
      .describe(
        'Most bytes sent to a partition at once, before compression; a longer record goes alone, and is rejected if the brokers refuse it.',
      ),
    schemaIds,
  })
  .prefault({})
  .describe('The output: topics, and how records are written to them.');

const subjects = z
  .strictObject({
    labels: text.optional().describe('Subject of the schema of `labelsTopic`; without it, `<topic>-value`.'),
    metrics: text.optional().describe('Subject of the schema of `metricsTopic`; without it, `<topic>-value`.'),
  })
  .prefault({})
  .describe('Names of the schemas in the registry.');

export const registry = z
  .strictObject({
    url: httpUrl
      .optional()
      .describe(
        'Address of a Confluent-compatible schema registry; without it, the ids in `output.schemaIds` are used.',
      ),
    username: text.optional().describe('User name for HTTP basic authentication.'),
    passwordFile: filePath.optional().meta(secret('File that holds the password of `username`.')),
    bearerTokenFile: filePath
      .optional()
      .meta(secret('File that holds a bearer token, instead of user name and password.')),
    register: z
      .boolean()
      .default(true)
      .describe('Register the output schemas if they are missing; false only looks them up.'),
    timeoutMs: whole(100, 300_000).default(5_000).describe('How long to wait for a response of the registry.'),
    retries: whole(0, 20).default(3).describe('How many times a failed request is tried again.'),
    giveUpSeconds: whole(1, 604_800)
      .optional()
      .describe(
        'How long a partition waits for a schema that the registry refuses or gives no answer for; then the records are rejected as `AVRO_SCHEMA_UNAVAILABLE`. Without it, for ever.',
      ),
    subjects,
  })
  .prefault({})
  .describe('The schema registry: needed to read Avro, optional for the output.');
