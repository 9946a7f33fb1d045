"""SmoothQuant (Xiao et al. 2023) on an fp32 ONNX graph, whatever made it; smooth.py says what it does and why.

An activation that several matrix products read (queries, keys, values) is divided once for all of them.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .predictor import session
from .quantise import feed, seen


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


def peaks(model, names, batches, probe):
    """{activation: largest |value| per channel}; padded positions do not count."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    have = {o.name for o in watched.graph.output}
    watched.graph.output.extend(helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in names if n not in have)
    onnx.save(watched, str(probe))
    run, high = session(probe), {}
    for ids, mask in batches:
        for name, value in zip(names, run.run(names, feed(run, ids, mask))):
            value = np.abs(seen(value, np.asarray(mask).astype(bool)))
            top = value.reshape(-1, value.shape[-1]).max(0)
            high[name] = np.maximum(high[name], top) if name in high else top
    probe.unlink()
    return high


def smooth(source, path, batches, strength=0.5):
    """Write `path`: the same function in fp32, up to rounding."""
    model = onnx.load(str(source))
    graph = model.graph
    readers = products(graph)
    high = peaks(model, list(readers), batches, path.with_suffix(".probe.onnx"))
    weights, uses = {w.name: w for w in graph.initializer}, [name for node in graph.node for name in node.input]
    for index, (name, nodes) in enumerate(readers.items()):
        arrays = [numpy_helper.to_array(weights[node.input[1]]) for node in nodes]
        if any(uses.count(node.input[1]) > 1 for node in nodes):
            continue  # a weight that is shared by layers cannot take the scale of one
        own = np.max([np.abs(a).max(1) for a in arrays], axis=0)
        scale = np.maximum(high[name], 1e-3) ** strength / np.maximum(own, 1e-3) ** (1 - strength)
        graph.initializer.append(numpy_helper.from_array((1 / scale).astype(np.float32), f"smooth_{index}"))
        for node, array in zip(nodes, arrays):
            weights[node.input[1]].CopyFrom(numpy_helper.from_array((array * scale[:, None]).astype(np.float32), node.input[1]))
            node.input[0] = f"smoothed_{index}"
        at = min(i for i, node in enumerate(graph.node) if f"smoothed_{index}" in node.input)
        graph.node.insert(at, helper.make_node("Mul", [name, f"smooth_{index}"], [f"smoothed_{index}"], f"smooth_{index}_mul"))
    onnx.save(model, str(path))
