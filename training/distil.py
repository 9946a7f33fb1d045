"""Learning from a teacher's answers as well as from labels (Hinton et al. 2015; born-again networks, Furlanello et al. 2018).

A teacher answers every task for every text, so the student also learns what a labelled set leaves unknown.
"""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from .finetune import pad

SOFTENING = 2.0  # temperature of the softmax tasks' teacher and student


def answers(classifier, ids, place=None, tokens=4096, log=print):
    """{task: float32 logits, one row per text} of a classifier; kept in `place` (.npz) when given."""
    if place is not None and Path(place).exists():
        return dict(np.load(place))
    order = np.argsort([len(row) for row in ids], kind="stable")
    found = {task.name: np.zeros((len(ids), len(task.labels)), np.float32) for task in classifier.tasks}
    classifier.eval()
    classifier.dtype = torch.bfloat16
    at = 0
    with torch.no_grad():
        while at < len(order):
            width = -(-len(ids[order[at]]) // 16) * 16  # in steps of 16: oneDNN compiles its kernels anew for every shape
            rows = [i for i in order[at : at + tokens // width] if len(ids[i]) <= width]
            for name, logits in classifier(*pad([ids[i] for i in rows], width)).items():
                found[name][rows] = logits.numpy()
            if at // 20_000 != (at + len(rows)) // 20_000:
                log(f"teacher answered {at + len(rows)} of {len(ids)} texts")
            at += len(rows)
    classifier.dtype = torch.float32
    if place is not None:
        np.savez(place, **found)
    return found


def mean(several):
    """The average of several teachers' logits."""
    return {name: np.mean([each[name] for each in several], 0, dtype=np.float32) for name in several[0]}


class Distilled:
    """Targets of a student: the teacher's probabilities, and `hard` times the loss on the labels that are known."""

    def __init__(self, targets, teacher, hard=0.5):
        self.targets, self.teacher, self.hard = targets, teacher, hard

    def loss(self, logits, rows):
        """Mean over the rows of the weighted sum of the tasks' losses."""
        total = 0.0
        for task in self.targets.tasks:
            taught = torch.from_numpy(self.teacher[task.name][rows])
            if task.activation == "sigmoid":
                part = F.binary_cross_entropy_with_logits(logits[task.name], taught.sigmoid(), reduction="sum")
            else:
                own = (logits[task.name] / SOFTENING).log_softmax(-1)
                part = F.kl_div(own, (taught / SOFTENING).softmax(-1), reduction="sum") * SOFTENING**2
            total = total + task.weight * part
        return total / len(rows) + self.hard * self.targets.loss(logits, rows)
