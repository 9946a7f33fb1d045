import { readFileSync } from 'node:fs';

/** How a graph computes: `fp32` and `int8-static` are files siftline made, the others came as they are. */
export type Precision = 'int8-static' | 'fp32' | 'int8' | 'int8-dynamic' | 'float';

const DYNAMIC = ['DynamicQuantizeLinear', 'DynamicQuantizeMatMul', 'DynamicQuantizeLSTM'];
const QUANTISED = ['QuantizeLinear', 'DequantizeLinear', 'QLinearMatMul', 'MatMulIntegerToFloat', 'MatMulNBits'];

/**
 * What a foreign ONNX file is, by its operators. `int8-dynamic` takes scales from the whole batch, so that a text's
 * answer depends on the texts beside it; `int8` is any other quantised file.
 */
export function precisionOf(onnxFile: string): Precision {
  const bytes = readFileSync(onnxFile);
  const uses = (operators: readonly string[]) => operators.some(name => bytes.includes(operatorField(name)));
  if (uses(DYNAMIC)) return 'int8-dynamic';
  return uses(QUANTISED) ? 'int8' : 'float';
}

/** Field 4 (op_type) of a NodeProto, a string: tag, length, bytes. */
function operatorField(name: string): Buffer {
  return Buffer.from(`\x22${String.fromCharCode(name.length)}${name}`, 'latin1');
}
