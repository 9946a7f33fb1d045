import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { API_KEYS, type ApiName, apiKeyOf, clientIdOf, correlationOf, Frames } from './frames.js';

/**
 * A response that must get lost: the request reaches the broker and takes effect, and the response does not come back.
 */
interface Loss {
  readonly key: number;
  /**
   * `cut` ends the connection instead of the response, so the client knows at once; `silence` makes the client wait for
   * its timeout.
   */
  readonly how: 'cut' | 'silence';
  readonly happened: () => void;
}

/**
 * A TCP proxy in front of one broker, on the loopback interface only. The broker advertises the proxy's port, so
 * clients come back through it. The proxy knows lengths, API keys, correlation ids and client ids of the protocol, and no more.
 */
export class BrokerProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #target: () => number;
  readonly #links = new Set<Link>();
  /** The milliseconds by which every chunk is delayed, in each direction. */
  latencyMs = 0;
  /** While true, no byte gets through, and neither side gets an error. */
  blackHole = false;
  /** The client ids whose connections carry no byte, as in a black hole, while those of others do. */
  readonly #cutOff = new Set<string>();
  #losses: Loss[] = [];

  private constructor(server: Server, target: () => number) {
    this.#server = server;
    this.#target = target;
    this.port = (server.address() as { port: number }).port;
    server.on('connection', socket => this.#link(socket));
  }

  /** Opens a proxy. `target` is called for every connection. */
  static async open(target: () => number, port = 0): Promise<BrokerProxy> {
    const server = createServer({ noDelay: true }).listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new BrokerProxy(server, target);
  }

  /** Loses the response to the next request of this kind; resolves when that has happened. */
  lose(api: ApiName, how: Loss['how'] = 'cut'): Promise<void> {
    return new Promise(happened => {
      this.#losses.push({ key: API_KEYS[api], how, happened });
    });
  }

  /** Cuts the clients of this id off. What they send is held, and reaches the broker when they are let through. */
  cutOff(clientId: string): void {
    this.#cutOff.add(clientId);
  }

  letThrough(clientId: string): void {
    this.#cutOff.delete(clientId);
    this.#flow();
  }

  /** Cancels the losses that no request has met. */
  heal(): void {
    this.latencyMs = 0;
    this.blackHole = false;
    this.#cutOff.clear();
    this.#losses = [];
    this.#flow();
  }

  /** Resets every connection, and returns their number. */
  drop(): number {
    const { size } = this.#links;
    for (const link of this.#links) link.end();
    return size;
  }

  async close(): Promise<void> {
    this.drop();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #flow(): void {
    for (const link of this.#links) link.flow();
  }

  #link(client: Socket): void {
    const broker = connect({ host: '127.0.0.1', port: this.#target(), noDelay: true });
    const link = new Link(client, broker, {
      latencyMs: () => this.latencyMs,
      blackHole: client => this.blackHole || this.#cutOff.has(client),
      claim: key => this.#claim(key),
    });
    this.#links.add(link);
    void link.ended.then(() => this.#links.delete(link));
  }

  #claim(key: number): Loss | undefined {
    const at = this.#losses.findIndex(loss => loss.key === key);
    return at < 0 ? undefined : this.#losses.splice(at, 1)[0];
  }
}

interface Weather {
  latencyMs(): number;
  blackHole(clientId: string): boolean;
  /** Returns the loss for a request with this key, if there is one, and removes it. */
  claim(key: number): Loss | undefined;
}

/** One client's connection through the proxy. */
class Link {
  readonly ended: Promise<void>;
  readonly #client: Socket;
  readonly #broker: Socket;
  readonly #weather: Weather;
  readonly #lost = new Map<number, Loss>();
  readonly #toBroker: Pipe;
  readonly #toClient: Pipe;
  /** The client id of the latest request; empty before the first. */
  #clientId = '';

  constructor(client: Socket, broker: Socket, weather: Weather) {
    this.#client = client;
    this.#broker = broker;
    this.#weather = weather;
    const own = { latencyMs: weather.latencyMs, blackHole: () => weather.blackHole(this.#clientId) };
    this.#toBroker = new Pipe(broker, own);
    this.#toClient = new Pipe(client, own);
    const [requests, responses] = [new Frames(), new Frames()];
    client.on('data', chunk => {
      for (const frame of requests.push(chunk)) this.#request(frame);
    });
    broker.on('data', chunk => {
      for (const frame of responses.push(chunk)) this.#response(frame);
    });
    for (const socket of [client, broker]) socket.on('error', () => this.end()).on('close', () => this.end());
    this.ended = new Promise(resolve => client.once('close', () => resolve()));
  }

  end(): void {
    this.#client.destroy();
    this.#broker.destroy();
  }

  /** Releases the bytes that a black hole has held. */
  flow(): void {
    this.#toBroker.flow();
    this.#toClient.flow();
  }

  #request(frame: Buffer): void {
    this.#clientId = clientIdOf(frame);
    const loss = this.#weather.claim(apiKeyOf(frame));
    if (loss) this.#lost.set(correlationOf(frame, 'request'), loss);
    this.#toBroker.push(frame);
  }

  #response(frame: Buffer): void {
    const correlation = correlationOf(frame, 'response');
    const loss = this.#lost.get(correlation);
    if (!loss) {
      this.#toClient.push(frame);
      return;
    }
    this.#lost.delete(correlation);
    if (loss.how === 'cut') this.end();
    loss.happened();
  }
}

interface PipeWeather {
  latencyMs(): number;
  blackHole(): boolean;
}

/**
 * One direction of a connection. Delayed bytes leave in the order in which they came, however the latency changes
 * meanwhile.
 */
class Pipe {
  readonly #to: Socket;
  readonly #weather: PipeWeather;
  readonly #held: Buffer[] = [];

  constructor(to: Socket, weather: PipeWeather) {
    this.#to = to;
    this.#weather = weather;
  }

  push(frame: Buffer): void {
    const latency = this.#weather.latencyMs();
    if (this.#held.length === 0 && latency === 0 && !this.#weather.blackHole()) {
      this.#write(frame);
    } else {
      this.#held.push(frame);
      setTimeout(() => this.#next(), latency);
    }
  }

  flow(): void {
    while (this.#held.length > 0 && !this.#weather.blackHole()) this.#next();
  }

  /** Starts a timer for the oldest frame. A black hole keeps all frames until `flow`. */
  #next(): void {
    if (this.#weather.blackHole()) return;
    const frame = this.#held.shift();
    if (frame) this.#write(frame);
  }

  #write(frame: Buffer): void {
    if (!this.#to.destroyed) this.#to.write(frame);
  }
}
