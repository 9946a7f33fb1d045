"""BERT with one small head per task: logits = Wo·ReLU(Wh·BERT(x)[CLS] + bh) + bo, or on the mean of the tokens.

A plain encoder (Devlin et al. 2019, post-norm, exact GELU) written out so that it can compute
in bfloat16 while training and leave everything but [CLS] out of the last layer.
"""

import json
import math
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F


class Linear(nn.Linear):
    """fp32 weights, computed in the dtype of the input (gradients come back as fp32)."""

    def forward(self, x):
        return F.linear(x, self.weight.to(x.dtype), self.bias.to(x.dtype))


class Norm(nn.LayerNorm):
    """LayerNorm with fp32 weights, computed in the dtype of the input."""

    def forward(self, x):
        return F.layer_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.bias.to(x.dtype), self.eps)


class Layer(nn.Module):
    """One transformer layer. With `cls_only` it computes the first position alone (exactly)."""

    def __init__(self, config):
        super().__init__()
        size, inner, eps = config["hidden_size"], config["intermediate_size"], config["layer_norm_eps"]
        self.heads = config["num_attention_heads"]
        self.query, self.key, self.value, self.out = (Linear(size, size) for _ in range(4))
        self.norm1, self.norm2 = Norm(size, eps), Norm(size, eps)
        self.up, self.down = Linear(size, inner), Linear(inner, size)

    def _split(self, x):
        return x.reshape(x.shape[0], -1, self.heads, x.shape[-1] // self.heads).transpose(1, 2)

    def forward(self, x, bias, cls_only=False):
        rows = x[:, :1] if cls_only else x
        q, k, v = self._split(self.query(rows)), self._split(self.key(x)), self._split(self.value(x))
        scores = q @ k.transpose(-1, -2) * (1 / math.sqrt(q.shape[-1])) + bias
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(rows.shape)
        x = self.norm1(rows + self.out(mixed))
        return self.norm2(x + self.down(F.gelu(self.up(x))))


class Head(nn.Module):
    """The tutorial's head: a hidden ReLU layer, then one logit per label."""

    def __init__(self, size, hidden, labels, dropout):
        super().__init__()
        self.hidden, self.out, self.dropout = Linear(size, hidden), Linear(hidden, labels), nn.Dropout(dropout)

    def forward(self, x):
        return self.out(self.dropout(F.relu(self.hidden(self.dropout(x)))))


UNIT = 2**16  # of the fixed-point numbers that exact means are taken in


def mean(x, mask):
    """Mean over the tokens that `mask` (0 or 1) lets through, in fp32."""
    weight = mask.float()[..., None]
    return (x.float() * weight).sum(1) / weight.sum(1)


def exact_mean(x, mask):
    """`mean` whose sum does not depend on padding or batch by even a bit: whole numbers add up the same in any order."""
    weight = mask.float()[..., None]
    total = torch.round(x.float() * weight * UNIT).long().sum(1)
    return total.float() / (weight.sum(1) * UNIT)


class Classifier(nn.Module):
    """Token ids and mask in, a dict of fp32 logits by task out. One encoder pass for all tasks.

    `pooling` says what the heads see of the last layer: "cls", its first vector, or "mean", the mean of all.
    """

    def __init__(self, config, tasks, hidden=256, dropout=0.1, pooling="cls"):
        super().__init__()
        size = config["hidden_size"]
        self.config, self.tasks, self.pooling = config, tasks, pooling
        self.words = nn.Embedding(config["vocab_size"], size)
        self.positions = nn.Embedding(config["max_position_embeddings"], size)
        self.norm = Norm(size, config["layer_norm_eps"])
        self.layers = nn.ModuleList(Layer(config) for _ in range(config["num_hidden_layers"]))
        self.heads = nn.ModuleDict({t.name: Head(size, hidden, len(t.labels), dropout) for t in tasks})
        self.dtype = torch.float32

    def encode(self, input_ids, attention_mask):
        """The [CLS] or mean vector of the last layer, fp32."""
        x = self.words(input_ids) + self.positions.weight[: input_ids.shape[1]]
        x = self.norm(x).to(self.dtype)
        bias = ((1 - attention_mask.to(x.dtype)) * -10000.0)[:, None, None, :]
        for layer in self.layers[:-1]:
            x = layer(x, bias)
        if self.pooling == "mean":
            pool = mean if self.training else exact_mean
            return pool(self.layers[-1](x, bias), attention_mask)
        return self.layers[-1](x, bias, cls_only=True)[:, 0].float()

    def forward(self, input_ids, attention_mask):
        x = self.encode(input_ids, attention_mask)
        return {name: head(x) for name, head in self.heads.items()}


LAYER_NAMES = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "out": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm2": "output.LayerNorm",
}


def from_base(folder, tasks, seed=7, pooling="cls"):
    """A classifier on the weights of a Hugging Face BertModel folder, heads fresh.

    Token type 0 is folded into the positions: the exported model has no token_type_ids.
    """
    folder = Path(folder)
    torch.manual_seed(seed)
    model = Classifier(json.loads((folder / "config.json").read_text()), tasks, pooling=pooling)
    base = {k.removeprefix("bert."): v.float() for k, v in load_file(folder / "model.safetensors").items()}
    state = {
        "words.weight": base["embeddings.word_embeddings.weight"],
        "positions.weight": base["embeddings.position_embeddings.weight"] + base["embeddings.token_type_embeddings.weight"][0],
        "norm.weight": base["embeddings.LayerNorm.weight"],
        "norm.bias": base["embeddings.LayerNorm.bias"],
    }
    for i in range(len(model.layers)):
        for ours, theirs in LAYER_NAMES.items():
            for kind in ("weight", "bias"):
                state[f"layers.{i}.{ours}.{kind}"] = base[f"encoder.layer.{i}.{theirs}.{kind}"]
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected and all(name.startswith("heads.") for name in missing), (missing, unexpected)
    return model


def shallower(teacher, layers):
    """A copy of a classifier that keeps only the given layers (0 is the first), heads and embeddings as they are."""
    student = Classifier({**teacher.config, "num_hidden_layers": len(layers)}, teacher.tasks, pooling=teacher.pooling)
    state = {k: v for k, v in teacher.state_dict().items() if not k.startswith("layers.")}
    for to, layer in enumerate(layers):
        state |= {f"layers.{to}.{k}": v for k, v in teacher.layers[layer].state_dict().items()}
    student.load_state_dict(state)
    return student
