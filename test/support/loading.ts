import { appendFileSync } from 'node:fs';
import * as module from 'node:module';
import { isMainThread, MessageChannel, receiveMessageOnPort } from 'node:worker_threads';

/**
 * Given to `node --import`. When the process ends, writes the modules that its main thread has loaded to the file that
 * LOADED_MODULES names, one on each line. A hook reports ES modules; Node's own cache has the CommonJS ones.
 */

const loaded = new Set<string>();
const { port1, port2 } = new MessageChannel();
const cache = module.createRequire(import.meta.url).cache;

/** The hooks run in the thread that loads from Node 22.15 on; in Node 20 they have a separate thread. */
type SyncHooks = { load(url: string, context: object, next: (url: string, context: object) => object): object };
const { registerHooks } = module as unknown as { registerHooks?: (hooks: SyncHooks) => void };

if (isMainThread) {
  if (registerHooks) {
    registerHooks({
      load: (url, context, next) => {
        loaded.add(url);
        return next(url, context);
      },
    });
  } else {
    module.register('./loading-hooks.js', {
      parentURL: import.meta.url,
      data: { port: port2 },
      transferList: [port2],
    });
  }
  process.on('exit', () => {
    for (let told = receiveMessageOnPort(port1); told; told = receiveMessageOnPort(port1)) loaded.add(told.message);
    for (const path of Object.keys(cache)) loaded.add(path);
    appendFileSync(process.env.LOADED_MODULES ?? '', [...loaded, ''].join('\n'));
  });
}
port1.unref();
port2.unref();
