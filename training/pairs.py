"""Int8 weights whose products every CPU adds up to the same integers.

The u8s8 kernel of x86 CPUs without VNNI adds the products of two neighbours in K, bytes times
weights, in int16, and clips a sum beyond 32,767. Two weights of one sign must therefore not sum
beyond 128. Where they would, the scale of their output column is widened, by a quarter on average:
7 bits for all weights would double every rounding error.
"""

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

LARGEST_PAIR = 128  # 255 * 128 fits int16, 255 * 129 does not
PRODUCTS = ("MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul")


def _largest(weight):
    """Per output column the largest |sum| of two weights that the kernel pairs: rows 0 and 1 of K, 2 and 3, and so on.
    A sum of unlike signs is never larger than one of the two, and a last row without a neighbour is paired with 0."""
    rows = weight.astype(np.int32)
    if rows.shape[-2] % 2:
        rows = np.concatenate([rows, np.zeros_like(rows[..., :1, :])], axis=-2)
    sums = np.abs(rows[..., 0::2, :] + rows[..., 1::2, :])
    return sums.reshape(-1, sums.shape[-1]).max(0)


def bounded(weight, scale):
    """(int8 weight [..., K, N], its scales): `scale`, per column or one for all, is widened until no pair can clip."""
    factor = np.ones_like(scale)
    while True:
        made = np.clip(np.round(weight / (scale * factor)), -127, 127).astype(np.int8)
        largest = _largest(made) if scale.ndim else _largest(made).max()
        if not np.any(largest > LARGEST_PAIR):
            return made, scale * factor
        wider = np.where(factor > 1, factor * np.float32(1.001), largest / np.float32(LARGEST_PAIR))
        factor = np.where(largest > LARGEST_PAIR, wider, factor).astype(np.float32)


def bound(source, path):
    """Quantise the weights of `path`'s products anew from `source`, in bounded pairs. Tables of a Gather are no products."""
    fp32, model = onnx.load(str(source)).graph, onnx.load(str(path))
    floats, held = ({w.name: w for w in graph.initializer} for graph in (fp32, model.graph))
    turned = {n.input[1] for n in fp32.node if n.op_type == "Gemm" and any(a.name == "transB" and a.i for a in n.attribute)}
    for name in _weights(model.graph):
        original = name.removesuffix("_quantized")
        weight, scale = numpy_helper.to_array(floats[original]), held[f"{original}_scale"]
        made, scales = bounded(weight.T if original in turned else weight, numpy_helper.to_array(scale))
        held[name].CopyFrom(numpy_helper.from_array(made, name))
        scale.CopyFrom(numpy_helper.from_array(scales, scale.name))
    onnx.save(model, str(path))


def _weights(graph):
    """Names of the int8 weights of matrix products."""
    int8 = {w.name for w in graph.initializer if w.data_type == TensorProto.INT8}
    return list(dict.fromkeys(n.input[1] for n in graph.node if n.op_type in PRODUCTS and n.input[1] in int8))


def saturating(path):
    """Names of the weights that have a pair which could clip."""
    graph = onnx.load(str(path)).graph
    held = {w.name: w for w in graph.initializer}
    return [name for name in _weights(graph) if _largest(numpy_helper.to_array(held[name])).max() > LARGEST_PAIR]
