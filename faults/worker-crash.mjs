// Loaded into siftline's processes by the scenario of the same name (NODE_OPTIONS=--import): every inference thread ends
// itself after a while, as a thread does that runs out of memory or aborts in native code.
import { isMainThread } from 'node:worker_threads';

const { CRASH_FROM_MS, CRASH_TO_MS } = process.env;
const [from, to] = [Number(CRASH_FROM_MS ?? 300), Number(CRASH_TO_MS ?? 1_200)];
if (!isMainThread) setTimeout(() => process.exit(3), from + Math.random() * (to - from)).unref();
