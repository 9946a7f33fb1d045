import { fileURLToPath } from 'node:url';
import type { TaskSpec } from '../../src/model/manifest.js';
import { packageFile } from '../../src/package.js';
import type { StreamContestant } from './contestant.js';
import type { TransformersHome } from './homes.js';

/** What all rivals are given: the same model files, the same number of threads. */
export interface RivalSetup {
  readonly model: {
    readonly onnxFile: string;
    readonly tokenizerFile: string;
    readonly padId: number;
    /** The graph needs no more optimising by the engine. */
    readonly optimised: boolean;
    /** What every text is answered by, and how that is read off the graph. */
    readonly tasks: readonly TaskSpec[];
  };
  readonly threads: number;
  /** Texts of a round. */
  readonly count: number;
  /** What the graph is when it is not the shipped one. */
  readonly variant?: Variant;
}

/** A graph of the same model as people have it who have tuned nothing. */
export interface Variant {
  /** Behind the contestant's name in the JSON line. */
  readonly suffix: string;
  /** Behind its title. */
  readonly title: string;
}

export const FP32: Variant = { suffix: 'Fp32', title: ', on fp32' };
export const DYNAMIC: Variant = { suffix: 'Dynamic', title: ', on the `quantize_dynamic` file' };
const SHIPPED: Variant = { suffix: '', title: '' };

export function onGraph(setup: RivalSetup, variant: Variant, onnxFile: string): RivalSetup {
  return { ...setup, variant, model: { ...setup.model, onnxFile, optimised: false } };
}

/** Texts a batch has in examples of these libraries. */
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

/** `model` is the name of the setup's graph among the home's models. */
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
  /** Processes of one engine thread each, partitions dealt out among them; else one process with all threads. */
  readonly processes: boolean;
  /** Sorted by length and cut into runs of at most 512 tokens; else batches of 32 as they come. */
  readonly sorted: boolean;
}

/** Our own tricks in Python; all other rivals are written as the examples of their libraries are. */
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
