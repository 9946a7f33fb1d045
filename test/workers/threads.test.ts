import assert from 'node:assert/strict';
import { test } from 'node:test';
import { threadsForQuota } from '../../src/workers/threads.js';

function files(contents: Record<string, string>) {
  return (path: string) => contents[path];
}

const V2 = '/sys/fs/cgroup/cpu.max';
const V1 = { quota: '/sys/fs/cgroup/cpu/cpu.cfs_quota_us', period: '/sys/fs/cgroup/cpu/cpu.cfs_period_us' };

const CASES: ReadonlyArray<readonly [string, Record<string, string>, number]> = [
  ['no cgroup: the machine', {}, 8],
  ['cgroup v2 without a limit: the machine', { [V2]: 'max 100000\n' }, 8],
  ['cgroup v2, two and a half CPUs: two threads', { [V2]: '250000 100000\n' }, 2],
  ['cgroup v2, half a CPU: one thread', { [V2]: '50000 100000\n' }, 1],
  ['cgroup v2, more than the machine has: the machine', { [V2]: '3200000 100000\n' }, 8],
  ['cgroup v1, three CPUs: three threads', { [V1.quota]: '300000\n', [V1.period]: '100000\n' }, 3],
  ['cgroup v1 without a limit: the machine', { [V1.quota]: '-1\n', [V1.period]: '100000\n' }, 8],
];

for (const [what, contents, expected] of CASES) {
  test(what, () => assert.equal(threadsForQuota(files(contents), 8), expected));
}
