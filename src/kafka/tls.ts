import { readFileSync } from 'node:fs';
import { connect, isIP } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { ISocketFactory } from 'kafkajs';
import type { Config } from '../config/schema.js';
import { messageOf, SiftlineError } from '../errors.js';

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
