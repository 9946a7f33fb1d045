import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = '/sys/fs/cgroup';
const PERIOD_MICROS = 100_000;

/**
 * Part of the machine's CPU for a process, as a container's CPU limit gives it: a quota of a control group. Needs Linux
 * and the right to make control groups (root).
 */
export class CpuShare {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Undefined where control groups cannot be made. */
  static make(name: string): CpuShare | undefined {
    // Version 1 has a tree of its own for the CPU.
    const folder = join(existsSync(join(ROOT, 'cpu')) ? join(ROOT, 'cpu') : ROOT, name);
    try {
      mkdirSync(folder);
    } catch {
      return undefined;
    }
    const share = new CpuShare(folder);
    if (existsSync(join(folder, 'cpu.max')) || existsSync(join(folder, 'cpu.cfs_quota_us'))) return share;
    share.remove();
    return undefined;
  }

  /** Puts a process with all its threads under a limit of so many CPUs. */
  give(pid: number, cpus: number): void {
    const quota = Math.round(cpus * PERIOD_MICROS);
    if (existsSync(this.#file('cpu.max'))) writeFileSync(this.#file('cpu.max'), `${quota} ${PERIOD_MICROS}`);
    else writeFileSync(this.#file('cpu.cfs_quota_us'), String(quota));
    // First in line up to the limit: other work on the machine is not to be measured.
    if (existsSync(this.#file('cpu.weight'))) writeFileSync(this.#file('cpu.weight'), '10000');
    else writeFileSync(this.#file('cpu.shares'), '100000');
    writeFileSync(this.#file('cgroup.procs'), String(pid));
  }

  /** To be called when its processes have ended. */
  remove(): void {
    rmdirSync(this.#folder);
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }
}
