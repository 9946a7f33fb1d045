import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { messageOf, SiftlineError } from '../errors.js';

/** Holds the answer of a probe: whether it passes, and why. */
export interface HealthProbe {
  readonly ok: boolean;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Supplies the content of the pages, each time that one is read. */
export interface AdminPages {
  readonly live: () => HealthProbe;
  readonly ready: () => HealthProbe;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly body: string }>;
}

const LIMITS = {
  requestTimeout: 10_000,
  headersTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 8_192,
} as const;
/** A connection on which no byte moves for so long is closed, in the middle of an answer as well. */
const SILENCE_MS = 10_000;
const MOST_CONNECTIONS = 256;

/**
 * Serves probes and Prometheus over HTTP: `/livez`, `/readyz` (200 or 503, the reasons as JSON) and `/metrics`. It is read-only
 * and has small limits. A connection is idle until its request has been read and again after the answer. Beyond 256 connections the
 * one that has been idle longest is closed, else the one whose request is oldest: a probe is answered however many
 * connections are held open.
 */
export class AdminServer {
  readonly #server: Server;
  /** Connections without a request, in the order in which they became idle. */
  readonly #idle = new Set<Socket>();
  /** Connections whose answer is under way, in the order in which their requests came. */
  readonly #busy = new Set<Socket>();

  constructor(pages: AdminPages) {
    this.#server = createServer(LIMITS, (request, response) => {
      this.#begin(request.socket, response);
      answer(pages, request.url ?? '/', response).catch(error => send(response, 500, { error: messageOf(error) }));
    });
    this.#server.timeout = SILENCE_MS;
    this.#server.on('connection', socket => this.#admit(socket));
  }

  /** Listens on this address. Resolves to the port; the system chooses it when `port` is 0. Rejects with ADMIN_PORT. */
  async open(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', error => reject(cannotListen(`${host}:${port}`, error)));
      this.#server.listen(port, host, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise(resolve => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #admit(socket: Socket): void {
    this.#idle.add(socket);
    socket.once('close', () => {
      this.#idle.delete(socket);
      this.#busy.delete(socket);
    });
    if (this.#idle.size + this.#busy.size <= MOST_CONNECTIONS) return;
    const [oldest] = this.#idle.size > 1 ? this.#idle : this.#busy;
    oldest?.destroy();
  }

  #begin(socket: Socket, response: ServerResponse): void {
    this.#idle.delete(socket);
    this.#busy.add(socket);
    response.once('close', () => {
      this.#busy.delete(socket);
      if (!socket.destroyed) this.#idle.add(socket);
    });
  }
}

async function answer(pages: AdminPages, url: string, response: ServerResponse): Promise<void> {
  switch (url.split('?')[0]) {
    case '/livez':
      return probe(response, pages.live());
    case '/readyz':
      return probe(response, pages.ready());
    case '/metrics': {
      const { contentType, body } = await pages.metrics();
      response.writeHead(200, { 'content-type': contentType }).end(body);
      return;
    }
    case '/':
      return send(response, 200, { siftline: 'see /livez, /readyz and /metrics' });
    default:
      return send(response, 404, { error: 'not found; there are /livez, /readyz and /metrics' });
  }
}

function probe(response: ServerResponse, { ok, details }: HealthProbe): void {
  send(response, ok ? 200 : 503, { ok, ...details });
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}

function cannotListen(address: string, error: Error): SiftlineError {
  return SiftlineError.config(
    'ADMIN_PORT',
    `cannot listen on ${address} (${messageOf(error)}); set metrics.port to a free port, or 0 for any`,
    error,
  );
}
