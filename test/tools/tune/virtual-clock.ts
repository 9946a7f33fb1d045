import { setImmediate } from 'node:timers/promises';
import type { TuneClock } from '../../../src/tools/tune/load.js';

/** Time that passes as fast as everybody has gone to sleep: hours of it in a moment, and the same each time. */
export class VirtualClock implements TuneClock {
  #now = 0;
  #sleepers: Array<{ readonly atMs: number; readonly wake: () => void }> = [];

  now(): number {
    return this.#now;
  }

  sleep(ms: number): Promise<void> {
    return new Promise(wake => this.#sleepers.push({ atMs: this.#now + ms, wake }));
  }

  /** Lets time pass until this is settled; throws when nobody is left whom time would wake. */
  async run<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const end = () => {
      isOver = true;
    };
    work.then(end, end);
    for (;;) {
      await setImmediate();
      if (isOver) return work;
      const next = this.#sleepers.reduce((least, { atMs }) => Math.min(least, atMs), Number.POSITIVE_INFINITY);
      if (next === Number.POSITIVE_INFINITY) throw new Error('everybody waits, and for nothing');
      this.#now = Math.max(this.#now, next);
      const due = this.#sleepers.filter(({ atMs }) => atMs <= next);
      this.#sleepers = this.#sleepers.filter(({ atMs }) => atMs > next);
      for (const { wake } of due) wake();
    }
  }
}
