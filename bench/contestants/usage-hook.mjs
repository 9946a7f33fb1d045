// Preloaded into `siftline classify`: writes what the whole process used when it ends, which nobody can ask for later.
import { writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  process.on('exit', () => {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
    const usage = { cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakRssMb: maxRSS / 1_024 };
    writeFileSync(process.env.BENCH_USAGE_FILE, JSON.stringify(usage));
  });
}
