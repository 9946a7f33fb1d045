import type { ModelFolder } from '../../src/model/folder.js';
import type { BenchArgs } from '../args.js';
import type { StreamContestant } from './contestant.js';
import { type Agreement, type UntunedGraphs, untunedGraphs } from './graphs.js';
import { layOut, pythonHome, type TransformersHome, transformersHome } from './homes.js';
import type { Missing } from './made-once.js';
import {
  DYNAMIC,
  FP32,
  onGraph,
  PYTHON_KINDS,
  type PythonKind,
  plain,
  python,
  type RivalSetup,
  TORCH_KIND,
  transformersJs,
} from './rivals.js';

/** Rivals are ten times slower, and get a sixth of the texts: the start of the same list. */
const RIVAL_SHARE = 6;

/** The contestants that can be set up on this machine; the others are named. */
export interface Lineup {
  /** The rivals on the shipped graph. */
  readonly rivals: readonly StreamContestant[];
  /** The rivals on the graphs of untuned users. */
  readonly untuned: readonly StreamContestant[];
  readonly missing: readonly string[];
  readonly agreement?: Agreement | undefined;
}

/** The homes that have been set up on this machine, or the reasons why they are missing. */
interface Here {
  readonly js: TransformersHome | Missing;
  readonly py: { readonly interpreter: string } | Missing;
  readonly graphs: UntunedGraphs | Missing;
}

export async function lineUp(args: BenchArgs, folder: ModelFolder): Promise<Lineup> {
  if (args.alone) return { rivals: [], untuned: [], missing: ['all others (--alone)'] };
  const js = await transformersHome();
  const py = await pythonHome(args.torch);
  const graphs =
    'missing' in py ? { missing: 'Python makes these files' } : await untunedGraphs(folder, py.interpreter);
  return lineUpOf(args, folder, { js, py, graphs });
}

/**
 * Returns the contestants that take part, given the homes on this machine. `--fp32 FILE` replaces the fp32 graph that
 * is made here.
 */
export function lineUpOf(args: BenchArgs, folder: ModelFolder, { js, py, graphs }: Here): Lineup {
  const setup: RivalSetup = { model: folder, threads: args.threads, count: Math.ceil(args.count / RIVAL_SHARE) };
  const all = (on: RivalSetup, kinds: readonly PythonKind[]) => [
    plain(on),
    ...('missing' in js ? [] : [transformersJs(on, js, layOut(js, folder.path, on.model.onnxFile))]),
    // The hand-tuned rival is fast, and gets as many texts as siftline.
    ...('missing' in py
      ? []
      : kinds.map(kind => python(kind.sorted ? { ...on, count: args.count } : on, kind, py.interpreter))),
  ];
  const made = 'missing' in graphs ? undefined : graphs;
  const fp32 = args.fp32 ?? made?.fp32;
  return {
    rivals: all(setup, args.torch ? [...PYTHON_KINDS, TORCH_KIND] : PYTHON_KINDS),
    untuned: [
      ...(fp32 ? [plain(onGraph(setup, FP32, fp32))] : []),
      ...(made ? all(onGraph(setup, DYNAMIC, made.dynamic), PYTHON_KINDS) : []),
    ],
    missing: [
      ...[js, py].flatMap(each => ('missing' in each ? [each.missing] : [])),
      ...('missing' in graphs ? [`${whoNeeds(args)} on the \`quantize_dynamic\` file: ${graphs.missing}`] : []),
    ],
    agreement: made?.agreement,
  };
}

function whoNeeds({ fp32 }: BenchArgs): string {
  return fp32 ? 'the rivals' : 'the plain script on fp32 and the rivals';
}
