import { z } from 'zod';
import { filePath, hostPort, secret, text, whole } from '../values.js';

const tls = z
  .strictObject({
    enabled: z.boolean().default(false).describe('Encrypt the connections to the brokers.'),
    caFile: filePath
      .optional()
      .describe(
        'PEM file of the certificate authorities to trust; without it, the authorities that Node.js ships with.',
      ),
    certFile: filePath.optional().describe('PEM file of the client certificate, for mutual TLS; needs `keyFile`.'),
    keyFile: filePath.optional().meta(secret('PEM file of the private key of `certFile`.')),
    serverName: text
      .optional()
      .describe("Name expected in the brokers' certificates, if it differs from the host name in `kafka.brokers`."),
    verify: z
      .boolean()
      .default(true)
      .describe("Verify the brokers' certificates; false accepts any broker and is for experiments only."),
  })
  .prefault({})
  .describe('Encryption of the connections to the brokers.');

const sasl = z
  .strictObject({
    mechanism: z
      .enum(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'])
      .optional()
      .describe(
        'SASL mechanism for the login to the brokers; without it, no login. `plain` sends the password unencrypted and `oauthbearer` the token: use TLS with them.',
      ),
    username: text.optional().describe('User name for the login.'),
    passwordFile: filePath
      .optional()
      .meta(
        secret(
          'File that holds the password; one newline at its end is ignored. The file is read again for every login.',
        ),
      ),
    tokenFile: filePath
      .optional()
      .meta(
        secret(
          'File that holds the token of `oauthbearer`. The file is read again for every login, so a renewed token only has to be written to it.',
        ),
      ),
  })
  .prefault({})
  .describe('Login to the brokers.');

export const kafka = z
  .strictObject({
    brokers: z
      .array(hostPort)
      .default([])
      .describe(
        'Bootstrap brokers, which are asked for the rest of the cluster; two or three are enough. Required by `siftline run`.',
      ),
    clientId: text.default('siftline').describe("Name of this client in the brokers' logs, metrics and quotas."),
    connectTimeoutMs: whole(100, 300_000).default(10_000).describe('How long to wait for a connection to a broker.'),
    requestTimeoutMs: whole(1_000, 600_000)
      .default(30_000)
      .describe("How long to wait for a broker's response before the request counts as failed."),
    metadataMaxAgeMs: whole(1_000, 300_000)
      .default(30_000)
      .describe(
        'Most time between two updates of topic metadata; a new partition is read after this time at the latest.',
      ),
    transactionalIdPrefix: text
      .optional()
      .describe(
        'Prefix of the transactional ids of `delivery: exactly-once`; without it, `input.group`. No other group may use the same prefix.',
      ),
    transactionalIdSpelling: whole(1, 2)
      .optional()
      .describe(
        'Spelling of the transactional ids: 1 is `<prefix>-<topic>-<partition>`, 2 is `<prefix>-:<topic>:<partition>`, which no two stages can share by accident. Without it, 1. Change it with all instances stopped; where it is given, a stage shuts out what writes under the other spelling.',
      ),
    transactionTimeoutMs: whole(1_000, 900_000)
      .default(30_000)
      .describe('Time after which the brokers abort a transaction whose process is gone.'),
    tls,
    sasl,
  })
  .prefault({})
  .describe('The Kafka cluster, and how to reach it.');
