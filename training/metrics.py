"""Scores of predictions against labels: accuracy, F1, calibration."""

import numpy as np


def per_class(truth, guess, classes):
    """{class: (precision, recall, F1)} of integer labels; 0 where undefined."""
    result = {}
    for index, name in enumerate(classes):
        hit = int(((guess == index) & (truth == index)).sum())
        precision = hit / max(1, int((guess == index).sum()))
        recall = hit / max(1, int((truth == index).sum()))
        f1 = 2 * precision * recall / (precision + recall) if hit else 0.0
        result[name] = (precision, recall, f1)
    return result


def summary(truth, guess, classes):
    """Accuracy, macro-F1 and the classes of a single-label set."""
    truth, guess = np.asarray(truth), np.asarray(guess)
    classes = per_class(truth, guess, classes)
    return {
        "rows": len(truth),
        "accuracy": float((truth == guess).mean()),
        "macroF1": float(np.mean([f1 for _, _, f1 in classes.values()])),
        "classes": {name: [round(v, 4) for v in values] for name, values in classes.items()},
    }


def multi_label(truth, guess, labels):
    """Macro- and micro-F1 over labels, and exact-match accuracy."""
    hit, guessed, right = (truth & guess).sum(0), guess.sum(0), truth.sum(0)
    f1 = 2 * hit / np.maximum(1, guessed + right)
    return {
        "rows": len(truth),
        "accuracy": float((truth == guess).all(1).mean()),
        "macroF1": float(f1.mean()),
        "microF1": float(2 * hit.sum() / max(1, guessed.sum() + right.sum())),
        "classes": {name: [round(float(h / max(1, g)), 4), round(float(h / max(1, r)), 4), round(float(f), 4)] for name, h, g, r, f in zip(labels, hit, guessed, right, f1)},
    }  # fmt: skip


def calibration_error(confidence, correct, bins=15):
    """Expected calibration error (Guo et al. 2017): mean |confidence - accuracy| over equal-width bins."""
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    total = 0.0
    for b in range(bins):
        chosen = index == b
        if chosen.any():
            total += chosen.mean() * abs(confidence[chosen].mean() - correct[chosen].mean())
    return float(total)


def area(truth, score):
    """Area under the ROC curve, by ranks (ties share a rank)."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positive = int(truth.sum())
    negative = len(truth) - positive
    return float((ranks[truth == 1].sum() - positive * (positive + 1) / 2) / max(1, positive * negative))
