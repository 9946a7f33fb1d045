"""Accuracy of a model on the test splits, next to the targets; calibration; int8 against fp32.

    python -m training.evaluate --model models/english --fp32 WORK/fp32.onnx

Decisions are those of serving: softmax tasks take the most probable label, sigmoid tasks compare
the probability (after temperature) with the label's threshold.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from . import data, finetune, metrics
from .predictor import probabilities, session

REPOSITORY = Path(__file__).resolve().parent.parent

# (accuracy, macro-F1) to reach: the prototype's scores, not published results.
TARGETS = {
    "sexist, EDOS": (0.86, 0.805),
    "toxic, Davidson": (0.958, 0.925),
    "hate / offensive / neither, Davidson": (0.905, 0.74),
    "toxic, Jigsaw": (0.908, 0.908),
    "toxic, Surge (zero-shot)": (0.81, 0.81),
    "sentiment 3 classes, GoEmotions": (0.775, 0.767),
    "sentiment, UCI sentences (zero-shot)": (0.86, 0.86),
    "emotions 28, GoEmotions": (None, 0.50),
    "news 17, HuffPost": (0.715, 0.70),
    "spam, SMS": (0.987, 0.974),
}


class Runner:
    """Logits of many texts by one ONNX file, sorted by length, about 512 tokens a run."""

    def __init__(self, path, tokenizer):
        self.session, self.tokenizer = session(path), tokenizer
        self.names = [o.name for o in self.session.get_outputs()]

    def run(self, ids, length=None):
        matrix, mask = finetune.pad(ids, length or max(map(len, ids)))
        return self.session.run(self.names, {"input_ids": matrix.numpy(), "attention_mask": mask.numpy()})

    def logits(self, texts, budget=512):
        """{output: array in the order of `texts`}."""
        ids = finetune.encode(self.tokenizer, texts)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        rows, start = [None] * len(ids), 0
        while start < len(order):
            stop = start + 1
            while stop < len(order) and (stop + 1 - start) * len(ids[order[stop]]) <= budget:
                stop += 1
            outputs = self.run([ids[i] for i in order[start:stop]])
            for offset, i in enumerate(order[start:stop]):
                rows[i] = [o[offset] for o in outputs]
            start = stop
        return {name: np.stack([r[k] for r in rows]) for k, name in enumerate(self.names)}


def known(rows, task, label):
    """(indices, 0/1 labels) of the rows that say something of one sigmoid label."""
    pairs = [(i, r.labels[task][label]) for i, r in enumerate(rows) if label in r.labels.get(task, {})]
    return np.array([i for i, _ in pairs]), np.array([v for _, v in pairs])


def chosen(rows, task):
    """(indices, label index) of the rows that know their softmax label."""
    names = {label: i for i, label in enumerate(task["labels"])}
    pairs = [(i, names[r.labels[task["name"]]]) for i, r in enumerate(rows) if task["name"] in r.labels]
    return np.array([i for i, _ in pairs]), np.array([v for _, v in pairs])


class Judge:
    """Predictions of one file on named sets, and the scores of each question."""

    def __init__(self, runner, tasks, sets):
        self.tasks = {t["name"]: t for t in tasks}
        self.sets = sets
        self.raw = {name: runner.logits([r.text for r in rows]) for name, rows in sets.items()}

    def p(self, name, task):
        t = self.tasks[task]
        return probabilities(self.raw[name][t["output"]], t["activation"], t.get("temperature", 1.0))

    def column(self, name, label, task="moderation"):
        return self.p(name, task)[:, self.tasks[task]["labels"].index(label)]

    def decided(self, name, label):
        return (self.column(name, label) >= self.tasks["moderation"]["thresholds"][label]).astype(int)

    def binary(self, name, label):
        """Scores of one moderation label, with AUC."""
        index, truth = known(self.sets[name], "moderation", label)
        result = metrics.summary(truth, self.decided(name, label)[index], (f"not {label}", label))
        return result | {"auc": metrics.area(truth, self.column(name, label)[index])}

    def softmax(self, name, task, labels=None):
        """Scores of a softmax task, over all its labels or only the listed ones."""
        t = self.tasks[task]
        labels = labels or t["labels"]
        columns = [t["labels"].index(label) for label in labels]
        index, truth = chosen(self.sets[name], t)
        keep = np.isin(truth, columns)
        truth = np.searchsorted(columns, truth[keep])
        return metrics.summary(truth, self.p(name, task)[index[keep]][:, columns].argmax(1), labels)

    def davidson(self):
        """3 classes from two labels: hate first, then offensive."""
        truth = [r.extra["class"] for r in self.sets["davidson"]]
        hate, toxic = self.decided("davidson", "identity_hate"), self.decided("davidson", "toxic")
        return metrics.summary(truth, np.where(hate, 0, np.where(toxic, 1, 2)), ("hate", "offensive", "neither"))

    def emotions(self):
        t = self.tasks["emotions"]
        truth = np.array([[r.labels["emotions"][label] for label in t["labels"]] for r in self.sets["goemotions"]])
        limits = np.array([t["thresholds"][label] for label in t["labels"]])
        return metrics.multi_label(truth, (self.p("goemotions", "emotions") >= limits).astype(int), t["labels"])

    def hatecheck(self):
        """Accuracy by function, by `identity_hate` and by `toxic`."""
        rows, groups = self.sets["hatecheck"], {}
        truth = np.array([r.labels["moderation"]["identity_hate"] for r in rows])
        right = [self.decided("hatecheck", label) == truth for label in ("identity_hate", "toxic")]
        for i, r in enumerate(rows):
            groups.setdefault(r.extra["functionality"], []).append(i)
        return {name: [len(at), *(round(float(r[at].mean()), 4) for r in right)] for name, at in groups.items()}

    def via_toxic(self, name):
        truth = np.array([r.labels["moderation"]["identity_hate"] for r in self.sets[name]])
        return metrics.summary(truth, self.decided(name, "toxic"), ("not hateful", "hateful")) | {
            "auc": metrics.area(truth, self.column(name, "toxic"))
        }

    def scores(self):
        """Every test of the card."""
        two, three = ["negative", "positive"], ["negative", "neutral", "positive"]
        return {
            "sexist, EDOS": self.binary("edos", "sexist"),
            "toxic, Davidson": self.binary("davidson", "toxic"),
            "hate / offensive / neither, Davidson": self.davidson(),
            "toxic, Jigsaw": self.binary("jigsaw", "toxic"),
            "toxic, Surge (zero-shot)": self.binary("surge", "toxic"),
            "identity_hate, HatemojiBuild": self.binary("hatemoji_build", "identity_hate"),
            "identity_hate, HatemojiCheck": self.binary("hatemoji_check", "identity_hate"),
            "identity_hate, HateCheck": self.binary("hatecheck", "identity_hate"),
            "hate by `toxic`, HateCheck": self.via_toxic("hatecheck"),
            "sentiment 3 classes, GoEmotions": self.softmax("goemotions", "sentiment", three),
            "sentiment 4 classes, GoEmotions": self.softmax("goemotions", "sentiment"),
            "sentiment, UCI sentences (zero-shot)": self.softmax("uci", "sentiment", two),
            "sentiment, XLM-T English tweets (zero-shot)": self.softmax("tweets", "sentiment", three),
            "emotions 28, GoEmotions": self.emotions(),
            "news 17, HuffPost": self.softmax("huffpost", "news"),
            "spam, SMS": self.softmax("sms", "spam"),
        }

    def calibration(self):
        """Expected calibration error by head, as the raw logits have it and after the temperature."""
        result = {}
        for task, name in (("sentiment", "goemotions"), ("news", "huffpost"), ("spam", "sms")):
            t = self.tasks[task]
            index, truth = chosen(self.sets[name], t)
            pair = []
            for temperature in (1.0, t["temperature"]):
                p = probabilities(self.raw[name][t["output"]][index], "softmax", temperature)
                pair.append(metrics.calibration_error(p.max(1), p.argmax(1) == truth))
            result[f"{task}, {name}"] = pair
        for label, name in (("sexist", "edos"), ("toxic", "davidson"), ("toxic", "jigsaw"), ("toxic", "surge")):
            t = self.tasks["moderation"]
            index, truth = known(self.sets[name], "moderation", label)
            z = self.raw[name][t["output"]][index, t["labels"].index(label)]
            result[f"{label}, {name}"] = [metrics.calibration_error(probabilities(z, "sigmoid", T), truth) for T in (1.0, t["temperature"])]
        return result


def agreement(first, second):
    """int8 (`first`) against fp32 (`second`) on all test texts: same labels, |difference of probability|."""
    result = {}
    for name, t in first.tasks.items():
        a, b = (np.concatenate([j.p(s, name) for s in j.sets]) for j in (first, second))
        if t["activation"] == "softmax":
            same = a.argmax(1) == b.argmax(1)
        else:
            limits = np.array([t["thresholds"][label] for label in t["labels"]])
            same = (a >= limits) == (b >= limits)
        delta = np.abs(a - b)
        result[name] = {"sameLabel": float(same.mean()), "meanDelta": float(delta.mean()), "maxDelta": float(delta.max())}
    return result


def invariance(runner, texts, length=128):
    """Logits of texts alone against padded to `length`, and in batches of 16: largest difference, bit-equal or not."""
    ids = finetune.encode(runner.tokenizer, texts)
    alone = [np.concatenate([o[0] for o in runner.run([row])]) for row in ids]
    padded = [np.concatenate([o[0] for o in runner.run([row], length)]) for row in ids]
    batched = []
    for start in range(0, len(ids), 16):
        outputs = runner.run(ids[start : start + 16])
        batched += list(np.concatenate(outputs, axis=1))
    worst = {k: float(max(np.abs(a - b).max() for a, b in zip(alone, v))) for k, v in (("padded", padded), ("batched", batched))}
    equal = all(np.array_equal(a, b) and np.array_equal(a, c) for a, b, c in zip(alone, padded, batched))
    return {"texts": len(texts), "maxDeltaPadded": worst["padded"], "maxDeltaBatched": worst["batched"], "bitEqual": equal}


def everything(int8, fp32, tokenizer, tasks, sets):
    """The evaluation as one JSON value."""
    fast, exact = Judge(Runner(int8, tokenizer), tasks, sets), Judge(Runner(fp32, tokenizer), tasks, sets)
    texts = [r.text for name in ("jigsaw", "goemotions", "huffpost", "hatecheck", "sms", "uci") for r in sets[name][:100]]
    return {
        "scores": {"int8": fast.scores(), "fp32": exact.scores()},
        "targets": TARGETS,
        "hatecheck": fast.hatecheck(),
        "calibration": fast.calibration(),
        "agreement": agreement(fast, exact),
        "invariance": invariance(Runner(int8, tokenizer), texts),
    }


def table(result):
    """The scores as lines of text."""
    pair = lambda s: f"{s['accuracy']:.3f} / {s['macroF1']:.3f}"
    yield f"{'test (accuracy / macro-F1)':46} {'rows':>5}  {'fp32':13}  {'int8':13}  target"
    for name, score in result["scores"]["int8"].items():
        target = result["targets"].get(name)
        goal = " / ".join("-" if v is None else f"{v:.3f}" for v in target) if target else ""
        yield f"{name:46} {score['rows']:5}  {pair(result['scores']['fp32'][name])}  {pair(score)}  {goal}"


def main():
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared/data")
    parser.add_argument("--model", type=Path, default=REPOSITORY / "models/english")
    parser.add_argument("--fp32", type=Path, help="fp32 file of the same model (default: the model itself)")
    parser.add_argument("--json", type=Path, help="write everything here")
    args = parser.parse_args()
    tasks = json.loads((args.model / "siftline.json").read_text())["tasks"]
    tokenizer = Tokenizer.from_file(str(args.model / "tokenizer.json"))
    int8 = args.model / "model.onnx"
    result = everything(int8, args.fp32 or int8, tokenizer, tasks, data.tests(args.data))
    print("\n".join(table(result)))
    print(json.dumps(result["hatecheck"], indent=1))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
