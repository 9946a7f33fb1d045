/*
 * Weights that all threads share. One layout of a model is one folder in the cache; its states:
 *
 * - *absent*: every thread lays the weights out itself, in private memory. Ends when `shareWeights` starts: *draft*.
 * - *draft*: `shareWeights` writes the files to `draft-XXXXXX`, which no reader looks at. Ends when all files are
 *   written and the folder is renamed: *whole*. A process that is killed leaves it; `sweep` removes it after ten
 *   minutes: *absent*.
 * - *whole*: `sharedGraph` finds the graph and threads map it. Ends when a size no longer matches `sizes.json`, and the
 *   next `shareWeights` replaces it: *draft*. Ends when the engine cannot load it, and `discardShared` removes it:
 *   *absent*.
 *
 *     cache      = layout* draft*
 *     layout     = name "-" key "/"
 *     name       = the model's name, with "_" for every character but letters, digits, "_", "." and "-"
 *     key        = first 16 hex digits of SHA-256(parts joined by NUL)
 *     parts      = model's SHA-256, engine's version, process.arch, CPU flags, arithmetic
 *     layout "/" = model.onnx  weights.bin  sizes.json
 *     sizes.json = "[" bytes of model.onnx "," bytes of weights.bin "]"     written last
 */

import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { messageOf } from '../errors.js';
import { type Arithmetic, arithmeticFor } from './arithmetic.js';
import type { ModelFolder } from './folder.js';
import { ENGINE_VERSION, layOutWeights } from './session.js';

type Weighed = Pick<ModelFolder, 'onnxFile' | 'optimised' | 'saturates' | 'info'>;

const GRAPH = 'model.onnx';
const WEIGHTS = 'weights.bin';
/** Written last. It holds the sizes of the two files, so that a copy that was cut short is recognised. */
const SEAL = 'sizes.json';
const DRAFT = 'draft-';
/** Age from which a draft counts as abandoned. Making one takes seconds. */
const ABANDONED_MS = 10 * 60_000;

/**
 * Returns the path of a graph whose weights are in a separate file, in the layout that this CPU's kernels want;
 * undefined when `shareWeights` has made none. The engine maps that file, so all threads, and all processes of the
 * machine, share one copy in the page cache. A thread that lays the weights out itself has a private copy. The scores
 * are the same, bit for bit.
 *
 * Only optimised graphs are shared: laying out other graphs would also change what they compute.
 */
export async function sharedGraph(folder: Weighed, cache: string): Promise<string | undefined> {
  const place = placeOf(folder, await arithmeticFor(folder), cache);
  return folder.optimised && isWhole(place) && whyForeign(cache) === undefined ? join(place, GRAPH) : undefined;
}

/**
 * Lays out the weights that `sharedGraph` finds, once per machine, model and engine. That takes about as long as
 * loading the model once, and one and a half times the model's size on disk. Returns the reason when it cannot, else
 * undefined; the model works without shared weights. Never throws for a disk or an engine that fails.
 */
export async function shareWeights(folder: Weighed, cache: string): Promise<string | undefined> {
  if (!folder.optimised || (await sharedGraph(folder, cache))) return undefined;
  try {
    mkdirSync(cache, { recursive: true, mode: 0o700 });
    const foreign = whyForeign(cache);
    if (foreign) return foreign;
    sweep(cache);
    const arithmetic = await arithmeticFor(folder);
    await make(folder, { cache, arithmetic, place: placeOf(folder, arithmetic, cache) });
    return undefined;
  } catch (error) {
    // Another process may have finished first.
    return (await sharedGraph(folder, cache)) ? undefined : messageOf(error);
  }
}

/** Removes a layout that `sharedGraph` found and that turned out to be damaged. Threads that have mapped it keep it. */
export function discardShared(graph: string): void {
  rmSync(dirname(graph), { recursive: true, force: true });
}

/** Writes the layout to a draft folder and renames it, so that no process finds half a layout. */
async function make(
  folder: Weighed,
  { cache, place, arithmetic }: { cache: string; place: string; arithmetic: Arithmetic },
): Promise<void> {
  const draft = mkdtempSync(join(cache, DRAFT));
  try {
    await layOutWeights(folder, { graphFile: join(draft, GRAPH), weightsFile: WEIGHTS, arithmetic });
    writeFileSync(join(draft, SEAL), JSON.stringify(sizesIn(draft)));
    if (!isWhole(place)) rmSync(place, { recursive: true, force: true });
    renameSync(draft, place);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Removes the drafts of processes that were killed while they wrote them. */
function sweep(cache: string): void {
  for (const name of readdirSync(cache).filter(each => each.startsWith(DRAFT))) {
    const draft = join(cache, name);
    const { mtimeMs } = statSync(draft, { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() };
    if (Date.now() - mtimeMs > ABANDONED_MS) rmSync(draft, { recursive: true, force: true });
  }
}

/**
 * Returns the reason not to trust the cache, or undefined. A user who can write to the folder could replace the graph.
 */
function whyForeign(cache: string): string | undefined {
  const { uid, mode } = statSync(cache);
  if (process.getuid && uid !== process.getuid()) return `${cache} belongs to another user; name a folder in it`;
  return mode & 0o022 ? `${cache} can be written by others; chmod go-w it, or name another folder` : undefined;
}

/** Returns true when both files have the sizes that `sizes.json` states. */
function isWhole(place: string): boolean {
  try {
    return readFileSync(join(place, SEAL), 'utf8') === JSON.stringify(sizesIn(place));
  } catch {
    return false;
  }
}

function sizesIn(place: string): number[] {
  return [GRAPH, WEIGHTS].map(name => statSync(join(place, name)).size);
}

/**
 * Returns the folder of a layout. A layout depends on the model, the engine, the instructions of the CPU and the
 * arithmetic.
 */
function placeOf({ info }: Weighed, arithmetic: Arithmetic, cache: string): string {
  const parts = [info.sha256, ENGINE_VERSION, process.arch, cpu(), arithmetic];
  const key = createHash('sha256').update(parts.join('\0')).digest('hex');
  return join(cache, `${info.name.replaceAll(/[^\w.-]/g, '_')}-${key.slice(0, 16)}`);
}

function cpu(): string {
  const cpuinfo = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  return /^(?:flags|Features)\s*:.*$/m.exec(cpuinfo)?.[0] ?? cpus()[0]?.model ?? '';
}
