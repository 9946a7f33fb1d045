/*
 * Weights that all threads share. One layout of a model is one folder in the cache; its states:
 *
 * - *absent*: every thread lays the weights out itself, in private memory. Ends when `shareWeights` starts: *draft*.
 * - *draft*: `shareWeights` writes the files to `draft-XXXXXX`, which no reader looks at. Ends when all files are
 *   written, synced and made read-only, and the folder is renamed: *whole*. A process that is killed leaves it; `sweep`
 *   removes it after ten minutes: *absent*.
 * - *whole*: `sharedGraph` finds the graph and threads map it. Nothing writes to it any more. Ends when a file is not
 *   the one that `sizes.json` states, by size or SHA-256, and the next `shareWeights` replaces it: *draft*. Ends when a
 *   thread cannot open it, and `discardShared` removes it: *absent*.
 *
 *     cache      = layout* draft*
 *     layout     = name "-" key "/"              mode 0700
 *     name       = the model's name, with "_" for every character but letters, digits, "_", "." and "-"
 *     key        = first 16 hex digits of SHA-256(parts joined by NUL)
 *     parts      = FORMAT, SHA-256 of the graph, of each file of weights beside it, engine's version, process.arch,
 *                  CPU flags, arithmetic
 *     layout "/" = model.onnx  weights.bin  sizes.json             mode 0400
 *     sizes.json = [[name, bytes, SHA-256 in hex] of model.onnx and of weights.bin]     written last
 */

