import { fileURLToPath } from 'node:url';
import type { TaskSpec } from '../../src/model/manifest.js';
import { packageFile } from '../../src/package.js';
import type { StreamContestant } from './contestant.js';
import type { TransformersHome } from './homes.js';

/** The setup that all rivals get: the same model files and the same number of threads. */
export interface RivalSetup {
  readonly model: {
    readonly onnxFile: string;
    readonly tokenizerFile: string;
    readonly padId: number;
    /** True for a graph that the engine need not optimise. */
    readonly optimised: boolean;
    /** The tasks that answer every text; they name the graph's outputs. */
    readonly tasks: readonly TaskSpec[];
  };
  readonly threads: number;
  /** The number of texts in a round. */
  readonly count: number;
  /** The variant of the graph, if it is not the shipped one. */
  readonly variant?: Variant;
}

/** A graph of the same model as a user has it who has tuned nothing. */
export interface Variant {
  /** The ending of the contestant's name in the JSON line. */
  readonly suffix: string;
  /** The ending of its title. */
  readonly title: string;
}

export const FP32: Variant = { suffix: 'Fp32', title: ', on fp32' };
export const DYNAMIC: Variant = { suffix: 'Dynamic', title: ', on the `quantize_dynamic` file' };
const SHIPPED: Variant = { suffix: '', title: '' };

export function onGraph(setup: RivalSetup, variant: Variant, onnxFile: string): RivalSetup {
  return { ...setup, variant, model: { ...setup.model, onnxFile, optimised: false } };
}

/** The batch size in examples of these libraries. */
const CHUNK = 32;

function script(name: string, options: object): { command: string; args: string[] } {
  const file = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
  return { command: process.execPath, args: [file, JSON.stringify(options)] };
}

export function plain({ model, threads, count, variant = SHIPPED }: RivalSetup): StreamContestant {
  return {
    name: `plain${variant.suffix}`,
    title: `kafkajs + onnxruntime-node, batches of ${CHUNK} as they come, padded to 128${variant.title}`,
    count,
    commands: ({ brokers, input, output, group }) => [
      script('plain-script', { ...model, brokers, input, output, group, threads, chunk: CHUNK }),
    ],
  };
}

/** Returns the contestant; `model` is the name of the setup's graph among the home's models. */
export function transformersJs(
  { model: { tasks }, threads, count, variant = SHIPPED }: RivalSetup,
  { home, models }: TransformersHome,
  model: string,
): StreamContestant {
  return {
    name: `transformersJs${variant.suffix}`,
    title: `kafkajs + transformers.js, batches of ${CHUNK} as they come, padded to the longest${variant.title}`,
    count,
    commands: ({ brokers, input, output, group }) => {
      const given = { brokers, input, output, group, threads, tasks, chunk: CHUNK };
      return [script('transformers-script', { ...given, home, models, model })];
    },
  };
}

export interface PythonKind {
  readonly name: string;
  readonly title: string;
  readonly engine: 'onnx' | 'torch';
  /**
   * True for processes with one engine thread each, which divide the partitions among them; false for one process with
   * all threads.
   */
  readonly processes: boolean;
  /**
   * True for texts sorted by length and cut into runs of at most 512 tokens; false for batches of 32 in order of
   * arrival.
   */
  readonly sorted: boolean;
}

/**
 * The rival with our own optimisations, in Python. All other rivals are written as the examples of their libraries are.
 */
export const TUNED = 'pythonTuned';

export const PYTHON_KINDS: readonly PythonKind[] = [
  {
    name: TUNED,
    title: 'Python, hand-tuned: confluent-kafka + onnxruntime, a process per core, sorted by length, 512-token runs',
    engine: 'onnx',
    processes: true,
    sorted: true,
  },
  {
    name: 'python',
    title: `Python: confluent-kafka + onnxruntime, batches of ${CHUNK} as they come, padded to the longest`,
    engine: 'onnx',
    processes: false,
    sorted: false,
  },
];

export const TORCH_KIND: PythonKind = {
  name: 'pythonTorch',
  title: `Python: confluent-kafka + transformers + torch, fp32 (BERT of the same shape, random weights), batches of ${CHUNK} padded to the longest`,
  engine: 'torch',
  processes: false,
  sorted: false,
};

export function python(
  { model, threads, count, variant = SHIPPED }: RivalSetup,
  { name, title, engine, processes, sorted }: PythonKind,
  interpreter: string,
): StreamContestant {
  return {
    name: `${name}${variant.suffix}`,
    title: `${title}${variant.title}`,
    count,
    commands: ({ brokers, input, output, group, partitions }) => {
      const size = processes ? threads : 1;
      return Array.from({ length: size }, (_, at) => {
        const own = Array.from({ length: partitions }, (_each, i) => i).filter(i => i % size === at);
        const given = { brokers, input, output, group, partitions: own, engine, sorted, chunk: CHUNK };
        const options = { ...model, ...given, threads: processes ? 1 : threads };
        return { command: interpreter, args: [packageFile('bench/python/loop.py'), JSON.stringify(options)] };
      });
    },
  };
}
