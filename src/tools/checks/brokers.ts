import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Logger } from 'pino';
import type { Config } from '../../config/schema.js';
import { SiftlineError } from '../../errors.js';
import { type ClusterState, KafkaAdmin } from '../../kafka/admin.js';
import { connectTo, tlsOptions } from '../../kafka/client.js';
import { networkMessage, wayOut } from '../../kafka/errors.js';
import { type Finding, failure, ok, warn, withDetails } from '../../observe/finding.js';

export interface CheckedBrokers {
  readonly findings: readonly Finding[];
  /** The client of the cluster; undefined if the cluster could not be asked. The caller closes it. */
  readonly admin: KafkaAdmin | undefined;
}

/** Checks that each configured broker answers, and that the cluster accepts the login. */
export async function checkBrokers({ kafka }: Pick<Config, 'kafka'>, log: Logger): Promise<CheckedBrokers> {
  let admin: KafkaAdmin | undefined;
  try {
    const reached = await reachAny(kafka);
    admin = await KafkaAdmin.open(connectTo(kafka, log), kafka.brokers);
    const cluster = await admin.cluster();
    return { findings: [welcome(kafka, cluster), ...silent(reached)], admin };
  } catch (error) {
    await admin?.close();
    return { findings: [failure('brokers', error)], admin: undefined };
  }
}

/**
 * Opens a client of a cluster. First asks every broker directly, since kafkajs retries for a while before it gives up,
 * and needs an answer from one at least. Throws BROKER_UNREACHABLE with the reason of each broker, or the refusal of
 * the login.
 */
export async function openAdmin(kafka: Config['kafka'], log: Logger): Promise<KafkaAdmin> {
  await reachAny(kafka);
  return KafkaAdmin.open(connectTo(kafka, log), kafka.brokers);
}

async function reachAny(kafka: Config['kafka']): Promise<readonly Reach[]> {
  const options = { timeoutMs: kafka.connectTimeoutMs, tls: tlsOptions(kafka.tls) };
  const reached = await Promise.all(kafka.brokers.map(address => reach(address, options)));
  const failed = failures(reached);
  if (failed.length < reached.length) return reached;
  const each = failed.map(({ address, why }) => `${address} (${why})`).join(', ');
  throw SiftlineError.broker('BROKER_UNREACHABLE', `no broker answers: ${each}; ${waysOut(failed)}`);
}

/** Returns the way out that all failures share. If they differ, returns the general one. */
function waysOut(failed: ReadonlyArray<{ readonly wayOut: string }>): string {
  const [first = '', ...others] = new Set(failed.map(({ wayOut }) => wayOut));
  return others.length === 0 ? first : 'correct kafka.brokers, or start the brokers';
}

function failures(reached: readonly Reach[]): Array<Extract<Reach, { kind: 'fails' }>> {
  return reached.filter(each => each.kind === 'fails');
}

function welcome({ tls, sasl }: Config['kafka'], { id, brokers }: ClusterState): Finding {
  const login = sasl.mechanism ? `login as ${sasl.username ?? 'the user of a token'} (${sasl.mechanism})` : 'no login';
  const count = brokers.length === 1 ? '1 broker' : `${brokers.length} brokers`;
  return ok('brokers', `cluster ${id}, ${count}: ${brokers.join(', ')}; ${tls.enabled ? 'TLS' : 'no TLS'}, ${login}`);
}

/** Returns a finding for the brokers of the configuration that do not answer, while others do. */
function silent(reached: readonly Reach[]): Finding[] {
  const failed = failures(reached);
  if (failed.length === 0) return [];
  const text = `${failed.length} of ${reached.length} brokers in kafka.brokers do not answer`;
  const lines = failed.map(({ address, why, wayOut }) => `${address}: ${why}; ${wayOut}`);
  return [withDetails(warn('brokers', text, 'start these brokers, or remove them from kafka.brokers'), lines)];
}

/** The result of asking an address: a Kafka broker answers, or not, with the reason. */
export type Reach =
  | { readonly address: string; readonly kind: 'answers' }
  | { readonly address: string; readonly kind: 'fails'; readonly why: string; readonly wayOut: string };

export interface ReachOptions {
  readonly timeoutMs: number;
  /** The TLS options; false without TLS. */
  readonly tls: ConnectionOptions | false;
}

/**
 * An ApiVersions request (key 18, version 0, no client id), which every listener answers before any login: size, key,
 * version, correlation id, a null string.
 */
const API_VERSIONS = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);

/**
 * The first byte of a TLS alert, with which a TLS listener answers a client without TLS. A Kafka response starts with
 * 0.
 */
const TLS_ALERT = 0x15;

/** Connects to `host:port` and sends one request. A failure names its cause: the network, TLS, or a certificate. */
export function reach(address: string, options: ReachOptions): Promise<Reach> {
  return new Promise(resolve => {
    const socket = open(address, options.tls);
    const end = (outcome: Reach) => {
      socket.destroy();
      resolve(outcome);
    };
    const fails = (why: string, way: string) => end({ address, kind: 'fails', why, wayOut: way });
    socket.setTimeout(options.timeoutMs, () =>
      fails(`no answer within ${options.timeoutMs / 1000} s`, wayOut(undefined)),
    );
    socket.once('error', error => fails(networkMessage(error), wayOut(error)));
    // Listens to `close` and not to `end`: if TLS was not agreed on, the error comes between the two and says more.
    socket.once('close', () => fails('the connection was closed', wayOut(HUNG_UP)));
    socket.once(options.tls ? 'secureConnect' : 'connect', () => socket.write(API_VERSIONS));
    socket.once('data', (data: Buffer) => {
      if (data[0] === TLS_ALERT) fails('the listener speaks TLS', 'set kafka.tls.enabled to true');
      else end({ address, kind: 'answers' });
    });
  });
}

const HUNG_UP = Object.assign(new Error(), { code: 'ECONNRESET' });

function open(address: string, tls: ConnectionOptions | false): Socket {
  const colon = address.lastIndexOf(':');
  const [host, port] = [address.slice(0, colon), Number(address.slice(colon + 1))];
  if (!tls) return connect({ host, port });
  // An IP address is not a valid server name; kafkajs does the same.
  return connectTls({ host, port, servername: isIP(host) ? '' : host, ...tls });
}
