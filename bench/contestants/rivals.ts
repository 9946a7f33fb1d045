import { fileURLToPath } from 'node:url';
import { packageFile } from '../../src/package.js';
import type { StreamContestant } from './contestant.js';
import type { Home } from './homes.js';

/** What all rivals are given: the same model files, the same number of threads. */
export interface RivalSetup {
  readonly model: {
    readonly onnxFile: string;
    readonly tokenizerFile: string;
    readonly padId: number;
  };
  readonly threads: number;
  /** Texts of a round. */
  readonly count: number;
}

/** Texts a batch has in examples of these libraries. */
const CHUNK = 32;

function script(name: string, options: object): { command: string; args: string[] } {
  const file = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
  return { command: process.execPath, args: [file, JSON.stringify(options)] };
}

/** `onnxFile` in place of the setup's, for the same script on fp32. */
export function plain({ model, threads, count }: RivalSetup, fp32?: string): StreamContestant {
  return {
    name: fp32 ? 'plainFp32' : 'plain',
    title: `kafkajs + onnxruntime-node, batches of ${CHUNK} as they come, padded to 128${fp32 ? ', fp32' : ''}`,
    count,
    commands: ({ brokers, input, output, group }) => {
      const given = { ...model, ...(fp32 && { onnxFile: fp32 }) };
      return [script('plain-script', { ...given, brokers, input, output, group, threads, chunk: CHUNK })];
    },
  };
}

export function transformersJs({ threads, count }: RivalSetup, { home, models, model }: Home): StreamContestant {
  return {
    name: 'transformersJs',
    title: `kafkajs + transformers.js, batches of ${CHUNK} as they come, padded to the longest`,
    count,
    commands: ({ brokers, input, output, group }) => {
      const given = { brokers, input, output, group, threads, chunk: CHUNK };
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

export const PYTHON_KINDS: readonly PythonKind[] = [
  {
    name: 'pythonTuned',
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
  { model, threads, count }: RivalSetup,
  { kind, interpreter }: { readonly kind: PythonKind; readonly interpreter: string },
): StreamContestant {
  const { name, title, engine, processes, sorted } = kind;
  return {
    name,
    title,
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
