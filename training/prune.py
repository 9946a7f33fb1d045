"""Structured pruning of the feed-forward layers, with recovery by distillation.

    python -m training.prune --base BASE --work WORK      # after english_small; writes WORK/model.onnx, not into models/

A neuron's importance is |activation x gradient| summed over training texts (first-order Taylor expansion of the
loss, Molchanov et al. 2017). Whole neurons go, so the file is smaller and faster on any engine.
"""

import torch

from . import distil, english, english_small, finetune, model, stages

KEEP = 768  # of 1,536 neurons a layer
RECOVERY = {"epochs": 1, "lr": 1e-4, "head_lr": 3e-4, "seed": 13}
SAMPLE = 120  # batches that importance is taken over


def importance(classifier, ids, targets, batches):
    """One tensor [neurons] per layer."""
    found = [torch.zeros(layer.up.out_features) for layer in classifier.layers]
    held = {}

    def watch(index):
        def hook(_, inputs):
            held[index] = inputs[0]
            inputs[0].retain_grad()

        return hook

    hooks = [layer.down.register_forward_pre_hook(watch(i)) for i, layer in enumerate(classifier.layers)]
    for length, rows in batches:
        classifier.zero_grad(set_to_none=True)
        targets.loss(classifier(*finetune.pad([ids[i] for i in rows], length)), rows).backward()
        for index, activation in held.items():
            found[index] += (activation * activation.grad).abs().sum((0, 1)).detach()
    for hook in hooks:
        hook.remove()
    return found


def prune(classifier, scores, keep):
    """A copy whose feed-forward layers have only the `keep` most important neurons each."""
    slim = model.Classifier({**classifier.config, "num_hidden_layers": len(classifier.layers), "intermediate_size": keep}, classifier.tasks)
    state = classifier.state_dict()
    for index, score in enumerate(scores):
        chosen = score.topk(keep).indices.sort().values
        for name in ("up.weight", "up.bias"):
            state[f"layers.{index}.{name}"] = state[f"layers.{index}.{name}"][chosen]
        state[f"layers.{index}.down.weight"] = state[f"layers.{index}.down.weight"][:, chosen]
    slim.load_state_dict(state)
    return slim


def main():
    args = stages.arguments("english-small-pruned", __doc__.split("\n")[0])
    corpus = stages.Corpus(args)
    states = stages.runs(args, corpus, english.RUNS)
    targets = distil.Distilled(corpus.targets, stages.answers(args, corpus, states), english_small.HARD)
    small = finetune.train(english_small.start(args, states), corpus.ids, targets, args.work.parent / "english-small", log=stages.log)
    scores = importance(small, corpus.ids, targets, finetune.plan(corpus.ids, 3072, seed=5)[:SAMPLE])
    pruned = finetune.train(prune(small, scores, KEEP), corpus.ids, targets, args.work, log=stages.log, **RECOVERY)
    stages.files(args, pruned, corpus.ids[: corpus.labelled])


if __name__ == "__main__":
    main()
