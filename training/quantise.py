"""fp32 ONNX to int8 ONNX with static activation scales, so that a text's logits do not depend on its batch.

Dynamic quantisation takes an activation's scale from the whole batch tensor: batch-mates and
padding change a text's answer. Here every scale is a constant, the min/max seen over training
texts. Weights are signed int8 per output channel (unsigned weights fall off the fast u8s8 path).

Weights are bounded in pairs (pairs.py), so that every CPU computes the same integers, and nothing
in the file hangs on the CPU that made it: scales are taken from the fp32 graph, and rounded.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from . import pairs
from .optimise import optimise
from .predictor import session


def dynamic(source, path):
    """int8 weights, dynamic activations (the naive file, and the start of the static one)."""
    quantize_dynamic(
        str(source), str(path), weight_type=QuantType.QInt8, per_channel=True, reduce_range=False,
        op_types_to_quantize=["MatMul", "Gemm", "Gather"],
    )  # fmt: skip


def _quantised_activations(graph):
    """Names of the tensors that the dynamic graph quantises at run time."""
    names = [n.input[0] for n in graph.node if n.op_type in ("DynamicQuantizeLinear", "DynamicQuantizeMatMul")]
    return list(dict.fromkeys(names))


def feed(run, ids, mask):
    """Inputs of a session by name: token types, where the graph asks for them, are those of a single text."""
    known = {"input_ids": np.asarray(ids), "attention_mask": np.asarray(mask), "token_type_ids": np.zeros_like(np.asarray(ids))}
    return {i.name: known[i.name] for i in run.get_inputs()}


def seen(value, mask):
    """The rows of an activation that belong to tokens: [batch, sequence, ...], or the same flattened; anything else is whole."""
    if value.ndim > 2 and value.shape[:2] == mask.shape:
        return value[mask]
    if value.ndim == 2 and value.shape[0] == mask.size and mask.shape[1] > 1:
        return value[mask.ravel()]
    return value


def rounded(value):
    """`value`, away from zero to six binary digits, 3 % at most. Sums in fp32 differ in their last bits between kinds of
    CPU; what is taken from them and goes into the file must not."""
    mantissa, exponent = np.frexp(float(value))
    return float(np.ldexp(np.copysign(np.ceil(abs(mantissa) * 64), mantissa), exponent - 6))


def watched(path, names):
    """A session that gives the tensors `names` of a file, whatever its outputs are."""
    model = onnx.load(str(path))
    have = {o.name for o in model.graph.output}
    model.graph.output.extend(helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in names if n not in have)
    probe = path.with_suffix(".probe.onnx")
    onnx.save(model, str(probe))
    run = session(probe)
    probe.unlink()
    return run


def ranges(path, names, batches):
    """{tensor: (min, max)} in a file over `batches` of (ids, mask); padded positions do not count."""
    run, low, high = watched(path, names), {}, {}
    for ids, mask in batches:
        for name, value in zip(names, run.run(names, feed(run, ids, mask))):
            value = seen(value, np.asarray(mask).astype(bool))
            low[name] = min(low.get(name, 0.0), float(value.min()))
            high[name] = max(high.get(name, 0.0), float(value.max()))
    return {name: (rounded(low[name]), rounded(high[name])) for name in names}


def activation_ranges(source, tuned, batches):
    """Ranges of what the dynamic file `tuned` quantises, as the fp32 `source` has them. A tensor that only the optimiser
    knows by its name is measured in `tuned` itself, whose session multiplies exactly."""
    names, fp32 = _quantised_activations(onnx.load(str(tuned)).graph), onnx.load(str(source)).graph
    known = {name for node in fp32.node for name in node.output} | {i.name for i in fp32.input}
    found = ranges(source, [n for n in names if n in known], batches)
    rest = [n for n in names if n not in known]
    return found | (ranges(tuned, rest, batches) if rest else {})


def _scale(low, high):
    """uint8 scale and zero point whose range holds [low, high] and 0."""
    scale = np.float32(max(high - low, 1e-8) / 255)
    return scale, np.uint8(np.clip(np.round(-low / scale), 0, 255))


def _static_nodes(node, scale, zero):
    """The static counterpart of one dynamic node."""
    if node.op_type == "DynamicQuantizeLinear":
        return [helper.make_node("QuantizeLinear", [node.input[0], scale, zero], [node.output[0]], node.name)]
    quantised = f"{node.output[0]}_input_quantised"
    _, weight, weight_scale, *rest = node.input  # rest: weight zero point, bias
    weight_zero = rest[0] if rest else ""
    inputs = [quantised, weight, scale, weight_scale, zero, weight_zero, *rest[1:]]
    return [
        helper.make_node("QuantizeLinear", [node.input[0], scale, zero], [quantised], f"{quantised}_node"),
        helper.make_node("MatMulIntegerToFloat", inputs, [node.output[0]], node.name, domain="com.microsoft"),
    ]


def static(source, path, spans):
    """Rewrite an optimised dynamic file with constant activation scales."""
    model = onnx.load(str(source))
    graph, constants, renamed, nodes = model.graph, {}, {}, []
    for index, (name, (low, high)) in enumerate(spans.items()):
        scale, zero = _scale(low, high)
        constants[name] = (f"activation_{index}_scale", f"activation_{index}_zero")
        graph.initializer.append(numpy_helper.from_array(np.array(scale), constants[name][0]))
        graph.initializer.append(numpy_helper.from_array(np.array(zero), constants[name][1]))
    for node in graph.node:
        if node.op_type in ("DynamicQuantizeLinear", "DynamicQuantizeMatMul"):
            scale, zero = constants[node.input[0]]
            nodes += _static_nodes(node, scale, zero)
            if node.op_type == "DynamicQuantizeLinear":
                renamed |= {node.output[1]: scale, node.output[2]: zero}
        else:
            nodes.append(node)
    for node in nodes:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model, full_check=False)
    onnx.save(model, str(path))


def calibration(ids, count=4800, tokens=2048, seed=11):
    """Padded batches of `count` random training texts, in length order."""
    from . import finetune  # torch, which the import of a foreign ONNX file does without

    chosen = np.random.default_rng(seed).choice(len(ids), count, replace=False)
    chosen = sorted((ids[i] for i in chosen), key=len)
    batch = []
    for row in chosen:
        if batch and (len(batch) + 1) * len(row) > tokens:
            yield finetune.pad(batch, len(batch[-1]))
            batch = []
        batch.append(row)
    yield finetune.pad(batch, len(batch[-1]))


def quantise(source, work, batches):
    """fp32 file -> static int8 file `work/model.onnx`, calibrated on `batches`."""
    naive, tuned, final = work / "naive.onnx", work / "dynamic.onnx", work / "model.onnx"
    dynamic(source, naive)
    pairs.bound(source, naive)
    optimise(naive, tuned)
    static(tuned, final, activation_ranges(source, tuned, batches))
    left = pairs.saturating(final)
    assert not left, f"{left[0]} has weights that could clip; this is a bug"
    return final
