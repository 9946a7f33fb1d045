import type { Logger } from 'pino';
import type { Config } from '../../config/schema.js';
import { SiftlineError } from '../../errors.js';
import { type ClusterState, KafkaAdmin } from '../../kafka/admin.js';
import { connectTo, tlsOptions } from '../../kafka/client.js';
import { type Finding, failure, ok, warn, withDetails } from '../../observe/finding.js';
import { type Reach, reach } from './reach.js';

export interface CheckedBrokers {
  readonly findings: readonly Finding[];
  /** Undefined when the cluster could not be asked; closed by who gets it. */
  readonly admin: KafkaAdmin | undefined;
}

/** Each configured broker answers, and the cluster lets us in. */
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
 * A client of a cluster of which at least one broker answers. Finds out at once, with the reason of each: kafkajs tries
 * for a while before it gives up. Throws BROKER_UNREACHABLE, or the refusal.
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

/** Of several that differ none is the one to follow. */
function waysOut(failed: ReadonlyArray<{ readonly wayOut: string }>): string {
  const [first = '', ...others] = new Set(failed.map(({ wayOut }) => wayOut));
  return others.length === 0 ? first : 'correct kafka.brokers, or start the brokers';
}

function failures(reached: readonly Reach[]): Array<Extract<Reach, { kind: 'fails' }>> {
  return reached.filter(each => each.kind === 'fails');
}

function welcome({ tls, sasl }: Config['kafka'], { id, brokers }: ClusterState): Finding {
  const login = sasl.mechanism
    ? `as ${sasl.username ?? 'the bearer of a token'} (${sasl.mechanism})`
    : 'without a login';
  const count = brokers.length === 1 ? '1 broker' : `${brokers.length} brokers`;
  return ok('brokers', `cluster ${id}, ${count}: ${brokers.join(', ')}; ${tls.enabled ? 'TLS' : 'no TLS'}, ${login}`);
}

/** Brokers of the configuration that do not answer, while others do. */
function silent(reached: readonly Reach[]): Finding[] {
  const failed = failures(reached);
  if (failed.length === 0) return [];
  const text = `${failed.length} of ${reached.length} in kafka.brokers do not answer`;
  const lines = failed.map(({ address, why, wayOut }) => `${address}: ${why}; ${wayOut}`);
  return [withDetails(warn('brokers', text, 'start them, or take them out of kafka.brokers'), lines)];
}
