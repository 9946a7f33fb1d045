import { z } from 'zod';
import { filePath, hostPort, secret, text, whole } from '../values.js';

const tls = z
  .strictObject({
    enabled: z.boolean().default(false).describe('Encrypt the connections to the brokers.'),
    caFile: filePath
      .optional()
      .describe('PEM file of the authorities to trust; without it, the ones Node.js ships with.'),
    certFile: filePath.optional().describe('PEM file of the client certificate, for mutual TLS; needs `keyFile`.'),
    keyFile: filePath.optional().meta(secret('PEM file of the private key of `certFile`.')),
    serverName: text
      .optional()
      .describe("Name expected in the brokers' certificates, when it is not the host they are reached by."),
    verify: z
      .boolean()
      .default(true)
      .describe("Check the brokers' certificates; false accepts any broker and is for experiments only."),
  })
  .prefault({})
  .describe('Encryption of the connections to the brokers.');

const sasl = z
  .strictObject({
    mechanism: z
      .enum(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'])
      .optional()
      .describe(
        'How to log in to the brokers; without it, no login. `plain` sends the password as it is, `oauthbearer` the token: use TLS with them.',
      ),
    username: text.optional().describe('User name to log in with.'),
    passwordFile: filePath
      .optional()
      .meta(
        secret('File that holds the password; one newline at its end is ignored. It is read again for every login.'),
      ),
    tokenFile: filePath
      .optional()
      .meta(
        secret(
          'File that holds the token of `oauthbearer`; read again for every login, so that whoever renews the token need only write it there.',
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
      .describe('Brokers to ask for the rest of the cluster; two or three are enough. Required by `siftline run`.'),
    clientId: text.default('siftline').describe("Name this client shows in the brokers' logs, metrics and quotas."),
    connectTimeoutMs: whole(100, 300_000).default(10_000).describe('How long to wait for a connection to a broker.'),
    requestTimeoutMs: whole(1_000, 600_000)
      .default(30_000)
      .describe("How long to wait for a broker's answer before the request counts as failed."),
    metadataMaxAgeMs: whole(1_000, 300_000)
      .default(30_000)
      .describe(
        'How old what is known of topics may get: partitions that are added are read after this time at the latest.',
      ),
    transactionalIdPrefix: text
      .optional()
      .describe(
        'With `delivery: exactly-once`, start of the transactional ids `<prefix>-<topic>-<partition>`; without it, `input.group`. No other group may use the same.',
      ),
    transactionTimeoutMs: whole(1_000, 900_000)
      .default(30_000)
      .describe('After how long the brokers abort a transaction whose process is gone.'),
    tls,
    sasl,
  })
  .prefault({})
  .describe('The cluster, and how to reach it.');
