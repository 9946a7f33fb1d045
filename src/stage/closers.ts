import type { Logger } from 'pino';
import { messageOf } from '../errors.js';

interface Closer {
  readonly name: string;
  readonly close: () => Promise<void> | void;
}

/**
 * Closes parts in the reverse of the order in which they were opened: whatever is opened pushes its closer. Each part
 * is closed even if another fails; the failure is logged. `close` empties the list, so a second call closes nothing
 * twice.
 */
export class Closers {
  readonly #log: Logger;
  readonly #closers: Closer[] = [];

  constructor(log: Logger) {
    this.#log = log;
  }

  push(name: string, close: Closer['close']): void {
    this.#closers.push({ name, close });
  }

  async close(): Promise<void> {
    for (let closer = this.#closers.pop(); closer; closer = this.#closers.pop()) {
      try {
        await closer.close();
      } catch (error) {
        this.#log.warn({ event: 'close_failed', part: closer.name, error: messageOf(error) }, 'a part did not close');
      }
    }
  }
}
