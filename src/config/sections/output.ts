import { z } from 'zod';
import { fieldPath, filePath, httpUrl, secret, text, topicName, whole } from '../values.js';

const schemaIds = z
  .strictObject({
    labels: whole(1, 2_147_483_647).default(1).describe('Schema id in the framing of records on `labelsTopic`.'),
    metrics: whole(1, 2_147_483_647).default(2).describe('Schema id in the framing of records on `metricsTopic`.'),
  })
  .prefault({})
  .describe('Schema ids for the Avro framing when no registry is configured.');

const routes = z
  .strictObject({
    allow: topicName.optional().describe('Topic that also gets the records with the decision `allow`.'),
    review: topicName.optional().describe('Topic that also gets the records with the decision `review`.'),
    block: topicName.optional().describe('Topic that also gets the records with the decision `block`.'),
  })
  .prefault({})
  .describe(
    'Topics for records by their decision: the original record with the answer in headers, or the enriched record with `value: enriched`.',
  );

export const output = z
  .strictObject({
    labelsTopic: topicName.default('siftline.labels').describe('Topic for the labels, one Avro record per text.'),
    rejectedTopic: topicName
      .default('siftline.rejected')
      .describe('Topic for records that cannot be classified: their original bytes, with the reason in the headers.'),
    metricsTopic: topicName
      .default('siftline.metrics')
      .describe('Topic for throughput and latency, one Avro record per window.'),
    springHeaders: z
      .boolean()
      .default(false)
      .describe(
        "Write Spring Kafka's headers on `rejectedTopic` beside Kafka Connect's (`kafka_dlt-original-topic` and its kin), which user interfaces of Kafka look for.",
      ),
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
    schemaVersion: whole(1, 2)
      .default(1)
      .describe(
        'Version of the answer: 1 is schemas/classification.avsc, 2 is schemas/classification-v2.avsc. Give version 2 a topic of its own.',
      ),
    value: z
      .enum(['labels', 'enriched', 'headers'])
      .default('labels')
      .describe(
        "Value of a record on `labelsTopic`: the answer on its own, the input's value with the answer as its last field, or the input's value as it is with the answer in headers.",
      ),
    format: z
      .enum(['avro', 'json'])
      .default('avro')
      .describe('Format of the answer with `value: labels`; an enriched value keeps the format of the input.'),
    field: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/)
      .describe('a name (letters, digits, underscore; no digit first; at most 100)')
      .default('siftline')
      .describe(
        "Name of this stage in its records: of the field that `value: enriched` appends, and before the dot of its headers' names. Stages of one chain need different names.",
      ),
    include: z
      .array(fieldPath)
      .default([])
      .describe('Fields of a JSON or Avro input that are repeated beside the labels, with `value: labels`.'),
    redact: z
      .array(fieldPath)
      .default([])
      .describe('Fields inside those of `include` that are written as `[redacted]`.'),
    scores: z
      .string()
      .regex(/^(?:all|given|top-[1-9][0-9]{0,3})$/)
      .describe('all, given, or top-N such as top-3')
      .default('all')
      .describe('Labels whose scores an answer holds: all, those that were given, or the N with the highest scores.'),
    scoreDigits: whole(0, 15)
      .optional()
      .describe('Digits after the point to which scores are rounded; without it, scores are exact.'),
    routes,
    metricsFormat: z.enum(['avro', 'json']).default('avro').describe('Format of the records on `metricsTopic`.'),
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
