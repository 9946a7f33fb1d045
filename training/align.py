"""Keeping a shallow encoder near the deep one it was cut from (after Reimers & Gurevych 2020).

Six of twelve layers lose much of what the encoder knew. While the shallow one learns its tasks, a linear map of its
text vector also learns to be the deep encoder's vector of some of the texts: a lesson in every language, without labels.
"""

import numpy as np
import torch
from torch.nn import functional as F

from . import finetune
from .model import Classifier, Linear

VECTOR = "vector"


def vectors(classifier, ids, marks, place=None, tokens=4096, log=print):
    """A float32 row per text: the classifier's pooled vector, less the mean of all texts, of length 1; kept in `place` (.npy).
    A text that is None has a row of zeros."""
    if place is not None and place.exists():
        return np.load(place)
    order = sorted((i for i, row in enumerate(ids) if row is not None), key=lambda i: len(ids[i]))
    found, at = np.zeros((len(ids), classifier.config["hidden_size"]), np.float32), 0
    classifier.eval()
    classifier.dtype = torch.bfloat16
    with torch.no_grad():
        while at < len(order):
            width = next(b for b in finetune.BUCKETS if len(ids[order[at]]) <= b)
            rows = [i for i in order[at : at + tokens // width] if len(ids[i]) <= width]
            found[rows] = classifier.encode(*finetune.pad([ids[i] for i in rows], width, marks.pad)).numpy()
            if at // 10_000 != (at + len(rows)) // 10_000:
                log(f"{at + len(rows)} of {len(order)} texts have a vector")
            at += len(rows)
    found[order] -= found[order].mean(0)
    found[order] /= np.linalg.norm(found[order], axis=1, keepdims=True)
    if place is not None:
        np.save(place, found)
    return found


class Aligned(Classifier):
    """A classifier while it trains: its answers, and its text vector mapped to the deep encoder's space."""

    def __init__(self, classifier, width):
        super().__init__(classifier.config, classifier.tasks, pooling=classifier.pooling)
        self.load_state_dict(classifier.state_dict())
        self.words.sparse = True
        self.map = Linear(classifier.config["hidden_size"], width)

    def forward(self, input_ids, attention_mask):
        x = self.encode(input_ids, attention_mask)
        return {VECTOR: self.map(x), **{name: head(x) for name, head in self.heads.items()}}

    def bare(self):
        """The classifier without the map."""
        made = Classifier(self.config, self.tasks, pooling=self.pooling)
        made.load_state_dict({name: value for name, value in self.state_dict().items() if not name.startswith("map.")})
        return made.eval()


class Targets:
    """The tasks' loss, and `weight` times 1 - cosine to the deep encoder's vector where there is one."""

    def __init__(self, targets, vectors, weight):
        self.targets, self.vectors, self.weight = targets, vectors, weight

    def loss(self, logits, rows):
        goal = torch.from_numpy(self.vectors[rows])
        away = (1 - F.cosine_similarity(logits[VECTOR], goal)) * goal.any(1)
        return self.targets.loss(logits, rows) + self.weight * away.mean()