import {
  chmodSync,
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
import { sha256Of, sha256OfBytes } from './known-files.js';
import { ENGINE_VERSION, layOutWeights } from './session.js';

type Weighed = Pick<ModelFolder, 'onnxFile' | 'weightsFiles' | 'optimised' | 'saturates' | 'hashes' | 'info'>;

/** Holds sizes and hashes of the files of a layout. */
type Seal = ReadonlyArray<readonly [name: string, bytes: number, sha256: string]>;

/** Describes a graph whose weights are laid out, as the parts of a model's folder that it takes the place of. */
export type SharedGraph = Pick<ModelFolder, 'onnxFile' | 'hashes'> & { readonly mapped: true };

const GRAPH = 'model.onnx';
const WEIGHTS = 'weights.bin';
/** Written last. It holds sizes and hashes of the two files, so that a copy that is damaged is recognised. */
const SEAL = 'sizes.json';
/** Raised when the files or the seal change, so that no version takes another's layout for a damaged one. */
const FORMAT = 'sealed-1';
const DRAFT = 'draft-';
const FILES = [GRAPH, WEIGHTS, SEAL];

/** The grammar of the seal. */
const SEALED = /^\[\["model\.onnx",(\d+),"([0-9a-f]{64})"\],\["weights\.bin",(\d+),"([0-9a-f]{64})"\]\]$/;
/** Age from which a draft counts as abandoned. Making one takes seconds. */
const ABANDONED_MS = 10 * 60_000;

/**
 * Returns a graph whose weights are in a separate file, in the layout that this CPU's kernels want; undefined when
 * `shareWeights` has made none. The engine maps that file, so all threads, and all processes of the machine, share one
 * copy in the page cache. A thread that lays the weights out itself has a private copy. The scores are the same, bit
 * for bit.
 *
 * Sizes are compared here. The SHA-256 of each file goes with the graph, and opening it compares that.
 *
 * Only optimised graphs are shared: laying out other graphs would also change what they compute.
 */
export async function sharedGraph(folder: Weighed, cache: KeptFolder): Promise<SharedGraph | undefined> {
  if (!folder.optimised) return undefined;
  const place = placeOf(folder, await arithmeticFor(folder), cache.path);
  const seal = sealIn(place);
  if (!seal || whyForeign(cache) !== undefined) return undefined;
  const hashes = Object.fromEntries(seal.map(([name, , sha256]) => [join(place, name), sha256]));
  return { onnxFile: join(place, GRAPH), hashes, mapped: true };
}

/**
 * Lays out the weights that `sharedGraph` finds, once per machine, model and engine, and again when their SHA-256 is not
 * the one that was sealed. That takes about as long as loading the model once, and one and a half times the model's size
 * on disk. Returns the reason when it cannot, else undefined; the model works without shared weights. Never throws for a
 * disk or an engine that fails.
 */
export async function shareWeights(folder: Weighed, cache: KeptFolder): Promise<string | undefined> {
  if (!folder.optimised || (await isSound(folder, cache))) return undefined;
  try {
    makeKeptFolder(cache);
    sweep(cache.path);
    const arithmetic = await arithmeticFor(folder);
    await make(folder, { cache, arithmetic, place: placeOf(folder, arithmetic, cache.path) });
    return undefined;
  } catch (error) {
    // Another process may have finished first.
    if (await isSound(folder, cache)) return undefined;
    const isForeign = error instanceof SiftlineError && error.code === 'FOLDER_FOREIGN';
    return (isForeign ? undefined : whyFull(folder, cache.path)) ?? messageOf(error);
  }
}

/** Removes a layout that `sharedGraph` found and that turned out to be damaged. Threads that have mapped it keep it. */
export function discardShared({ onnxFile }: SharedGraph): void {
  rmSync(dirname(onnxFile), { recursive: true, force: true });
}

/** Returns true when a layout is there and its files have the SHA-256 that was sealed. */
async function isSound(folder: Weighed, cache: KeptFolder): Promise<boolean> {
  const shared = await sharedGraph(folder, cache);
  if (!shared) return false;
  try {
    for (const [file, sha256] of Object.entries(shared.hashes)) if ((await sha256Of(file)) !== sha256) return false;
    return true;
  } catch {
    return false;
  }
}

/**
 * Writes the layout to a draft folder and renames it, so that no process finds half a layout, nor one that a power cut
 * can still take bytes from. A damaged layout in its place is renamed away first; a sound one, which another process has
 * made in the meantime, stays.
 */
async function make(
  folder: Weighed,
  { cache, place, arithmetic }: { cache: KeptFolder; place: string; arithmetic: Arithmetic },
): Promise<void> {
  const [draft, old] = [makeWorkFolder(DRAFT, cache.path), makeWorkFolder(DRAFT, cache.path)];
  try {
    await layOutWeights(folder, { graphFile: join(draft, GRAPH), weightsFile: WEIGHTS, arithmetic });
    writeFileSync(join(draft, SEAL), JSON.stringify(await sealOf(draft)));
    syncFiles(draft);
    for (const name of FILES) chmodSync(join(draft, name), 0o400);
    if (await isSound(folder, cache)) return;
    if (existsSync(place)) renameSync(place, old);
    renameSync(draft, place);
  } finally {
    for (const left of [draft, old]) rmSync(left, { recursive: true, force: true });
  }
}

/**
 * Returns a message with the space that is missing, since the engine does not report a full disk. Called after the draft
 * was removed.
 */
function whyFull({ onnxFile }: Weighed, cache: string): string | undefined {
  if (!existsSync(cache)) return undefined;
  const { bavail, bsize } = statfsSync(cache);
  const [free, need] = [bavail * bsize, 1.5 * statSync(onnxFile).size];
  if (free >= need) return undefined;
  const [had, wanted] = [free, need].map(bytes => Math.ceil(bytes / 1e6));
  return `${cache}: no space left on device: the weights take up to ${wanted} MB, and ${had} MB are free; make room, or name another folder`;
}

/** Removes the drafts of processes that were killed while they wrote them. */
function sweep(cache: string): void {
  for (const name of readdirSync(cache).filter(each => each.startsWith(DRAFT))) {
    const draft = join(cache, name);
    if (!isOwn(draft)) continue;
    const { mtimeMs } = statSync(draft, { throwIfNoEntry: false }) ?? { mtimeMs: Date.now() };
    if (Date.now() - mtimeMs > ABANDONED_MS) rmSync(draft, { recursive: true, force: true });
  }
}

/** Returns the seal of a layout; undefined unless both files are this user's own and have the sizes that it states. */
function sealIn(place: string): Seal | undefined {
  try {
    // The graph of another user would answer as that user wishes.
    if (![place, join(place, GRAPH), join(place, WEIGHTS)].every(isOwn)) return undefined;
    const [, graphBytes, graph = '', bytes, weights = ''] = SEALED.exec(readOwn(join(place, SEAL)) ?? '') ?? [];
    const seal: Seal = [
      [GRAPH, Number(graphBytes), graph],
      [WEIGHTS, Number(bytes), weights],
    ];
    return seal.every(([name, size]) => statSync(join(place, name)).size === size) ? seal : undefined;
  } catch {
    return undefined;
  }
}

async function sealOf(place: string): Promise<Seal> {
  const entry = async (name: string) => {
    const file = join(place, name);
    return [name, statSync(file).size, await sha256Of(file)] as const;
  };
  return [await entry(GRAPH), await entry(WEIGHTS)];
}

/**
 * Returns the folder of a layout. A layout depends on the model, the engine, the instructions of the CPU and the
 * arithmetic.
 */
function placeOf({ weightsFiles, hashes, info }: Weighed, arithmetic: Arithmetic, cache: string): string {
  const weights = weightsFiles.map(file => hashes[file] ?? '');
  const parts = [FORMAT, info.sha256, ...weights, ENGINE_VERSION, process.arch, cpu(), arithmetic];
  const key = sha256OfBytes(parts.join('\0'));
  return join(cache, `${info.name.replaceAll(/[^\w.-]/g, '_')}-${key.slice(0, 16)}`);
}

function cpu(): string {
  const cpuinfo = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  return /^(?:flags|Features)\s*:.*$/m.exec(cpuinfo)?.[0] ?? cpus()[0]?.model ?? '';
}
