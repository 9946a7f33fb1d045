import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../errors.js';
import type { ModelFolder } from './folder.js';
import { ENGINE_VERSION, layOutWeights } from './session.js';

type Weighed = Pick<ModelFolder, 'onnxFile' | 'optimised' | 'info'>;

const GRAPH = 'model.onnx';
const WEIGHTS = 'weights.bin';
/** Written last: sizes of the two files, by which a copy that was cut short is known. */
const SEAL = 'sizes.json';

/**
 * The model's graph with its weights in a file of their own, laid out as this CPU's kernels want them: the engine maps
 * that file, so all threads, and all processes of the machine, share one copy in the page cache. A thread that lays the
 * weights out itself has a private copy. Scores are the same bits. Undefined where `shareWeights` has made none.
 *
 * Only for graphs that are optimised already: laying out others would also change what they compute.
 */
export function sharedGraph(folder: Weighed, cache: string): string | undefined {
  const place = placeOf(folder, cache);
  return folder.optimised && isWhole(place) && whyForeign(cache) === undefined ? join(place, GRAPH) : undefined;
}

/**
 * Makes what `sharedGraph` finds, once per machine, model and engine: about as long as loading the model once. Needs one
 * and a half times the model's size on disk. Answers why it cannot, where it cannot; the model works without.
 */
export async function shareWeights(folder: Weighed, cache: string): Promise<string | undefined> {
  if (!folder.optimised || sharedGraph(folder, cache)) return undefined;
  try {
    mkdirSync(cache, { recursive: true, mode: 0o700 });
    const foreign = whyForeign(cache);
    if (foreign) return foreign;
    await make(folder, { cache, place: placeOf(folder, cache) });
    return undefined;
  } catch (error) {
    // Another process may have been quicker.
    return sharedGraph(folder, cache) ? undefined : messageOf(error);
  }
}

/** Beside its place first, so that nobody finds half of it. */
async function make({ onnxFile }: Weighed, { cache, place }: { cache: string; place: string }): Promise<void> {
  const draft = mkdtempSync(join(cache, 'draft-'));
  try {
    await layOutWeights(onnxFile, { graphFile: join(draft, GRAPH), weightsFile: WEIGHTS });
    writeFileSync(join(draft, SEAL), JSON.stringify(sizesIn(draft)));
    if (!isWhole(place)) rmSync(place, { recursive: true, force: true });
    renameSync(draft, place);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** A graph from a folder that others can write to would be theirs. */
function whyForeign(cache: string): string | undefined {
  const { uid, mode } = statSync(cache);
  if (process.getuid && uid !== process.getuid()) return `${cache} belongs to another user; name a folder in it`;
  return mode & 0o022 ? `${cache} can be written by others; chmod go-w it, or name another folder` : undefined;
}

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

/** The layout depends on the model, the engine, and the instructions of the CPU. */
function placeOf({ info }: Weighed, cache: string): string {
  const key = createHash('sha256').update(`${info.sha256}\0${ENGINE_VERSION}\0${process.arch}\0${cpu()}`).digest('hex');
  return join(cache, `${info.name.replaceAll(/[^\w.-]/g, '_')}-${key.slice(0, 16)}`);
}

function cpu(): string {
  const cpuinfo = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  return /^(?:flags|Features)\s*:.*$/m.exec(cpuinfo)?.[0] ?? cpus()[0]?.model ?? '';
}
