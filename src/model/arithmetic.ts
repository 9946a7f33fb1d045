import { InferenceSession, Tensor } from 'onnxruntime-node';

/**
 * How int8 products are computed. `native`: by the kernel the engine takes by itself. `widened`: the engine rewrites the
 * weights to unsigned ones, whose kernel on this CPU is slower and exact.
 */
export type Arithmetic = 'native' | 'widened';

/** A graph and what is known of it. */
export interface GraphFile {
  readonly onnxFile: string;
  /** The file is what its maker measured and is run as it is; any other graph is optimised here first. */
  readonly optimised: boolean;
  /** False when no CPU clips this file's int8 products. */
  readonly saturates?: boolean | undefined;
}

/**
 * On x86 CPUs with AVX2 and without VNNI, the engine's kernel for unsigned activations and signed weights adds two
 * neighbouring products in 16 bits and clips what does not fit. Those scores differ from every other CPU's, so such a CPU
 * computes with widened products, at about nine tenths of the throughput. `saturates: false` says of a file that no two
 * products of its can need more than 16 bits, so that the fast kernel is exact everywhere.
 */
export async function arithmeticFor({ saturates }: Pick<GraphFile, 'saturates'>): Promise<Arithmetic> {
  return saturates !== false && (await cpuSaturates()) ? 'widened' : 'native';
}

let answer: Promise<boolean> | undefined;

/** Tells if this CPU clips sums of int8 products, found by letting the engine compute one. Asked once a thread. */
export function cpuSaturates(): Promise<boolean> {
  answer ??= probe();
  return answer;
}

/** 4 x 255 x 127; a kernel that clips gives 65,534. */
const EXACT = 129_540;

/** CPU flags would say less: virtual machines mask them, and what counts is the kernel that the engine takes. */
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
 * An ONNX file of one node, y[1, 16] = MatMulInteger(a[1, 4], w[4, 16]), with uint8 `a` and int8 `w` that is 127
 * everywhere. The bytes before and behind the 64 weights are given (ONNX IR 8, opset 13).
 */
export function probeGraph(): Uint8Array {
  const [before, behind] = [
    'CAg6lAEKGAoBYQoBdxIBeSINTWF0TXVsSW50ZWdlchIBZypLCAQIEBADQgF3SkA=',
    'WhMKAWESDgoMCAISCAoCCAEKAggEYhMKAXkSDgoMCAYSCAoCCAEKAggQQgIQDQ==',
  ];
  return Buffer.concat([Buffer.from(before, 'base64'), Buffer.alloc(64, 127), Buffer.from(behind, 'base64')]);
}
