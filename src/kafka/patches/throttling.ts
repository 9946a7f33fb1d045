import { require } from './modules.js';

/** Receives the time for which the brokers want one connection to be silent, because a quota is used up. */
export type ThrottleHook = (ms: number) => void;

interface ThrottledQueue {
  maybeThrottle(ms: number | null): void;
}

let told: ThrottleHook = () => {};

/** Sets the hook for all connections of the process; the latest hook replaces the one before. */
export function onThrottled(hook: ThrottleHook): void {
  told = hook;
}

/**
 * Reports throttling to the hook. kafkajs keeps to a quota's pauses (src/network/requestQueue/index.js) without
 * reporting them.
 */
export function tellThrottling(): void {
  const { prototype } = require('kafkajs/src/network/requestQueue') as { prototype: ThrottledQueue };
  const { maybeThrottle } = prototype;
  prototype.maybeThrottle = function (ms) {
    if (ms !== null && ms > 0) told(ms);
    maybeThrottle.call(this, ms);
  };
}
