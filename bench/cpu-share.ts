import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = '/sys/fs/cgroup';
const PERIOD_MICROS = 100_000;

/**
 * Gives processes a part of the machine's CPU, as a container's CPU limit does: a quota of a control group. It needs
 * Linux and the permission to make control groups (root).
 */
export class CpuShare {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes a control group; undefined if control groups cannot be made. */
  static make(name: string): CpuShare | undefined {
    // Version 1 has a separate tree for the CPU.
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

  /** Puts a process with all its threads under a limit of this many CPUs. */
  give(pid: number, cpus: number): void {
    const quota = Math.round(cpus * PERIOD_MICROS);
    if (existsSync(this.#file('cpu.max'))) writeFileSync(this.#file('cpu.max'), `${quota} ${PERIOD_MICROS}`);
    else writeFileSync(this.#file('cpu.cfs_quota_us'), String(quota));
    // The group has the highest weight up to its limit, since other work on the machine must not be measured.
    if (existsSync(this.#file('cpu.weight'))) writeFileSync(this.#file('cpu.weight'), '10000');
    else writeFileSync(this.#file('cpu.shares'), '100000');
    writeFileSync(this.#file('cgroup.procs'), String(pid));
  }

  /** Removes the group. Called after its processes have ended. */
  remove(): void {
    rmdirSync(this.#folder);
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }
}
