import { createHash } from 'node:crypto';
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { messageOf, SiftlineError } from '../errors.js';
import { isOwn, type KeptFolder, makeKeptFolder, makeWorkFolder, readOwn, syncFiles, whyForeign } from '../files.js';
import { type Arithmetic, arithmeticFor } from './arithmetic.js';
import type { ModelFolder } from './folder.js';
import { ENGINE_VERSION, layOutWeights } from './session.js';

type Weighed = Pick<ModelFolder, 'onnxFile' | 'optimised' | 'saturates' | 'info'>;

const GRAPH = 'model.onnx';
const WEIGHTS = 'weights.bin';
/** Written last: sizes of the two files, by which a copy that was cut short is known. */
const SEAL = 'sizes.json';
const DRAFT = 'draft-';
/** Making one takes seconds. */
const ABANDONED_MS = 10 * 60_000;

/**
 * The model's graph with its weights in a file of their own, laid out as this CPU's kernels want them: the engine maps
 * that file, so all threads, and all processes of the machine, share one copy in the page cache. A thread that lays the
 * weights out itself has a private copy. Scores are the same bits. Undefined where `shareWeights` has made none.
 *
 * Only for graphs that are optimised already: laying out others would also change what they compute.
 */
export async function sharedGraph(folder: Weighed, cache: KeptFolder): Promise<string | undefined> {
  const place = placeOf(folder, await arithmeticFor(folder), cache.path);
  return folder.optimised && isWhole(place) && whyForeign(cache) === undefined ? join(place, GRAPH) : undefined;
}

/**
 * Makes what `sharedGraph` finds, once per machine, model and engine: about as long as loading the model once. Needs one
 * and a half times the model's size on disk. Answers why it cannot, where it cannot; the model works without.
 */
export async function shareWeights(folder: Weighed, cache: KeptFolder): Promise<string | undefined> {
  if (!folder.optimised || (await sharedGraph(folder, cache))) return undefined;
  try {
    makeKeptFolder(cache);
    sweep(cache.path);
    const arithmetic = await arithmeticFor(folder);
    await make(folder, { cache: cache.path, arithmetic, place: placeOf(folder, arithmetic, cache.path) });
    return undefined;
  } catch (error) {
    // Another process may have been quicker.
    if (await sharedGraph(folder, cache)) return undefined;
    return (error instanceof SiftlineError ? undefined : whyFull(folder, cache.path)) ?? messageOf(error);
  }
}

/** Removes a layout that `sharedGraph` found and that turned out to be damaged. Threads that have it mapped keep it. */
export function discardShared(graph: string): void {
  rmSync(dirname(graph), { recursive: true, force: true });
}

/** Beside its place first, so that nobody finds half of it. */
async function make(
  folder: Weighed,
  { cache, place, arithmetic }: { cache: string; place: string; arithmetic: Arithmetic },
): Promise<void> {
  const draft = makeWorkFolder(DRAFT, cache);
  try {
    await layOutWeights(folder, { graphFile: join(draft, GRAPH), weightsFile: WEIGHTS, arithmetic });
    writeFileSync(join(draft, SEAL), JSON.stringify(sizesIn(draft)));
    syncFiles(draft);
    if (!isWhole(place)) rmSync(place, { recursive: true, force: true });
    renameSync(draft, place);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Returns the size that is missing: the engine does not say that a disk was full. Called when the draft is gone again. */
function whyFull({ onnxFile }: Weighed, cache: string): string | undefined {
  if (!existsSync(cache)) return undefined;
  const { bavail, bsize } = statfsSync(cache);
  const [free, need] = [bavail * bsize, 1.5 * statSync(onnxFile).size];
  if (free >= need) return undefined;
  const [had, wanted] = [free, need].map(bytes => Math.ceil(bytes / 1e6));
  return `${cache}: no space left on device: the weights take up to ${wanted} MB, and ${had} MB are free; make room, or name another folder`;
}

/** What processes have left that were killed while they made it. */
function sweep(cache: string): void {
  for (const name of readdirSync(cache).filter(each => each.startsWith(DRAFT))) {
    const draft = join(cache, name);
    if (!isOwn(draft)) continue;
    const { mtimeMs } = statSync(draft, { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() };
    if (Date.now() - mtimeMs > ABANDONED_MS) rmSync(draft, { recursive: true, force: true });
  }
}

/** A graph of another user would answer as that user wishes. */
function isWhole(place: string): boolean {
  try {
    if (![place, join(place, GRAPH), join(place, WEIGHTS)].every(isOwn)) return false;
    return readOwn(join(place, SEAL)) === JSON.stringify(sizesIn(place));
  } catch {
    return false;
  }
}

function sizesIn(place: string): number[] {
  return [GRAPH, WEIGHTS].map(name => statSync(join(place, name)).size);
}

/** The layout depends on the model, the engine, the instructions of the CPU and how the products are computed on it. */
function placeOf({ info }: Weighed, arithmetic: Arithmetic, cache: string): string {
  const parts = [info.sha256, ENGINE_VERSION, process.arch, cpu(), arithmetic];
  const key = createHash('sha256').update(parts.join('\0')).digest('hex');
  return join(cache, `${info.name.replaceAll(/[^\w.-]/g, '_')}-${key.slice(0, 16)}`);
}

function cpu(): string {
  const cpuinfo = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  return /^(?:flags|Features)\s*:.*$/m.exec(cpuinfo)?.[0] ?? cpus()[0]?.model ?? '';
}
