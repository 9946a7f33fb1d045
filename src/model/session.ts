import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import { messageOf, SiftlineError } from '../errors.js';
import { type Arithmetic, arithmeticFor, type GraphFile } from './arithmetic.js';
import { externalWeights, weightsFile } from './external-weights.js';
import { holdKnown, readKnown } from './known-files.js';
import type { RunInputs } from './plan.js';

/**
 * Runs one single-threaded ONNX Runtime session. `run` returns the logits of each output as [rows, labels], row-major.
 * A session is open from `open` to `close`.
 */
export class Session {
  readonly arithmetic: Arithmetic;
  readonly #session: InferenceSession;
  /** The token_type_ids of single texts, which are all zero. The buffer only grows. */
  #types = new BigInt64Array(0);

  private constructor(session: InferenceSession, arithmetic: Arithmetic) {
    this.#session = session;
    this.arithmetic = arithmetic;
  }

  /**
   * Loads a graph, in the arithmetic that is exact on this CPU unless another is given. Throws MODEL_UNREADABLE, and
   * MODEL_CHANGED when the graph or its weights have another SHA-256 than is known of them.
   */
  static async open(file: GraphFile, arithmetic?: Arithmetic): Promise<Session> {
    const chosen = arithmetic ?? (await arithmeticFor(file));
    return new Session(await load(file, { ...OPTIONS, ...levelFor(file), extra: extraFor(chosen) }), chosen);
  }

  get inputNames(): readonly string[] {
    return this.#session.inputNames;
  }

  get outputNames(): readonly string[] {
    return this.#session.outputNames;
  }

  /** Returns an output as the graph declares it; undefined for one that is no tensor. */
  output(name: string): DeclaredOutput | undefined {
    const metadata = this.#session.outputMetadata.find(each => each.name === name);
    if (!metadata?.isTensor) return undefined;
    const last = metadata.shape.at(-1);
    const width = typeof last === 'number' && last > 0 ? last : undefined;
    return { type: metadata.type, shape: metadata.shape, width };
  }

  /** Returns the logits by the name of the output. Rejects with the engine's error. */
  async run(inputs: RunInputs): Promise<Record<string, Float32Array>> {
    const results = await this.#session.run(this.#feeds(inputs));
    return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, numbersOf(tensor)]));
  }

  async close(): Promise<void> {
    await this.#session.release();
  }

  #feeds(inputs: RunInputs): Record<string, Tensor> {
    const tensor = (data: BigInt64Array) => new Tensor('int64', data, inputs.shape);
    const feeds: Record<string, Tensor> = {
      input_ids: tensor(inputs.ids),
      attention_mask: tensor(inputs.mask),
    };
    if (this.#session.inputNames.includes('token_type_ids'))
      feeds.token_type_ids = tensor(this.#zeros(inputs.ids.length));
    return feeds;
  }

  #zeros(size: number): BigInt64Array {
    if (this.#types.length < size) this.#types = new BigInt64Array(size);
    return this.#types.subarray(0, size);
  }
}

/** An output as a graph declares it. A symbolic dimension is a name. */
export interface DeclaredOutput {
  readonly type: string;
  readonly shape: ReadonlyArray<number | string>;
  /** The number of labels; undefined when the dimension is symbolic. */
  readonly width: number | undefined;
}

/** Types of logits that are read; float16 and float64 become float32. */
export const LOGIT_TYPES: readonly string[] = ['float32', 'float16', 'float64'];

function numbersOf({ type, data }: Tensor): Float32Array {
  if (data instanceof Float32Array) return data;
  if (data instanceof Float64Array) return Float32Array.from(data);
  // Node 20 has no Float16Array: the engine gives the bits.
  if (data instanceof Uint16Array && type === 'float16') return Float32Array.from(data, float16);
  return Float32Array.from(data as ArrayLike<number>, Number);
}

/** Returns the number that 16 bits stand for (IEEE 754 binary16). */
function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * 2 ** -24 * fraction;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
}

