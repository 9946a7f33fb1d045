"""The reference implementation of serving: what a model folder answers for one text.

Rust tokenizer, Python onnxruntime, batch of one, no padding. The TypeScript side is held to
these numbers by test/fixtures/reference.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer


@cache
def cpu_saturates():
    """Whether this CPU's kernel clips sums of two products of uint8 and int8: 4 * 255 * 127 is then 65,534, not 129,540."""
    weight, tensor = numpy_helper.from_array(np.full((4, 16), 127, np.int8), "weight"), helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["bytes", "weight"], ["sums"])], "probe",
        [tensor("bytes", TensorProto.UINT8, [1, 4])], [tensor("sums", TensorProto.INT32, [1, 16])], [weight],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    run = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return bool(run.run(None, {"bytes": np.full((1, 4), 255, np.uint8)})[0][0, 0] != 4 * 255 * 127)


def session(path, saturates=True):
    """One thread, `extended` without ORT's SkipLayerNormalization, which is slow. Integers are multiplied exactly on
    every CPU; a file that cannot saturate needs no other kernel for that."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    if saturates and cpu_saturates():
        options.add_session_config_entry("session.x64quantprecision", "1")
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=["SkipLayerNormFusion"])


def probabilities(logits, activation, temperature=1.0):
    """Scores of one text's (or many texts') logits of one task, in float64."""
    z = np.asarray(logits, dtype=np.float64) / temperature
    if activation == "sigmoid":
        return 1 / (1 + np.exp(-z))
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def manifest_of(folder):
    """siftline.json of a folder; empty for a plain Hugging Face folder."""
    file = folder / "siftline.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def tasks_of(folder):
    """Tasks of a folder: those of siftline.json, or the one a Hugging Face config.json describes."""
    manifest = manifest_of(folder)
    if manifest:
        return manifest["tasks"]
    config = json.loads((folder / "config.json").read_text())
    labels = [config["id2label"][str(i)] for i in range(len(config["id2label"]))]
    single = len(labels) > 1 and config.get("problem_type") != "multi_label_classification"
    return [{"name": "logits", "output": "logits", "activation": "softmax" if single else "sigmoid", "labels": labels}]


class Predictor:
    def __init__(self, folder, max_tokens):
        folder = Path(folder)
        self.name, self.max_tokens, self.tasks = folder.name, max_tokens, tasks_of(folder)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        nested = folder / "onnx" / "model.onnx"
        self.session = session(nested if nested.exists() else folder / "model.onnx", manifest_of(folder).get("saturates", True))
        self.inputs = [i.name for i in self.session.get_inputs()]
        self.outputs = [o.name for o in self.session.get_outputs()]

    def tokens(self, text):
        """(ids with specials, cut to max_tokens; whether anything was cut)."""
        self.tokenizer.no_truncation()
        whole = len(self.tokenizer.encode(text).ids)
        self.tokenizer.enable_truncation(self.max_tokens)
        return self.tokenizer.encode(text).ids, whole > self.max_tokens

    def windows(self, text, stride):
        """Ids of every window, with specials, as the tokenizer's own truncation with a stride cuts them."""
        self.tokenizer.enable_truncation(self.max_tokens, stride=stride)
        first = self.tokenizer.encode(text)
        return [window.ids for window in (first, *first.overflowing)]

    def logits(self, ids):
        """{output: row of logits}."""
        feed = {"input_ids": ids, "attention_mask": [1] * len(ids), "token_type_ids": [0] * len(ids)}
        feed = {name: np.array([feed[name]], dtype=np.int64) for name in self.inputs}
        return {name: row[0] for name, row in zip(self.outputs, self.session.run(self.outputs, feed))}

    def scores(self, logits):
        """{task: {label: probability}}."""
        result = {}
        for task in self.tasks:
            p = probabilities(logits[task["output"]], task["activation"], task.get("temperature", 1.0))
            result[task["name"]] = {label: float(v) for label, v in zip(task["labels"], p)}
        return result

    def case(self, text):
        """One case of a reference file."""
        ids, truncated = self.tokens(text)
        logits = self.logits(ids)
        return {
            "text": text,
            "ids": ids,
            "truncated": truncated,
            "logits": {name: [float(v) for v in row] for name, row in logits.items()},
            "scores": self.scores(logits),
        }

    def long_case(self, text, stride):
        """One case of a reference file of long texts: each window's ids, and the scores of each by itself."""
        windows = self.windows(text, stride)
        return {"text": text, "windows": windows, "scores": [self.scores(self.logits(ids)) for ids in windows]}
