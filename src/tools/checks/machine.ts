import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, totalmem } from 'node:os';
import type { Config } from '../../config/schema.js';
import { messageOf } from '../../errors.js';
import type { Arithmetic } from '../../model/arithmetic.js';
import { type Finding, fail, ok, warn } from '../../observe/finding.js';
import { type ReadText, threadsForQuota } from '../../workers/threads.js';

/** The machine as the checks see it; tests give a different one. */
export interface Machine {
  readonly read: ReadText;
  readonly cores: number;
  readonly memoryBytes: number;
}

export function thisMachine(): Machine {
  return { read: readOrUndefined, cores: availableParallelism(), memoryBytes: totalmem() };
}

/** Instructions that make int8 inference faster, by their names in /proc/cpuinfo, the best first. */
const INSTRUCTIONS: ReadonlyArray<readonly [flag: string, name: string]> = [
  ['amx_int8', 'AMX int8'],
  ['avx512_vnni', 'AVX-512 VNNI'],
  ['avx_vnni', 'AVX VNNI'],
  ['avx512f', 'AVX-512'],
  ['avx2', 'AVX2'],
  ['i8mm', 'Arm i8mm'],
  ['asimddp', 'Arm dot product'],
];

/**
 * Compares the threads with the CPU quota, and reports the processor's instructions for int8 and the arithmetic that
 * uses them.
 */
export function checkCpu(
  workers: Config['workers'],
  { read, cores }: Machine,
  arithmetic: Arithmetic | undefined,
): Finding[] {
  const allowed = threadsForQuota(read, cores);
  const threads = workers.count ?? allowed;
  const flags = instructionsOf(read('/proc/cpuinfo'));
  const quota = allowed < cores ? `CPU quota of ${allowed} of ${cores} cores` : `${cores} cores, no lower CPU quota`;
  const found = flags === undefined ? 'instructions unknown' : flags.join(', ') || 'no AVX2';
  return [
    ok(
      'cpu',
      [`${threads} inference ${threads === 1 ? 'thread' : 'threads'}`, quota, found, ...said(arithmetic)].join('; '),
    ),
    ...(threads > allowed ? [tooMany(threads, allowed)] : []),
    ...(flags?.length === 0 ? [noVectors] : []),
  ];
}

function said(arithmetic: Arithmetic | undefined): string[] {
  if (arithmetic === undefined) return [];
  return [
    arithmetic === 'native'
      ? 'arithmetic native: the fast int8 kernel is exact'
      : 'arithmetic widened: the fast int8 kernel of this CPU clips sums, so the exact one is used, at about nine tenths of the speed',
  ];
}

function tooMany(threads: number, allowed: number): Finding {
  const text = `workers.count is ${threads}, but the CPU quota is ${allowed}: all threads would be throttled together`;
  return warn('cpu', text, `leave workers.count out, set it to ${allowed}, or raise the quota`);
}

const noVectors = warn(
  'cpu',
  'the processor has neither AVX2 nor Arm dot product: inference will be several times slower',
  'run on another kind of machine; in a virtual machine, pass the CPU model of the host through',
);

/** Returns the names of the instructions; undefined if the system does not list them. */
function instructionsOf(cpuinfo: string | undefined): string[] | undefined {
  const line = /^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo ?? '')?.[1];
  if (line === undefined) return undefined;
  const flags = new Set(line.trim().split(/\s+/));
  return INSTRUCTIONS.filter(([flag]) => flags.has(flag)).map(([, name]) => name);
}

const MB = 1_000_000;
const BASE_BYTES = 200 * MB;
const ARENA_BYTES = 60 * MB;

/** Compares a rough estimate of the memory needed with the memory of the machine or container. */
export function checkMemory(config: Pick<Config, 'workers' | 'input'>, modelBytes: number, machine: Machine): Finding {
  const threads = config.workers.count ?? threadsForQuota(machine.read, machine.cores);
  const need = memoryEstimate({ threads, modelBytes, bufferBytes: config.input.bufferBytes });
  const limit = memoryLimit(machine);
  const where = limit === undefined ? 'the machine has' : "the container's limit is";
  const text = `about ${megabytes(need)} needed (an estimate), ${where} ${megabytes(limit ?? machine.memoryBytes)}`;
  if (need <= (limit ?? machine.memoryBytes)) return ok('memory', text);
  return warn('memory', text, 'give it more memory, or lower workers.count or input.bufferBytes');
}

/**
 * Estimates the bytes that a stage needs: a base with the batches in flight, twice the model and an arena for each
 * thread, and the buffer of its input.
 */
export function memoryEstimate(of: { threads: number; modelBytes: number; bufferBytes: number }): number {
  return BASE_BYTES + of.threads * (2 * of.modelBytes + ARENA_BYTES) + of.bufferBytes;
}

/**
 * Returns the limit of the cgroup, v2 or v1; undefined without one ("max", or a number beyond the memory of the
 * machine).
 */
function memoryLimit({ read, memoryBytes }: Machine): number | undefined {
  const text = read('/sys/fs/cgroup/memory.max') ?? read('/sys/fs/cgroup/memory/memory.limit_in_bytes');
  const limit = Number(text?.trim() || Number.NaN);
  return limit > 0 && limit < memoryBytes ? limit : undefined;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / MB)} MB`;
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Checks that the port for probes and metrics is free. */
export async function checkPort({ host, port }: Config['metrics']): Promise<Finding> {
  if (port === 0) return ok('port', 'metrics.port is 0: a free port is chosen at the start');
  const error = await listenError(host, port);
  if (error === undefined) return ok('port', `${host}:${port} is free for probes and metrics`);
  return fail('port', `metrics.port: ${messageOf(error)}`, wayOut(error.code ?? '', port));
}

function wayOut(code: string, port: number): string {
  if (code === 'EADDRINUSE')
    return 'end the process that listens there (another siftline?), or set metrics.port to a free port';
  if (code === 'EACCES')
    return `port ${port} needs a special permission (ports below 1024 usually do); set metrics.port to 1024 or higher`;
  return 'set metrics.host to an address of this machine, such as 0.0.0.0';
}

function listenError(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', resolve);
    server.listen(port, host, () => server.close(() => resolve(undefined)));
  });
}
