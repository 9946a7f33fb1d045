// Loaded into siftline's processes by the scenario of the same name (NODE_OPTIONS=--import). From the moment at which
// the file CRASH_ONCE_THERE exists, every inference thread ends itself after a while, as a thread does that runs out of
// memory or aborts in native code. Threads do not end before the first model is loaded, since the process would end
// then.
import { existsSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

const FROM_MS = 300;
const TO_MS = 1_200;
const start = process.env.CRASH_ONCE_THERE;

if (!isMainThread && start !== undefined) crashOnceThere(start);

function crashOnceThere(file) {
  if (existsSync(file)) setTimeout(() => process.exit(3), FROM_MS + Math.random() * (TO_MS - FROM_MS)).unref();
  else setTimeout(crashOnceThere, 50, file).unref();
}
