"""What is left to gain in a shipped graph: edits that keep every bit of its answers, timed against the graph as it is.

    python leads.py MODEL.onnx

MODEL.onnx is what training/quantise.py writes. One thread; each shape is timed for all graphs in turn, and the best time of
each counts. Prints the edits' gain as times of the graph as it is, and how fast its int8 products are beside one large product
of that kind alone. Ends with a message on stderr, and code 1, when an edit changes an answer by more than rounding.
"""
import sys
import time

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

# Rows x tokens of a run: one short text, one long one, and full runs of 512 tokens.
SHAPES = ((1, 16), (1, 128), (32, 16), (16, 32), (4, 128))
SECONDS = 4
MOST_DIFFERENCE = 1e-4
LARGE = (512, 1536, 1536)
PRODUCT = "MatMulIntegerToFloat"


class Graph:
    """A copy of the model, to be edited."""

    def __init__(self, path):
        self.model = onnx.load(path)
        self.nodes = self.model.graph.node
        self.heads = self.heads_there()

    def makers(self):
        return {output: node for node in self.nodes for output in node.output}

    def takers(self):
        found = {}
        for node in self.nodes:
            for name in node.input:
                found.setdefault(name, []).append(node)
        return found

    def constant(self, name, values):
        self.model.graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def array(self, name):
        return numpy_helper.to_array(next(each for each in self.model.graph.initializer if each.name == name))

    def heads_there(self):
        """The number of attention heads, as the reshapes have it."""
        makers = self.makers()
        shapes = (makers.get(node.input[1]) for node in self.nodes if node.op_type == "Reshape")
        return next(int(self.array(shape.input[2])[0]) for shape in shapes if shape is not None and len(shape.input) == 4)

    def add_before(self, node, *new):
        at = list(self.nodes).index(node)
        for offset, each in enumerate(new):
            self.nodes.insert(at + offset, each)

    def drop_unused(self):
        ends = {output.name for output in self.model.graph.output}
        while True:
            used = {name for node in self.nodes for name in node.input} | ends
            unused = [node for node in self.nodes if not used.intersection(node.output)]
            for node in unused:
                self.nodes.remove(node)
            if not unused:
                return self


def constant_shapes(graph):
    """Reshapes that copy what they keep (a 0) in place of computing it from their input's shape."""
    makers = graph.makers()
    apart = graph.constant("leads/apart", np.array([0, 0, graph.heads, -1], np.int64))
    together = graph.constant("leads/together", np.array([0, 0, -1], np.int64))
    for node in graph.nodes:
        shape = makers.get(node.input[1]) if node.op_type == "Reshape" else None
        if shape is not None and shape.op_type == "Concat":
            node.input[1] = apart if len(shape.input) == 4 else together
    return graph.drop_unused()


def one_product(graph):
    """Query, key and value as one product with a three times wider weight."""
    groups = {}
    for node in graph.nodes:
        if node.op_type == PRODUCT:
            groups.setdefault(node.input[0], []).append(node)
    for at, (source, nodes) in enumerate(groups.items()):
        if len(nodes) != 3:
            continue
        wide = [np.concatenate([np.atleast_1d(graph.array(node.input[i])) for node in nodes], -1) for i in (1, 3, 5, 6)]
        weight, scale, zero, bias = (graph.constant(f"leads/{at}/{i}", each) for i, each in enumerate(wide))
        _, _, activation_scale, _, activation_zero, *_ = nodes[0].input
        inputs = [source, weight, activation_scale, scale, activation_zero, zero, bias]
        product = helper.make_node(PRODUCT, inputs, [f"leads/{at}/all"], domain="com.microsoft")
        parts = helper.make_node("Split", product.output, [node.output[0] for node in nodes], axis=-1)
        graph.add_before(nodes[0], product, parts)
        for node in nodes:
            graph.nodes.remove(node)
    return graph.drop_unused()


