"""What each step from fp32 to the small models buys: size, speed, accuracy. Fills the table of docs/models.md.

    python -m training.steps --base BASE --cache CACHE [--write]     # after english, english_small and prune

Speed is texts a second of one thread on a sample of test texts, sorted by length, about 512 tokens a run; the files
take turns, the median of the rounds counts. Thresholds of every file come from the dev rows.
"""

import argparse
import platform
import statistics
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from tokenizers import Tokenizer
from torch import nn

from . import data, evaluate, export, finetune, model, tune
from .stages import REPOSITORY
from .tasks import ENGLISH

SHOWN = {
    "EDOS": "sexist, EDOS",
    "Jigsaw": "toxic, Jigsaw",
    "sentiment": "sentiment 3 classes, GoEmotions",
    "emotions": "emotions 28, GoEmotions",
    "news": "news 17, HuffPost",
    "spam": "spam, SMS",
}
PAGE = REPOSITORY / "docs/models.md"
BEGIN, END = "<!-- steps: begin -->", "<!-- steps: end -->"


class Whole(nn.Module):
    """The classifier as it would be written first: every position of the last layer, then [CLS]."""

    def __init__(self, classifier):
        super().__init__()
        self.classifier, self.tasks = classifier, classifier.tasks

    def forward(self, input_ids, attention_mask):
        c = self.classifier
        x = c.norm(c.words(input_ids) + c.positions.weight[: input_ids.shape[1]])
        bias = ((1 - attention_mask.float()) * -10000.0)[:, None, None, :]
        for layer in c.layers:
            x = layer(x, bias)
        return {name: head(x[:, 0]) for name, head in c.heads.items()}


def arguments():
    parser = argparse.ArgumentParser(prog="python -m training.steps", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared/data")
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="folder of the work directories english, english-small, english-small-pruned")
    parser.add_argument("--texts", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="put the table into docs/models.md")
    return parser.parse_args()


def whole(args):
    """The plain fp32 file, exported from the weights of `english`."""
    path = args.cache / "english/whole.onnx"
    classifier = model.from_base(args.base, ENGLISH)
    classifier.load_state_dict(torch.load(args.cache / "english/shipped.pt"))
    export.export(Whole(classifier.eval()), path)
    return path


def defaults(path):
    """A session as people open it: every optimisation, one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class Step:
    def __init__(self, name, path, tokenizer, plain=False):
        self.name, self.path, self.size = name, path, path.stat().st_size / 1e6
        self.runner = evaluate.Runner(path, tokenizer)
        if plain:
            self.runner.session = defaults(path)
        self.times = []

    def judge(self, dev, sets):
        tasks = tune.tune(self.runner, ENGLISH, dev)
        scores = evaluate.Judge(self.runner, tasks, sets).scores()
        self.scores = {short: scores[name]["macroF1"] for short, name in SHOWN.items()}

    def measure(self, texts):
        began = time.perf_counter()
        self.runner.logits(texts)
        self.times.append(time.perf_counter() - began)


def steps(args, tokenizer):
    english, small, pruned = (args.cache / name for name in ("english", "english-small", "english-small-pruned"))
    return [
        Step("fp32, as exported, ONNX Runtime's defaults", whole(args), tokenizer, plain=True),
        Step("fp32, last layer for [CLS] only", english / "fp32.onnx", tokenizer),
        Step("int8 as `quantize_dynamic` makes it, ONNX Runtime's defaults", english / "naive.onnx", tokenizer, plain=True),
        Step("int8, fused but for SkipLayerNormalization", english / "dynamic.onnx", tokenizer),
        Step("int8, static scales: **`english`**", english / "model.onnx", tokenizer),
        Step("3 of 6 layers, distilled: **`english-small`**", small / "model.onnx", tokenizer),
        Step("and half of the feed-forward neurons pruned", pruned / "model.onnx", tokenizer),
    ]


def table(found, texts):
    base = statistics.median(found[0].times)
    yield "| step | MB | texts/s, one thread | of fp32 | " + " | ".join(SHOWN) + " |"
    yield "| --- | ---: | ---: | ---: | " + " | ".join("---:" for _ in SHOWN) + " |"
    for step in found:
        took = statistics.median(step.times)
        scores = " | ".join(f"{step.scores[short]:.3f}" for short in SHOWN)
        yield f"| {step.name} | {step.size:.1f} | {texts / took:.0f} | {base / took:.2f}x | {scores} |"


def cpu():
    try:
        names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        return names[0]
    except (OSError, IndexError):
        return platform.processor()


def main():
    args = arguments()
    torch.set_num_threads(1)
    tokenizer = Tokenizer.from_file(str(args.base / "tokenizer.json"))
    _, dev = data.english(args.data)
    sets = data.tests(args.data)
    everything = [r.text for rows in sets.values() for r in rows]
    sample = [everything[i] for i in np.random.default_rng(3).choice(len(everything), args.texts, replace=False)]
    mean = float(np.mean([len(ids) for ids in finetune.encode(tokenizer, sample)]))
    found = steps(args, tokenizer)
    for step in found:
        step.judge(dev, sets)
    for _ in range(args.rounds):
        for step in found:
            step.measure(sample)
    lines = [*table(found, len(sample)), ""]
    lines.append("The last six columns are macro-F1 on the test splits.")
    lines.append(f"Speed: {len(sample)} texts of mean {mean:.0f} tokens, {args.rounds} rounds, tokenising included; {cpu()}, onnxruntime {ort.__version__}.")
    lines.append("Printed by `python -m training.steps`.")
    print("\n".join(lines))
    if args.write:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
        after = rest.split(END)[1]
        PAGE.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
