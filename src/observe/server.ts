import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
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

/**
 * Serves probes and Prometheus over HTTP: `/livez`, `/readyz` (200 or 503, the reasons as JSON) and `/metrics`. It is
 * read-only, has small limits and keeps no state.
 */
export class AdminServer {
  readonly #server: Server;

  constructor(pages: AdminPages) {
    this.#server = createServer(
      { requestTimeout: 10_000, headersTimeout: 5_000, maxHeaderSize: 8_192 },
      (request, response) => {
        answer(pages, request.url ?? '/', response).catch(error => send(response, 500, { error: messageOf(error) }));
      },
    );
    this.#server.maxConnections = 256;
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
