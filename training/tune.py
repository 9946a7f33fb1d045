"""Temperatures and thresholds, from dev rows only (never from a test split)."""

import numpy as np

from . import evaluate, metrics
from .predictor import probabilities

GRID = np.round(np.arange(0.05, 0.96, 0.01), 2)
TEMPERATURES = np.round(np.arange(0.7, 2.51, 0.01), 2)
DEV = {"sentiment": "goemotions", "news": "huffpost", "spam": "sms"}
LABEL_DEV = {"toxic": ("davidson", "jigsaw"), "identity_hate": ("davidson",), "sexist": ("edos",)}
# Hatemoji dev is left out: the model is at chance there, so its best threshold would be noise.


def _fit(logits, truth, activation):
    """Temperature of least log loss; 1 where it does not improve the calibration error."""

    def loss(T):
        p = np.clip(probabilities(logits, activation, T), 1e-12, 1 - 1e-12)
        if activation == "softmax":
            return -np.log(p[np.arange(len(truth)), truth]).mean()
        return -(truth * np.log(p) + (1 - truth) * np.log(1 - p)).mean()

    def error(T):
        p = probabilities(logits, activation, T)
        return metrics.calibration_error(p.max(1), p.argmax(1) == truth) if activation == "softmax" else metrics.calibration_error(p.ravel(), truth.ravel())

    best = float(min(TEMPERATURES, key=loss))
    return best if error(best) < error(1.0) else 1.0


def _peak(values, reach=4):
    """Threshold at the top of the curve over GRID, smoothed over +-0.04: the raw top of a small dev set is noise."""
    padded = np.pad(values, reach, mode="edge")
    smoothed = np.convolve(padded, np.ones(2 * reach + 1) / (2 * reach + 1), mode="valid")
    return float(np.median(GRID[np.isclose(smoothed, smoothed.max())]).round(2))


def _best(pairs):
    """Threshold of the highest mean macro-F1 over (truth, probability) pairs."""
    return _peak([np.mean([metrics.summary(t, (p >= x).astype(int), "01")["macroF1"] for t, p in pairs]) for x in GRID])


def _emotion(truth, p):
    """Threshold of the highest F1 of one emotion."""
    return _peak([metrics.per_class(truth, (p >= x).astype(int), "01")["1"][2] for x in GRID])


def tune(runner, tasks, dev):
    """The manifest's tasks, with temperature and (sigmoid) thresholds."""
    entries = [{"name": t.name, "output": t.name, "activation": t.activation, "labels": list(t.labels)} for t in tasks]
    judge = evaluate.Judge(runner, entries, dev)
    for entry in entries:
        name, labels = entry["name"], entry["labels"]
        if entry["activation"] == "softmax":
            index, truth = evaluate.chosen(dev[DEV[name]], entry)
            entry["temperature"] = _fit(judge.raw[DEV[name]][name][index], truth, "softmax")
        elif name == "emotions":
            truth = np.array([[r.labels[name][label] for label in labels] for r in dev["goemotions"]])
            entry["temperature"] = _fit(judge.raw["goemotions"][name], truth, "sigmoid")
            p = judge.p("goemotions", name)
            entry["thresholds"] = {label: _emotion(truth[:, i], p[:, i]) for i, label in enumerate(labels)}
        else:
            pairs = {label: [(s, *evaluate.known(dev[s], name, label)) for s in LABEL_DEV[label]] for label in labels}
            flat = [(judge.raw[s][name][at, labels.index(label)], truth) for label, found in pairs.items() for s, at, truth in found]
            entry["temperature"] = _fit(np.concatenate([z for z, _ in flat]), np.concatenate([t for _, t in flat]), "sigmoid")
            entry["thresholds"] = {label: _best([(truth, judge.column(s, label)[at]) for s, at, truth in pairs[label]]) for label in labels}
    order = ("name", "output", "activation", "labels", "thresholds", "temperature")
    return [{key: entry[key] for key in order if key in entry} for entry in entries]
