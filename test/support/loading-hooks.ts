import type { LoadHook } from 'node:module';
import type { MessagePort } from 'node:worker_threads';

/** Runs in the thread of Node's module hooks: reports every module that is loaded, and loads it as usual. */
let port: MessagePort | undefined;

export function initialize(data: { readonly port: MessagePort }): void {
  port = data.port;
}

export const load: LoadHook = (url, context, nextLoad) => {
  port?.postMessage(url);
  return nextLoad(url, context);
};
