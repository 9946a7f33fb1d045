import { readdirSync, statSync } from 'node:fs';
import type { Config } from '../../../src/config/schema.js';
import { findOnnxFile, locateModel } from '../../../src/model/folder.js';
import { memoryEstimate } from '../../../src/tools/checks/machine.js';
import type { PodSpec } from '../kinds.js';
import { bytesOf, type Rendered } from '../rendered.js';
import { holds, type Rule, same } from './rule.js';

/** Of the limit; the largest that was measured is 7 % over the estimate (docs/performance.md). */
const FILLED = 0.75;
/** Below this the memory is paid for and not used. */
const WASTED = 0.5;

/** BERT large as int8: what the component model-volume has room for. */
const OWN_MODEL_BYTES = 350e6;

/** CPUs, threads, memory and volumes fit one another. */
export const sizes: Rule = rendered => {
  const { requests, limits } = rendered.container.resources;
  const { workers } = rendered.config;
  const cpus = Number(limits.cpu);
  const need = memoryNeed(rendered.config);
  const limit = bytesOf(limits.memory ?? '');
  const megabytes = `${Math.round(need / 1e6)} of ${Math.round(limit / 1e6)} MB`;
  return [
    ...same('requests', requests, limits),
    ...same('resources', Object.keys(limits).sort(), ['cpu', 'memory']),
    ...holds(`cpu ${limits.cpu} is a whole number`, /^[1-9]\d*$/.test(limits.cpu ?? '')),
    ...holds('workers.count is set, so that it can be compared', workers.count !== undefined),
    // One CPU may be the main thread's; two would stand idle.
    ...holds(
      `${workers.count} threads on ${cpus} CPUs`,
      cpus - (workers.count ?? 0) <= 1 && cpus >= (workers.count ?? 0),
    ),
    ...holds(`memory: ${megabytes} is at most ${FILLED}`, need <= limit * FILLED),
    ...holds(`memory: ${megabytes} is at least ${WASTED}`, need >= limit * WASTED),
    ...crashFolder(rendered),
    ...weightsFolder(rendered),
  ];
};

/** What `siftline check` estimates, and a child process that tries one record with a model of its own. */
export function memoryNeed({ workers, input, model }: Config): number {
  const modelBytes = sizeOfModel(model.path);
  const stage = memoryEstimate({ threads: workers.count ?? 1, modelBytes, bufferBytes: input.bufferBytes });
  return stage + memoryEstimate({ threads: 1, modelBytes, bufferBytes: 0 });
}

/** A model in a volume is not here; the sizes of the overlays are for English. */
function sizeOfModel(path: string): number {
  const folder = locateModel(isOwn(path) ? 'english' : path);
  return statSync(findOnnxFile(folder) ?? '').size;
}

function isOwn(path: string): boolean {
  return path.startsWith('/models/');
}

function crashFolder({ config, container, pod }: Rendered): string[] {
  const mount = container.volumeMounts.find(({ name }) => name === 'crash');
  const { kind, size } = emptyDir(pod, 'crash');
  return [
    ...same('workers.crashFolder', config.workers.crashFolder, mount?.mountPath),
    ...same('crash volume', kind, ['sizeLimit']),
    // A page names what is under way: two batches a thread of some 100 bytes a record at most, and one page a process.
    ...holds(`crash folder of ${size} bytes`, size >= 8 * pageBytes(config) && size <= 64 * 1024 ** 2),
  ];
}

function weightsFolder({ config, container, pod }: Rendered): string[] {
  const mount = container.volumeMounts.find(({ name }) => name === 'weights');
  const { kind, size } = emptyDir(pod, 'weights');
  const need = weightsNeed(isOwn(config.model.path));
  return [
    // In the volume and not the volume itself, which others can write to.
    ...same('workers.weightsFolder', config.workers.weightsFolder, `${mount?.mountPath}/weights`),
    // On disk: with `medium: Memory` the weights would be memory that cannot be taken back.
    ...same('weights volume', kind, ['sizeLimit']),
    ...holds(`weights folder of ${size} bytes for ${need}`, size >= need && size <= 1.5 * need),
  ];
}

/**
 * Bytes the weights of a model and a student take as `workers.weightsFolder` says, and as many for what a process leaves
 * behind that is killed while it lays them out. For shipped models the largest of them and a student; a model of one's own may
 * have OWN_MODEL_BYTES.
 */
export function weightsNeed(ofOwn: boolean): number {
  const shipped = Math.max(...readdirSync('models').map(sizeOfModel)) + sizeOfModel('english-small');
  return 2 * 1.5 * (ofOwn ? OWN_MODEL_BYTES : shipped);
}

/** The fields of an emptyDir, and its limit in bytes. */
function emptyDir(pod: PodSpec, volume: string): { kind: string[]; size: number } {
  const found = pod.volumes.find(({ name }) => name === volume)?.emptyDir;
  return { kind: Object.keys(found ?? {}), size: bytesOf(found?.sizeLimit ?? '') };
}

function pageBytes({ workers }: Config): number {
  return 2 * (workers.count ?? 1) * workers.batchRecords * 100;
}