def fused_attention(graph):
    """ONNX Runtime's MultiHeadAttention in place of scores, mask, softmax and context; LayerNormalization stays apart."""
    makers, takers = graph.makers(), graph.takers()
    mask = helper.make_node("Cast", ["attention_mask"], ["leads/mask"], to=TensorProto.INT32)
    graph.add_before(graph.nodes[0], mask)

    def rows(name):
        """Query, key or value before it is cut into heads."""
        return makers[makers[name].input[0]].input[0]

    for softmax in [node for node in graph.nodes if node.op_type == "Softmax"]:
        masked = makers[softmax.input[0]]
        scores = makers[masked.input[0]]
        context = takers[softmax.output[0]][0]
        turned = takers[context.output[0]][0]
        merged = takers[turned.output[0]][0]
        inputs = [rows(scores.input[0]), rows(scores.input[1]), rows(context.input[1]), "", mask.output[0]]
        scale = next(each.f for each in scores.attribute if each.name == "alpha")
        options = {"domain": "com.microsoft", "num_heads": graph.heads, "scale": scale}
        graph.add_before(merged, helper.make_node("MultiHeadAttention", inputs, merged.output, **options))
        for node in (masked, scores, softmax, context, turned, merged):
            graph.nodes.remove(node)
    return graph.drop_unused()


def session_of(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def best_of(sessions, feeds):
    """Best milliseconds of each session, all taking turns."""
    best = [float("inf")] * len(sessions)
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        for i, session in enumerate(sessions):
            began = time.perf_counter()
            session.run(None, feeds)
            best[i] = min(best[i], (time.perf_counter() - began) * 1e3)
    return best


def large_product():
    """Operations a second of one int8 product alone, 1e9."""
    rows, depth, columns = LARGE
    random = np.random.default_rng(0)
    constants = {
        "weight": random.integers(-100, 100, (depth, columns)).astype(np.int8),
        "scale": np.array(0.01, np.float32),
        "scales": np.full(columns, 0.01, np.float32),
        "zero": np.array(120, np.uint8),
        "zeros": np.zeros(columns, np.int8),
    }
    node = helper.make_node(
        PRODUCT, ["x", "weight", "scale", "scales", "zero", "zeros"], ["y"], domain="com.microsoft"
    )
    graph = helper.make_graph(
        [node],
        "large",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [rows, depth])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, columns])],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    session = session_of(helper.make_model(graph, opset_imports=opsets, ir_version=8))
    (best,) = best_of([session], {"x": random.integers(0, 255, (rows, depth)).astype(np.uint8)})
    return 2 * rows * depth * columns / best / 1e6


def main(path):
    edits = {
        "constant shapes": lambda: constant_shapes(Graph(path)),
        "and one product for query, key and value": lambda: one_product(constant_shapes(Graph(path))),
        "and fused attention": lambda: fused_attention(one_product(constant_shapes(Graph(path)))),
    }
    plain = Graph(path)
    sessions = [session_of(graph.model) for graph in (plain, *(edit() for edit in edits.values()))]
    shapes = [f"{rows}x{tokens}" for rows, tokens in SHAPES]
    print(f"{'times of the graph as it is, by rows x tokens':<42} {' '.join(f'{each:>7}' for each in shapes)}")
    random = np.random.default_rng(0)
    times = []
    for rows, tokens in SHAPES:
        ids = random.integers(1000, 30000, (rows, tokens))
        mask = np.ones_like(ids)
        if rows > 1:
            mask[0, tokens // 2 :] = 0
        feeds = {"input_ids": ids, "attention_mask": mask}
        expected, *others = (session.run(None, feeds) for session in sessions)
        for name, answers in zip(edits, others):
            if max(np.abs(one - other).max() for one, other in zip(expected, answers)) > MOST_DIFFERENCE:
                sys.exit(f"{name}: {rows}x{tokens} is answered differently")
        times.append(best_of(sessions, feeds))
    for i, name in enumerate(edits, 1):
        print(f"{name:<42} {' '.join(f'{best[0] / best[i]:>7.2f}' for best in times)}")
    sizes = [plain.array(node.input[1]).size for node in plain.nodes if node.op_type == PRODUCT]
    rows, tokens = SHAPES[-2]
    reached = 2 * sum(sizes) * rows * tokens / times[-2][0] / 1e6
    alone = large_product()
    print(f"int8 products of the graph, its whole time counted ({rows}x{tokens}): {reached:.0f} GOP/s")
    print(f"one product of {LARGE[0]} x {LARGE[1]} x {LARGE[2]} alone: {alone:.0f} GOP/s, so {reached / alone:.2f} of it are reached")


if __name__ == "__main__":
    main(sys.argv[1])
