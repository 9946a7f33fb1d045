import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { siftlineWith } from '../cli/process.js';
import type { TestBroker, TestScope } from '../support/kafka.js';

const CHUNK = 100;
const PAUSE_MS = 250;

/** Texts, some hundred a second, until it is stopped. */
export class Load {
  #sent = 0;
  #stopped = false;
  readonly #done: Promise<void>;

  private constructor(broker: TestBroker, topic: string) {
    this.#done = this.#feed(broker, topic);
    // Told to whoever stops it.
    this.#done.catch(() => {});
  }

  /** Stopped when the test ends, at the latest. */
  static start(scope: TestScope, broker: TestBroker, topic: string): Load {
    const load = new Load(broker, topic);
    scope.after(async () => {
      load.#stopped = true;
      await load.#done.catch(() => {});
    });
    return load;
  }

  /** How many records there are in all, the brokers having them. */
  async stop(): Promise<number> {
    this.#stopped = true;
    await this.#done;
    return this.#sent;
  }

  async #feed(broker: TestBroker, topic: string): Promise<void> {
    while (!this.#stopped) {
      const messages = Array.from({ length: CHUNK }, (_, i) => {
        const text = TEXTS[(this.#sent + i) % TEXTS.length] ?? '';
        return { key: `k${i}`, value: JSON.stringify({ id: this.#sent + i, text, title: text, body: text }) };
      });
      await broker.produce(topic, messages);
      this.#sent += CHUNK;
      await sleep(PAUSE_MS);
    }
  }
}

const TEXTS = readFileSync('examples/demo/texts.jsonl', 'utf8')
  .trim()
  .split('\n')
  .map(line => (JSON.parse(line) as { text: string }).text);

export interface Books {
  readonly clean: boolean;
  readonly input: number;
  readonly labelled: number;
  readonly rejected: number;
  readonly missing: number;
  readonly outOfOrder: number;
  readonly duplicates: { readonly identical: number; readonly differing: number };
}

/** What `siftline audit` says once no more outcomes come. */
export async function audit(env: Readonly<Record<string, string>>): Promise<Books> {
  const { stdout, said } = await siftlineWith(env, 'audit', '--json', '--until-idle', '8');
  if (stdout === '') throw new Error(said);
  return JSON.parse(stdout) as Books;
}
