"""SmoothQuant (Xiao et al. 2023) on an fp32 ONNX graph, whatever made it; smooth.py says what it does and why.

An activation that several matrix products read (queries, keys, values) is divided once for all of them.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .quantise import feed, seen, watched


def products(graph):
    """{activation: [nodes]} of the matrix products with a constant weight [in, out] that is not square.

    Those are the feed-forward layers, whose inputs have the outliers; one product more for the square ones buys little.
    """
    weights = {w.name: w for w in graph.initializer if len(w.dims) == 2 and w.data_type == TensorProto.FLOAT}
    found = {}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights and len(set(weights[node.input[1]].dims)) == 2:
            found.setdefault(node.input[0], []).append(node)
    return found


def peaks(path, names, batches):
    """{activation: largest |value| per channel}; padded positions do not count."""
    run, high = watched(path, names), {}
    for ids, mask in batches:
        for name, value in zip(names, run.run(names, feed(run, ids, mask))):
            value = np.abs(seen(value, np.asarray(mask).astype(bool)))
            top = value.reshape(-1, value.shape[-1]).max(0)
            high[name] = np.maximum(high[name], top) if name in high else top
    return high


def divisors(high, own, strength):
    """high^strength / own^(1 - strength) per channel, to the nearest power of two: dividing by that is exact, and the
    last bits of a peak, which differ between kinds of CPU, do not change it."""
    activation, weight = (np.log2(np.maximum(peak.astype(np.float64), 1e-3)) for peak in (high, own))
    return np.ldexp(np.float32(1), np.round(strength * activation - (1 - strength) * weight).astype(np.int32))


def smooth(source, path, batches, strength=0.5):
    """Write `path`: the same function in fp32."""
    model = onnx.load(str(source))
    graph = model.graph
    readers = products(graph)
    high = peaks(source, list(readers), batches)
    weights, uses = {w.name: w for w in graph.initializer}, [name for node in graph.node for name in node.input]
    for index, (name, nodes) in enumerate(readers.items()):
        arrays = [numpy_helper.to_array(weights[node.input[1]]) for node in nodes]
        if any(uses.count(node.input[1]) > 1 for node in nodes):
            continue  # a weight that is shared by layers cannot take the scale of one
        own = np.max([np.abs(a).max(1) for a in arrays], axis=0)
        scale = divisors(high[name], own, strength)
        graph.initializer.append(numpy_helper.from_array(1 / scale, f"smooth_{index}"))
        for node, array in zip(nodes, arrays):
            weights[node.input[1]].CopyFrom(numpy_helper.from_array(array * scale[:, None], node.input[1]))
            node.input[0] = f"smoothed_{index}"
        at = min(i for i, node in enumerate(graph.node) if f"smoothed_{index}" in node.input)
        graph.node.insert(at, helper.make_node("Mul", [name, f"smooth_{index}"], [f"smoothed_{index}"], f"smooth_{index}_mul"))
    onnx.save(model, str(path))
