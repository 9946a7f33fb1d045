import { readFileSync } from 'node:fs';
import { connect, isIP } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type {
  Authenticator,
  ISocketFactory,
  Kafka,
  KafkaConfig,
  LogEntry,
  Mechanism,
  SASLMechanismOptionsMap,
} from 'kafkajs';
import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import { readSecret } from '../config/secrets.js';
import { messageOf, SiftlineError } from '../errors.js';
import { loadKafkajs } from './patches/index.js';
import { require } from './patches/modules.js';

/** The types of kafkajs that siftline uses outside this folder. */
export type { Consumer, EachBatchPayload, Kafka, Message, Producer, Transaction } from 'kafkajs';

/**
 * Makes a kafkajs client with its own connections. A consumer needs a client that it does not share: kafkajs shares
 * committed offsets between the consumers of one client. Certificates, passwords and tokens are read again for every
 * connection and login.
 */
export function connectTo(config: Config['kafka'], log: Logger): Kafka {
  const { Kafka, logLevel } = loadKafkajs();
  return new Kafka({
    clientId: config.clientId,
    brokers: [...config.brokers],
    connectionTimeout: config.connectTimeoutMs,
    requestTimeout: config.requestTimeoutMs,
    enforceRequestTimeout: true,
    retry: { initialRetryTime: 100, maxRetryTime: 5_000, retries: 8, restartOnFailure: async () => false },
    // Read here only so that an unreadable file stops the start; the sockets read the files again when they are opened.
    ssl: tlsOptions(config.tls),
    socketFactory: socketsWith(config.tls),
    ...loginWith(config.sasl),
    logLevel: logLevel.DEBUG,
    logCreator: () => entry => forward(log, entry),
  });
}

/**
 * Messages that kafkajs logs as errors although they are ordinary: a rebalance, a broker that is starting, an intended
 * setting.
 */
const ORDINARY =
  /switched default partitioner|Limiting retries for the idempotent|another broker from the list|does not host this topic-partition|CONCURRENT_TRANSACTIONS|another concurrent operation|COORDINATOR_LOAD|COORDINATOR_NOT_AVAILABLE|NOT_COORDINATOR|REBALANCE_IN_PROGRESS|rebalancing|is loading|not the correct coordinator|not aware of this member/i;

/**
 * Passes on kafkajs' log lines one level lower than kafkajs gives them. siftline logs what matters in its own lines.
 */
function forward(log: Logger, { level, namespace, log: fields }: LogEntry): void {
  const { message, error } = fields;
  const ordinary = ORDINARY.test(`${message} ${error ?? ''}`);
  const line = { event: 'kafkajs', namespace, ...(error ? { error } : {}) };
  if (level <= 2 && !ordinary) log.warn(line, message);
  else log.debug(line, message);
}

type Sasl = Config['kafka']['sasl'];
type Provider = Mechanism['authenticationProvider'];

/**
 * Makes kafkajs' login. The password or token is read for each login, including a repeated login on an open connection
 * (`connections.max.reauth.ms`). Throws CONFIG_SECRET_UNREADABLE at once when the file cannot be read now.
 */
export function loginWith(sasl: Sasl): Pick<KafkaConfig, 'sasl'> {
  if (!sasl.mechanism) return {};
  const provider = sasl.mechanism === 'oauthbearer' ? withToken(sasl) : withPassword(sasl.mechanism, sasl);
  return { sasl: { mechanism: sasl.mechanism, authenticationProvider: provider } };
}

/** kafkajs' own modules, by its names of the mechanisms. */
const MODULES = { plain: 'plain', 'scram-sha-256': 'scram256', 'scram-sha-512': 'scram512' } as const;

function withPassword(mechanism: keyof typeof MODULES, { username = '', passwordFile = '' }: Sasl): Provider {
  loadKafkajs();
  type Create = (credentials: SASLMechanismOptionsMap['plain']) => Provider;
  const create = require(`kafkajs/src/broker/saslAuthenticator/${MODULES[mechanism]}.js`) as Create;
  const password = () => readSecret(passwordFile, 'kafka.sasl.passwordFile');
  password();
  return afresh(args => create({ username, password: password() })(args));
}

type TokenRequest = (options: object, token: { value: string }) => Promise<object>;

/**
 * Logs in by OAUTHBEARER (RFC 7628). A broker that refuses a token says so in a challenge and waits for the client to
 * give up. kafkajs' own login takes the challenge for an acceptance, and its next request finds the connection closed.
 *
 *     challenge = length        4 bytes, left in front by kafkajs
 *                 refusal       JSON in UTF-8; empty when the token is accepted
 */
function withToken({ tokenFile = '' }: Sasl): Provider {
  // The class takes a message, although its type says that it does not.
  const SaslError = loadKafkajs().KafkaJSSASLAuthenticationError as unknown as new (message: string) => Error;
  const { request } = require('kafkajs/src/protocol/sasl/oauthBearer/index.js') as { request: TokenRequest };
  const token = () => readSecret(tokenFile, 'kafka.sasl.tokenFile');
  token();
  const response = { decode: async (challenge: Buffer) => challenge, parse: async (challenge: Buffer) => challenge };
  return afresh(({ saslAuthenticate }) => ({
    authenticate: async () => {
      const challenge = await saslAuthenticate({ request: (await request({}, { value: token() })) as never, response });
      const refusal = challenge?.toString('utf8', 4) ?? '';
      if (refusal === '') return;
      throw new SaslError(`SASL OAUTHBEARER authentication failed: ${refusal}`);
    },
  }));
}

/**
 * Makes an authenticator that is made again for each use, so that each login uses the current contents of the files.
 */
function afresh(make: (args: Parameters<Provider>[0]) => Authenticator): Provider {
  return args => ({ authenticate: () => make(args).authenticate() });
}

type Tls = Config['kafka']['tls'];

const KEEP_ALIVE_MS = 60_000;

/**
 * Returns Node's TLS options for the brokers, from the current contents of the files; false without TLS. Throws
 * CONFIG_FILE_UNREADABLE.
 */
export function tlsOptions(tls: Tls): ConnectionOptions | false {
  if (!tls.enabled) return false;
  return {
    rejectUnauthorized: tls.verify,
    ...(tls.serverName ? { servername: tls.serverName } : {}),
    ...(tls.caFile ? { ca: readPem(tls.caFile, 'kafka.tls.caFile') } : {}),
    ...(tls.certFile ? { cert: readPem(tls.certFile, 'kafka.tls.certFile') } : {}),
    ...(tls.keyFile ? { key: readPem(tls.keyFile, 'kafka.tls.keyFile') } : {}),
  };
}

/**
 * Opens kafkajs' sockets as kafkajs would, except that the files are read for each connection. So a renewed certificate
 * is in use from the next connection on.
 */
export function socketsWith(tls: Tls): ISocketFactory {
  return ({ host, port, onConnect }) => {
    const options = tlsOptions(tls);
    const socket = options
      ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...options }, onConnect)
      : connect({ host, port }, onConnect);
    return socket.setKeepAlive(true, KEEP_ALIVE_MS);
  };
}

function readPem(path: string, field: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw SiftlineError.config(
      'CONFIG_FILE_UNREADABLE',
      `${field}: ${path} cannot be read: ${messageOf(error)}`,
      error,
    );
  }
}
