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

/** The types of kafkajs that siftline uses outside of this folder. */
export type { Consumer, EachBatchPayload, Kafka, Message, Producer, Transaction } from 'kafkajs';

/**
 * A kafkajs client of its own connections. A consumer needs one to itself: kafkajs shares committed offsets between
 * the consumers of one client. Certificates, passwords and tokens are read again for every connection and login.
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
    // The sockets are opened with the files of then; here they are read to find out at once when they cannot be.
    ssl: tlsOptions(config.tls),
    socketFactory: socketsWith(config.tls),
    ...loginWith(config.sasl),
    logLevel: logLevel.DEBUG,
    logCreator: () => entry => forward(log, entry),
  });
}

/** What kafkajs calls errors and everybody else calls a rebalance, a broker that is starting, or as it should be. */
const ORDINARY =
  /switched default partitioner|Limiting retries for the idempotent|another broker from the list|does not host this topic-partition|CONCURRENT_TRANSACTIONS|another concurrent operation|COORDINATOR_LOAD|COORDINATOR_NOT_AVAILABLE|NOT_COORDINATOR|REBALANCE_IN_PROGRESS|rebalancing|is loading|not the correct coordinator|not aware of this member/i;

/** kafkajs' log lines, one level lower than it thinks: what matters of them siftline says itself. */
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
 * kafkajs' login. The password or token is read for each login, a login that is due again on an open connection
 * (`connections.max.reauth.ms`) included. Throws CONFIG_SECRET_UNREADABLE at once when it cannot be read now.
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
 * OAUTHBEARER (RFC 7628). A broker that refuses a token says so in a challenge and waits for the client to give in;
 * kafkajs' own login takes the challenge for a yes, and the next request finds the connection closed.
 */
function withToken({ tokenFile = '' }: Sasl): Provider {
  // Its type says that it takes no message.
  const SaslError = loadKafkajs().KafkaJSSASLAuthenticationError as unknown as new (message: string) => Error;
  const { request } = require('kafkajs/src/protocol/sasl/oauthBearer/index.js') as { request: TokenRequest };
  const token = () => readSecret(tokenFile, 'kafka.sasl.tokenFile');
  token();
  const response = { decode: async (challenge: Buffer) => challenge, parse: async (challenge: Buffer) => challenge };
  return afresh(({ saslAuthenticate }) => ({
    authenticate: async () => {
      const challenge = await saslAuthenticate({ request: (await request({}, { value: token() })) as never, response });
      // kafkajs leaves the four bytes of its length before it.
      const refusal = challenge?.toString('utf8', 4) ?? '';
      if (refusal === '') return;
      throw new SaslError(`SASL OAUTHBEARER authentication failed: ${refusal}`);
    },
  }));
}

/** An authenticator that is made anew whenever it is used, and so of what the files hold then. */
function afresh(make: (args: Parameters<Provider>[0]) => Authenticator): Provider {
  return args => ({ authenticate: () => make(args).authenticate() });
}

type Tls = Config['kafka']['tls'];

const KEEP_ALIVE_MS = 60_000;

/** Node's TLS options for the brokers, from the files as they are now; false without TLS. Throws CONFIG_FILE_UNREADABLE. */
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
 * Opens kafkajs' sockets as kafkajs would, but for the files: they are read for each connection, so that a certificate
 * that was renewed is in use from the next connection on.
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
