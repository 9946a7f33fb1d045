"""The graphs people have who have tuned nothing, out of the shipped one: fp32, and what quantize_dynamic makes of that.

    python graphs.py MODEL.onnx TOKENIZER.json TEXTS.jsonl FOLDER

MODEL.onnx is what training/quantise.py writes: fused, int8 weights, constant activation scales. FOLDER gets fp32.onnx, with
plain operators and the weights dequantised; dynamic.onnx, by onnxruntime's quantize_dynamic with its defaults; and
agreement.json: {graph: {head: share of the texts with the label that MODEL.onnx gives}} and the number of texts. Ends with
a message on stderr, and code 1, when an operator is not known or a head answers differently: that would be other work.
"""
import json
import math
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer

MOST_TEXTS = 500
MAX_TOKENS = 128
# Shares of the labels: fp32 differs by what rounding costs the shipped graph, the other by scales of one per tensor as well.
LEAST_SAME = {"fp32": 0.95, "dynamic": 0.8}


class Rewriter:
    """One graph on its way from static int8 to fp32. Nodes are taken in their order, which is topological."""

    def __init__(self, graph):
        self.graph = graph
        self.constants = {each.name: each for each in graph.initializer}
        self.makers = {name: node for node in graph.node for name in node.output}
        self.nodes = []

    def array(self, name):
        return numpy_helper.to_array(self.constants[name])

    def constant(self, name, array):
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.asarray(array, dtype=np.float32), name)
        return name

    def add(self, kind, inputs, output, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [output], f"{output}_{kind}", **attributes))
        return output

    def dequantised(self, quantised, scale, zero):
        """The fp32 values of an int8 constant whose scales, one or one per column, belong to its last axis."""
        zeros = self.array(zero).astype(np.float32) if zero else np.float32(0)
        return (self.array(quantised).astype(np.float32) - zeros) * self.array(scale)

    def product(self, node):
        """MatMulIntegerToFloat on QuantizeLinear: a linear layer. The factors that smoothing took out of its weights go back."""
        activation, weight, _, scale, _, zero, *bias = node.input
        source = self.makers[activation].input[0]
        values = self.dequantised(weight, scale, zero)
        before = self.makers.get(source)
        if before is not None and before.op_type == "Mul" and self.is_factor(before.input[1], len(values)):
            values = values * self.array(before.input[1])[:, None]
            source = before.input[0]
        inputs = [source, self.constant(f"{weight}_fp32", values)]
        if not any(bias):  # left out, or there by an empty name
            return self.add("MatMul", inputs, node.output[0])
        product = self.add("MatMul", inputs, f"{node.output[0]}_product")
        return self.add("Add", [product, bias[0]], node.output[0])

    def is_factor(self, name, size):
        return name in self.constants and list(self.constants[name].dims) == [size]

    def embedding(self, node):
        """DequantizeLinear on Gather from an int8 table: the row of an fp32 table."""
        gather = self.makers[node.input[0]]
        table, ids = gather.input
        values = self.dequantised(table, *node.input[1:])
        return self.add("Gather", [self.constant(f"{table}_fp32", values), ids], node.output[0])

    def gelu(self, node):
        """x/2 (1 + erf(x/sqrt 2)), operator by operator as PyTorch exports it."""
        (x,), out = node.input, node.output[0]
        part = self.add("Erf", [self.add("Div", [x, self.constant("gelu_root", math.sqrt(2))], f"{out}_scaled")], f"{out}_erf")
        part = self.add("Add", [part, self.constant("gelu_one", 1)], f"{out}_part")
        return self.add("Mul", [self.add("Mul", [x, part], f"{out}_twice"), self.constant("gelu_half", 0.5)], out)

    def scaled_product(self, node):
        """FusedMatMul without transposed inputs: a product and a factor."""
        given = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        alpha = given.pop("alpha", 1.0)
        if any(given.values()):
            sys.exit(f"{node.name}: FusedMatMul with transposed inputs is not known")
        product = self.add("MatMul", node.input, f"{node.output[0]}_product")
        return self.add("Mul", [product, self.constant(f"{node.output[0]}_alpha", alpha)], node.output[0])

    def rewritten(self):
        kinds = {
            "MatMulIntegerToFloat": self.product,
            "DequantizeLinear": self.embedding,
            "Gelu": self.gelu,
            "FusedMatMul": self.scaled_product,
        }
        if "MatMulIntegerToFloat" not in {node.op_type for node in self.graph.node}:
            sys.exit("the model has no static int8 products: there is nothing to dequantise")
        for node in self.graph.node:
            if node.op_type in kinds:
                kinds[node.op_type](node)
            elif node.domain in ("", "ai.onnx"):
                self.nodes.append(node)
            else:
                sys.exit(f"{node.name}: the operator {node.domain}.{node.op_type} is not known")
        return self.needed()

    def needed(self):
        """Only the nodes that an output comes from, and their constants: what quantised the activations is gone."""
        wanted, nodes = {each.name for each in self.graph.output}, []
        for node in reversed(self.nodes):
            if wanted.intersection(node.output):
                wanted.update(node.input)
                nodes.append(node)
        constants = [each for name, each in self.constants.items() if name in wanted]
        return helper.make_graph(nodes[::-1], "fp32", self.graph.input, self.graph.output, constants)


def write_fp32(source, path):
    model = onnx.load(source)
    plain = [each for each in model.opset_import if each.domain in ("", "ai.onnx")]
    made = helper.make_model(Rewriter(model.graph).rewritten(), opset_imports=plain, ir_version=model.ir_version)
    onnx.checker.check_model(made)
    onnx.save(made, path)


def labels_of(path, encoded):
    """{head: the best label of each text}, text by text: no neighbour changes the scales of a dynamic graph."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    heads = [each.name for each in session.get_outputs()]
    inputs = {each.name for each in session.get_inputs()}
    found = []
    for ids in encoded:
        row = np.array([ids], dtype=np.int64)
        feeds = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}
        found.append([int(logits.argmax()) for logits in session.run(heads, {k: v for k, v in feeds.items() if k in inputs})])
    return dict(zip(heads, np.array(found).T))


def same_labels(shipped, path, encoded):
    """{head: share}; ends the program when it is too small."""
    theirs = labels_of(path, encoded)
    shares = {head: float((own == theirs[head]).mean()) for head, own in shipped.items()}
    least = LEAST_SAME[path.stem]
    for head, share in shares.items():
        if share < least:
            sys.exit(f"{path.name}: {head} has the label of the shipped graph for {share:.1%} of the texts; at least {least:.0%} is due")
    return shares


def main(source, tokenizer_file, texts_file, folder):
    fp32, dynamic = folder / "fp32.onnx", folder / "dynamic.onnx"
    write_fp32(source, fp32)
    quantize_dynamic(fp32, dynamic, weight_type=QuantType.QInt8)
    tokenizer = Tokenizer.from_file(tokenizer_file)
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    lines = Path(texts_file).read_text(encoding="utf-8").splitlines()[:MOST_TEXTS]
    encoded = [each.ids for each in tokenizer.encode_batch([json.loads(line)["text"] for line in lines])]
    shipped = labels_of(source, encoded)
    agreement = {"texts": len(encoded), **{path.stem: same_labels(shipped, path, encoded) for path in (fp32, dynamic)}}
    (folder / "agreement.json").write_text(json.dumps(agreement))


source, tokenizer_file, texts_file, folder = sys.argv[1:]
main(source, tokenizer_file, texts_file, Path(folder))
