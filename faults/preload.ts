import { isMainThread } from 'node:worker_threads';
import { failPointHook } from './fail-points.js';

/**
 * Node loads this module before a siftline process that `failPointEnv` has armed, and before each of its threads, where
 * there are no fail points. It sets the hook of that program: `FAILPOINTS_MODULE` names the program's own module, so
 * that both share one instance of it.
 */
const { FAILPOINTS, FAILPOINTS_MODULE } = process.env;

if (isMainThread && FAILPOINTS && FAILPOINTS_MODULE) {
  const { FAIL_POINTS, onFailPoint } = (await import(FAILPOINTS_MODULE)) as typeof import('../src/failpoints.js');
  onFailPoint(failPointHook(FAILPOINTS, FAIL_POINTS));
}
