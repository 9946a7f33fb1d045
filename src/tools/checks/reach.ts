import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { networkMessage, wayOut } from '../../kafka/errors.js';

/** Whether something that speaks Kafka answers at an address. */
export type Reach =
  | { readonly address: string; readonly kind: 'answers' }
  | { readonly address: string; readonly kind: 'fails'; readonly why: string; readonly wayOut: string };

export interface ReachOptions {
  readonly timeoutMs: number;
  /** False without TLS. */
  readonly tls: ConnectionOptions | false;
}

/**
 * An ApiVersions request (key 18, version 0, no client id), which every listener answers before any login: size, key,
 * version, correlation id, a null string.
 */
const API_VERSIONS = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);

/** The first byte of a TLS alert: what a TLS listener says to somebody without TLS. A Kafka answer starts with 0. */
const TLS_ALERT = 0x15;

/** Connects to `host:port` and asks one question. Says by name what went wrong: the network, TLS, a certificate. */
export function reach(address: string, options: ReachOptions): Promise<Reach> {
  return new Promise(resolve => {
    const socket = open(address, options.tls);
    const end = (outcome: Reach) => {
      socket.destroy();
      resolve(outcome);
    };
    const fails = (why: string, way: string) => end({ address, kind: 'fails', why, wayOut: way });
    socket.setTimeout(options.timeoutMs, () => fails(`no answer for ${options.timeoutMs / 1000} s`, wayOut(undefined)));
    socket.once('error', error => fails(networkMessage(error), wayOut(error)));
    // Not `end`: where TLS was not agreed on, the error comes between the two and says more.
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
  // As kafkajs does: an IP address is no server name.
  return connectTls({ host, port, servername: isIP(host) ? '' : host, ...tls });
}
