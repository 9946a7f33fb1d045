"""A trained classifier as an fp32 ONNX file: one named output per task, [CLS]-only last layer."""

import warnings

import numpy as np
import torch
from torch import nn

from .finetune import pad
from .predictor import session

INPUTS = ("input_ids", "attention_mask")


class Tuple(nn.Module):
    """The classifier with outputs in task order, because ONNX outputs are a list."""

    def __init__(self, classifier):
        super().__init__()
        self.classifier = classifier

    def forward(self, input_ids, attention_mask):
        logits = self.classifier(input_ids, attention_mask)
        return tuple(logits[task.name] for task in self.classifier.tasks)


def export(classifier, path):
    """Write `path`: int64 inputs, batch and sequence dynamic, opset 17."""
    outputs = [task.name for task in classifier.tasks]
    ids = torch.tensor([[101, 2023, 2003, 102], [101, 102, 0, 0]])
    axes = {name: {0: "batch", 1: "sequence"} for name in INPUTS} | {name: {0: "batch"} for name in outputs}
    classifier.eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Tuple(classifier).eval(), (ids, (ids > 0).long()), str(path), input_names=list(INPUTS),
            output_names=outputs, dynamic_axes=axes, opset_version=17, dynamo=False,
        )  # fmt: skip
    classifier.eval()  # the exporter puts the inner module back to train mode


def verify(classifier, path, ids):
    """Largest |difference| between torch and the exported file over `ids`, padded together."""
    matrix, mask = pad(ids, max(map(len, ids)))
    with torch.no_grad():
        ours = classifier(matrix, mask)
    theirs = session(path).run(list(ours), {"input_ids": matrix.numpy(), "attention_mask": mask.numpy()})
    return max(float(np.abs(a.numpy() - b).max()) for a, b in zip(ours.values(), theirs))
