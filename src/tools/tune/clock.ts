import { setTimeout } from 'node:timers/promises';

/** Time as measuring sees it; tests have one that is theirs. */
export interface Clock {
  /** Milliseconds from any zero. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

export const CLOCK: Clock = {
  now: () => performance.now(),
  sleep: async ms => {
    await setTimeout(ms);
  },
};
