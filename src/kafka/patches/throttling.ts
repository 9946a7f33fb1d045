import { require } from './modules.js';

/** Told how long the brokers want one connection to be silent, because a quota is used up. */
export type ThrottleHook = (ms: number) => void;

interface ThrottledQueue {
  maybeThrottle(ms: number | null): void;
}

let told: ThrottleHook = () => {};

/** For all connections of the process; the hook that came last is told. */
export function onThrottled(hook: ThrottleHook): void {
  told = hook;
}

/** kafkajs keeps to what a quota's broker asks of it (src/network/requestQueue/index.js) and tells nobody. */
export function tellThrottling(): void {
  const { prototype } = require('kafkajs/src/network/requestQueue') as { prototype: ThrottledQueue };
  const { maybeThrottle } = prototype;
  prototype.maybeThrottle = function (ms) {
    if (ms !== null && ms > 0) told(ms);
    maybeThrottle.call(this, ms);
  };
}
