"""Fine-tuning of all heads at once on one CPU thread: bfloat16 compute, fp32 weights and AdamW.

Batches hold a constant number of tokens in a few length buckets, because oneDNN compiles its
kernels anew for every shape. A text's loss is the sum over the tasks that know its label.
"""

import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

BUCKETS = (16, 32, 48, 64, 96, 128)


@dataclass(frozen=True)
class Marks:
    """Special ids of a vocabulary: padding, [MASK], and those that are never masked. The defaults are those of English BERT."""

    pad: int = 0
    mask: int = 103
    kept: tuple = (0, 101, 102)


class Targets:
    """Labels of the rows as arrays; -1 is unknown."""

    def __init__(self, rows, tasks):
        self.tasks, self.arrays = tasks, {}
        for task in tasks:
            index = {label: i for i, label in enumerate(task.labels)}
            multi = task.activation == "sigmoid"
            array = np.full((len(rows), len(index)) if multi else len(rows), -1, dtype=np.int64)
            for i, row in enumerate(rows):
                known = row.labels.get(task.name)
                if known is None:
                    continue
                if multi:
                    for label, value in known.items():
                        array[i, index[label]] = value
                else:
                    array[i] = index[known]
            self.arrays[task.name] = array

    def loss(self, logits, rows):
        """Weighted sum of the tasks' losses, divided by the number of rows."""
        total = 0.0
        for task in self.tasks:
            target = torch.from_numpy(self.arrays[task.name][rows])
            if task.activation == "sigmoid":
                known = (target >= 0).float()
                part = F.binary_cross_entropy_with_logits(logits[task.name], target.clamp(min=0).float(), known, reduction="sum")
            else:
                part = F.cross_entropy(logits[task.name], target, ignore_index=-1, reduction="sum")
            total = total + task.weight * part
        return total / len(rows)


def encode(tokenizer, texts, max_tokens=BUCKETS[-1]):
    """Token ids of each text, truncated, specials included."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return [np.array(e.ids, dtype=np.int64) for e in tokenizer.encode_batch(texts)]


def pad(ids, length, pad_id=0):
    """(input_ids, attention_mask) of `length` columns."""
    matrix = np.full((len(ids), length), pad_id, dtype=np.int64)
    mask = np.zeros_like(matrix)
    for i, row in enumerate(ids):
        matrix[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return torch.from_numpy(matrix), torch.from_numpy(mask)


def hide(matrix, share, seed, marks=Marks()):
    """Replace a random share of the tokens by [MASK]: against learning texts by heart."""
    chosen = torch.rand(matrix.shape, generator=torch.Generator().manual_seed(seed)) < share
    chosen &= ~torch.isin(matrix, torch.tensor(marks.kept))
    return matrix.masked_fill(chosen, marks.mask)


def plan(ids, tokens, seed):
    """The batches of one epoch, as (length, row indices), in random order."""
    shuffle = random.Random(seed).shuffle
    order = list(range(len(ids)))
    shuffle(order)
    open_, batches = {length: [] for length in BUCKETS}, []
    for i in order:
        length = next(b for b in BUCKETS if len(ids[i]) <= b)
        open_[length].append(i)
        if len(open_[length]) == tokens // length:
            batches.append((length, open_[length]))
            open_[length] = []
    batches += [(length, rows) for length, rows in open_.items() if rows]
    shuffle(batches)
    return batches


def rate(step, steps, warmup=0.06):
    """Share of the peak learning rate: linear up, then linear to 0."""
    up = max(1, int(warmup * steps))
    return min((step + 1) / up, max(0.0, (steps - step) / (steps - up)))


def optimizer(model, lr, head_lr, decay):
    """AdamW with weight decay on matrices only and a rate of its own for the heads; sparse word vectors are not its own."""
    groups = {}
    for name, p in model.named_parameters():
        if name == "words.weight" and model.words.sparse:
            continue
        key = (name.startswith("heads."), p.ndim > 1)
        groups.setdefault(key, []).append(p)
    return torch.optim.AdamW(
        [
            {"params": params, "peak": head_lr if head else lr, "weight_decay": decay if matrix else 0.0}
            for (head, matrix), params in groups.items()
        ],
        lr=lr,
        betas=(0.9, 0.98),
        fused=True,
    )


def words_optimizer(model, lr):
    """Adam over the word vectors a batch used: over all of a large vocabulary it costs more than the encoder."""
    made = torch.optim.SparseAdam([model.words.weight], lr=lr, betas=(0.9, 0.98))
    made.param_groups[0]["peak"] = lr
    return made


def _clip(model, limit):
    """Clip the gradient; a sparse one is left as it is (Adam does not mind its size)."""
    torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.grad is not None and not p.grad.is_sparse], limit)


def _save(path, state):
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.rename(path)


def train(model, ids, targets, work, *, epochs=2, tokens=3072, lr=1.2e-4, head_lr=1e-3, decay=0.01, hidden_share=0.0, seed=7, every=300, marks=Marks(), log=print):
    """Train and return the model; resumes from `work/checkpoint.pt`, ends with `work/final.pt`."""
    work = Path(work)
    final, checkpoint = work / "final.pt", work / "checkpoint.pt"
    if final.exists():
        model.load_state_dict(torch.load(final))
        return model.eval()
    batches = [b for e in range(epochs) for b in plan(ids, tokens, seed + e)]
    adam, start = optimizer(model, lr, head_lr, decay), 0
    words = words_optimizer(model, lr) if model.words.sparse else None
    both = [adam, words] if words else [adam]
    if checkpoint.exists():
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        for each, saved in zip(both, (state["adam"], state.get("words"))):
            each.load_state_dict(saved)
        start = state["step"]
        log(f"resumed at step {start}")
    model.train()
    model.dtype = torch.bfloat16
    began, texts, padded, mean = time.time(), 0, 0, None
    for step in range(start, len(batches)):
        torch.manual_seed(seed * 100_003 + step)  # dropout is the same after a resume
        for group in (g for each in both for g in each.param_groups):
            group["lr"] = group["peak"] * rate(step, len(batches))
        length, rows = batches[step]
        matrix, mask = pad([ids[i] for i in rows], length, marks.pad)
        loss = targets.loss(model(hide(matrix, hidden_share, seed * 100_003 + step, marks), mask), rows)
        for each in both:
            each.zero_grad(set_to_none=True)
        loss.backward()
        _clip(model, 1.0)
        for each in both:
            each.step()
        texts, padded = texts + len(rows), padded + length * len(rows)
        mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
        if (step + 1) % 20 == 0:
            spent = time.time() - began
            left = spent / (step + 1 - start) * (len(batches) - step - 1)
            log(f"step {step + 1}/{len(batches)} loss {mean:.4f} {texts / spent:.0f} texts/s {padded / spent:.0f} tokens/s left {left / 60:.1f} min")
        if (step + 1) % every == 0:
            state = {"model": model.state_dict(), "adam": adam.state_dict(), "step": step + 1}
            _save(checkpoint, state | ({"words": words.state_dict()} if words else {}))
    model.dtype = torch.float32
    _save(final, model.state_dict())
    return model.eval()
