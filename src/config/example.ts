/** The configuration file that docs/configuration.md shows first; a test loads it. */
export const EXAMPLE_CONFIG = `# yaml-language-server: $schema=./schemas/siftline.schema.json
kafka:
  brokers: [kafka-1:9092, kafka-2:9092]

input:
  topics: [comments]
  group: comment-moderation
  textFields: [title, body]

output:
  labelsTopic: comments.labels
  rejectedTopic: comments.rejected
  metricsTopic: comments.metrics

model:
  path: english
  tasks: [moderation]

policy:
  version: '2025-01'
  bands:
    moderation:
      toxic: { review: 0.5, block: 0.9 }
`;
