import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { KnownHashes } from './known-files.js';

/**
 * Names the way in which int8 products are computed.
 *
 * - `native`: by the kernel that the engine takes by default.
 * - `widened`: the engine rewrites the weights to unsigned ones. The kernel for those is exact on this CPU, and slower.
 */
export type Arithmetic = 'native' | 'widened';

/** Describes a graph file, and what is known about its arithmetic. */
export interface GraphFile {
  readonly onnxFile: string;
  /**
   * True when the file is the very graph that its maker measured: it runs as it is. Any other graph is optimised while
   * it is loaded.
   */
  readonly optimised: boolean;
  /** False when no CPU clips the int8 products of this file. */
  readonly saturates?: boolean | undefined;
  /** The SHA-256 of the graph and its weights; a file with another is not loaded. */
  readonly hashes?: KnownHashes | undefined;
  /** True when the engine maps the weights beside the graph. It copies them otherwise. */
  readonly mapped?: boolean | undefined;
}

/**
 * Returns the arithmetic that is exact for this file on this CPU.
 *
 * On x86 CPUs with AVX2 and without VNNI, the engine's kernel for unsigned activations and signed weights adds two
 * neighbouring products in 16 bits and clips a sum that does not fit. Its scores differ from the scores of every other
 * CPU. So such a CPU computes with widened products, at about nine tenths of the throughput. `saturates: false` says
 * that no two products of this file can need more than 16 bits, so that the fast kernel is exact everywhere.
 */
export async function arithmeticFor({ saturates }: Pick<GraphFile, 'saturates'>): Promise<Arithmetic> {
  return saturates !== false && (await cpuSaturates()) ? 'widened' : 'native';
}

let answer: Promise<boolean> | undefined;

/**
 * Returns true when this CPU clips sums of int8 products. The engine computes one such sum to find out, once per
 * thread.
 */
export function cpuSaturates(): Promise<boolean> {
  answer ??= probe();
  return answer;
}

/** The exact sum, 4 x 255 x 127. A kernel that clips gives 65,534. */
const EXACT = 129_540;

/**
 * Computes one sum with the engine and compares it. The flags of the CPU would say less, for two reasons:
 *
 * - Virtual machines mask flags.
 * - The kernel that the engine takes is what counts.
 */
async function probe(): Promise<boolean> {
  const session = await InferenceSession.create(probeGraph(), { intraOpNumThreads: 1, interOpNumThreads: 1 });
  try {
    const { y } = await session.run({ a: new Tensor('uint8', new Uint8Array(4).fill(255), [1, 4]) });
    return y?.data[0] !== EXACT;
  } finally {
    await session.release();
  }
}

/**
 * Returns an ONNX file of one node, y[1, 16] = MatMulInteger(a[1, 4], w[4, 16]), with uint8 `a` and int8 `w` that is
 * 127 everywhere. Its bytes are protobuf (onnx.proto), where `len` is the length of the field in bytes:
 *
 *     model   = 08 08 (ir_version 8)  3a len graph  42 len opset
 *     graph   = 0a len node  12 len "g"  2a len weights  5a len input  62 len output
 *     node    = 0a len "a"  0a len "w"  12 len "y"  22 len "MatMulInteger"
 *     weights = 08 04  08 10 (dims 4, 16)  10 03 (int8)  42 len "w"  4a 40 (64 bytes of 7f)
 *     input   = "a", uint8 [1, 4];  output = "y", int32 [1, 16];  opset = version 13
 *
 * `before` ends ahead of the 64 bytes of weights, and `behind` begins after them.
 */
export function probeGraph(): Uint8Array {
  const [before, behind] = [
    'CAg6lAEKGAoBYQoBdxIBeSINTWF0TXVsSW50ZWdlchIBZypLCAQIEBADQgF3SkA=',
    'WhMKAWESDgoMCAISCAoCCAEKAggEYhMKAXkSDgoMCAYSCAoCCAEKAggQQgIQDQ==',
  ];
  return Buffer.concat([Buffer.from(before, 'base64'), Buffer.alloc(64, 127), Buffer.from(behind, 'base64')]);
}