/**
 * Loads a graph, and makes sure that it is made of the bytes that are known. Weights beside the graph go with it as
 * buffers, which the engine copies: a file that it maps would go on changing the answers when somebody writes to it.
 * Only files that nobody writes to, those of shared weights, are mapped. Throws as `Session.open` does.
 */
async function load(file: GraphFile, options: InferenceSession.SessionOptions): Promise<InferenceSession> {
  const { onnxFile, hashes = {}, mapped = false } = file;
  const held = [holdKnown(onnxFile, hashes)];
  const names = externalWeights(onnxFile);
  if (mapped) held.push(...names.map(name => holdKnown(weightsFile(onnxFile, name), hashes)));
  const read = mapped ? [] : names.map(path => ({ path, data: readKnown(weightsFile(onnxFile, path), hashes) }));
  const session = await create(file, read.length === 0 ? options : { ...options, externalData: read });
  try {
    for (const each of held) each.requireSame();
    return session;
  } catch (error) {
    await session.release();
    throw error;
  }
}

async function create(file: GraphFile, options: InferenceSession.SessionOptions): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(file.onnxFile, options);
  } catch (error) {
    throw SiftlineError.model(
      'MODEL_UNREADABLE',
      `${file.onnxFile}: ONNX Runtime cannot load it: ${messageOf(error)}; ${remedyFor(file)}`,
      error,
    );
  }
}

/** The version of ONNX Runtime; laid-out weights are valid for one version only. */
export const ENGINE_VERSION: string = env.versions.node ?? env.versions.common;

/**
 * Writes a graph again, to `graphFile`, with its weights in the separate file `weightsFile` (a name, in the graph's
 * folder), in the layout that the kernels of this CPU want. Throws as `Session.open` does.
 */
export async function layOutWeights(
  file: GraphFile,
  { graphFile, weightsFile, arithmetic }: { graphFile: string; weightsFile: string; arithmetic: Arithmetic },
): Promise<void> {
  const extra = extraFor(arithmetic);
  const session = await load(file, {
    ...OPTIONS,
    ...levelFor(file),
    optimizedModelFilePath: graphFile,
    extra: {
      ...extra,
      session: {
        ...extra.session,
        save_external_prepacked_constant_initializers: '1',
        optimized_model_external_initializers_file_name: weightsFile,
        // Smaller weights stay in the graph: each mapping has a cost.
        optimized_model_external_initializers_min_size_in_bytes: '1024',
      },
    },
  });
  await session.release();
}

/**
 * Returns the level of graph optimisation. `basic` is not used, because the engine silently ignores `x64quantprecision`
 * there. On an optimised file `extended` finds nothing more to fuse: it gives the same bits as `basic`, a little
 * faster.
 */
function levelFor({ optimised }: GraphFile): Pick<InferenceSession.SessionOptions, 'graphOptimizationLevel'> {
  return { graphOptimizationLevel: optimised ? 'extended' : 'all' };
}

/**
 * Returns the engine's further settings, which it takes as strings.
 *
 * - SkipLayerNormFusion is off, because the fused operator is a scalar kernel that makes a BERT graph slower than the
 *   plain one.
 * - Spinning is off, because it burns a shared core for no gain.
 */
function extraFor(arithmetic: Arithmetic) {
  return {
    session: {
      intra_op: { allow_spinning: '0' },
      inter_op: { allow_spinning: '0' },
      // Not set when the native kernel is exact: the widened kernels are slower than the VNNI and AMX kernels.
      ...(arithmetic === 'widened' && { x64quantprecision: '1' }),
    },
    optimization: { disable_specified_optimizers: 'SkipLayerNormFusion' },
  };
}

function remedyFor({ optimised }: GraphFile): string {
  return optimised
    ? 'restore the file, or make it again with `siftline models import`'
    : 'export the model again, or check that the file arrived whole';
}

const OPTIONS: InferenceSession.SessionOptions = {
  executionProviders: ['cpu'],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  enableCpuMemArena: true,
  enableMemPattern: false,
};
