import { isMainThread } from 'node:worker_threads';
import { failPointHook } from './fail-points.js';

/**
 * Loaded by node before a siftline process that `failPointEnv` has armed, and before each of its threads, where there are
 * no fail points. Sets the hook of that very program: `FAILPOINTS_MODULE` is the module of its own, which it shares.
 */
const { FAILPOINTS, FAILPOINTS_MODULE } = process.env;

if (isMainThread && FAILPOINTS && FAILPOINTS_MODULE) {
  const { FAIL_POINTS, onFailPoint } = (await import(FAILPOINTS_MODULE)) as typeof import('../src/failpoints.js');
  onFailPoint(failPointHook(FAILPOINTS, FAIL_POINTS));
}
