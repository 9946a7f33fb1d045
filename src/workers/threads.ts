import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Reads a small file; returns undefined when there is none. */
export type ReadText = (path: string) => string | undefined;

/**
 * Returns the number of threads that this process may keep busy: the container's CPU quota rounded down, at least one,
 * at most the machine's count. Node's own count ignores quotas, and too many threads are all throttled.
 *
 * It reads cgroup v2 `cpu.max` ("max 100000" or "150000 100000") and cgroup v1 `cpu.cfs_quota_us` /
 * `cpu.cfs_period_us`.
 */
export function threadsForQuota(read: ReadText = readOrUndefined, machine = availableParallelism()): number {
  const quota = quotaV2(read) ?? quotaV1(read);
  if (quota === undefined) return machine;
  return Math.max(1, Math.min(machine, Math.floor(quota)));
}

function quotaV2(read: ReadText): number | undefined {
  const [quota, period] = (read('/sys/fs/cgroup/cpu.max') ?? '').trim().split(/\s+/).map(Number);
  return ratio(quota, period);
}

function quotaV1(read: ReadText): number | undefined {
  const quota = Number(read('/sys/fs/cgroup/cpu/cpu.cfs_quota_us'));
  return ratio(quota, Number(read('/sys/fs/cgroup/cpu/cpu.cfs_period_us')));
}

function ratio(quota: number | undefined, period: number | undefined): number | undefined {
  return quota && period && quota > 0 && period > 0 ? quota / period : undefined;
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
