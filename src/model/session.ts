import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import { messageOf, SiftlineError } from '../errors.js';
import { type Arithmetic, arithmeticFor, type GraphFile } from './arithmetic.js';
import type { RunInputs } from './plan.js';

/** One single-threaded ONNX Runtime session. Logits of a run come back per output as [rows, labels], row-major. */
export class Session {
  readonly arithmetic: Arithmetic;
  readonly #session: InferenceSession;
  /** token_type_ids of a single text: all zero. */
  #types = new BigInt64Array(0);

  private constructor(session: InferenceSession, arithmetic: Arithmetic) {
    this.#session = session;
    this.arithmetic = arithmetic;
  }

  /** Throws MODEL_UNREADABLE. The arithmetic is that which is exact on this CPU, unless another is given. */
  static async open(file: GraphFile, arithmetic?: Arithmetic): Promise<Session> {
    const chosen = arithmetic ?? (await arithmeticFor(file));
    const options = { ...OPTIONS, ...levelFor(file), extra: extraFor(chosen) };
    try {
      return new Session(await InferenceSession.create(file.onnxFile, options), chosen);
    } catch (error) {
      throw SiftlineError.model(
        'MODEL_UNREADABLE',
        `${file.onnxFile}: ONNX Runtime cannot load it: ${messageOf(error)}; ${remedyFor(file)}`,
        error,
      );
    }
  }

  get inputNames(): readonly string[] {
    return this.#session.inputNames;
  }

  get outputNames(): readonly string[] {
    return this.#session.outputNames;
  }

  /** Labels of an output as the graph declares them, or undefined when the dimension is symbolic. */
  width(output: string): number | undefined {
    const metadata = this.#session.outputMetadata.find(({ name }) => name === output);
    if (!metadata?.isTensor) return undefined;
    const last = metadata.shape.at(-1);
    return typeof last === 'number' ? last : undefined;
  }

  async run(inputs: RunInputs): Promise<Record<string, Float32Array>> {
    const results = await this.#session.run(this.#feeds(inputs));
    return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, tensor.data as Float32Array]));
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

export const ENGINE_VERSION: string = env.versions.node ?? env.versions.common;

/**
 * Writes an optimised graph anew, with its weights beside it in `weightsFile` (a name, in the graph's folder) as the
 * kernels of this CPU want them. Throws what the engine says.
 */
export async function layOutWeights(
  file: GraphFile,
  { graphFile, weightsFile, arithmetic }: { graphFile: string; weightsFile: string; arithmetic: Arithmetic },
): Promise<void> {
  const extra = extraFor(arithmetic);
  const session = await InferenceSession.create(file.onnxFile, {
    ...OPTIONS,
    ...levelFor(file),
    optimizedModelFilePath: graphFile,
    extra: {
      ...extra,
      session: {
        ...extra.session,
        save_external_prepacked_constant_initializers: '1',
        optimized_model_external_initializers_file_name: weightsFile,
        // Smaller ones stay in the graph: a mapping has a cost of its own.
        optimized_model_external_initializers_min_size_in_bytes: '1024',
      },
    },
  });
  await session.release();
}

/**
 * At `basic` the engine ignores `x64quantprecision` without a word. On an optimised file `extended` finds nothing more to
 * fuse: it gives the same bits as `basic`, a little faster.
 */
function levelFor({ optimised }: GraphFile): Pick<InferenceSession.SessionOptions, 'graphOptimizationLevel'> {
  return { graphOptimizationLevel: optimised ? 'extended' : 'all' };
}

/**
 * SkipLayerNormFusion is off because the fused operator is a scalar kernel that makes a BERT graph slower than the plain
 * one; spinning is off because it burns a shared core for no gain. The engine takes the entries as strings.
 */
function extraFor(arithmetic: Arithmetic) {
  return {
    session: {
      intra_op: { allow_spinning: '0' },
      inter_op: { allow_spinning: '0' },
      // Never set where the native kernel is exact: it would trade VNNI and AMX kernels for slower ones.
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
