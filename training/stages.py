"""The stages every English recipe shares: rows, teacher, int8 file, thresholds, evaluation, folder."""

import argparse
import json
import shutil
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer

from . import card, data, distil, evaluate, export, finetune, folder, manifest, model, quantise, smooth, texts, tune
from .tasks import ENGLISH

REPOSITORY = Path(__file__).resolve().parent.parent
ABOUT = {"languages": ["en"], "license": "Apache-2.0", "precision": "int8-static", "maxTokens": 128, "maxPositions": 512}
CONFIG_TASK = "news"
SMOOTHING = 0.85
METHOD = (
    "[CLS] pooling, heads act(Wo·ReLU(Wh·x + bh) + bo) with 256 hidden units, batches of 3,072 tokens in length buckets, AdamW (0.9, 0.98), weight\n"
    "decay 0.01, peak rate 1.2e-4 (encoder) and 1e-3 (heads) unless said otherwise, 6 % warm-up, linear to 0, gradients clipped at 1,\n"
    "dropout 0.1 in the heads, bfloat16 compute with fp32 weights, fixed seeds, one CPU thread. Export: token type folded in, last layer\n"
    f"for [CLS] only, feed-forward inputs smoothed (SmoothQuant, {SMOOTHING}), int8 weights signed per channel, static activation scales by\n"
    "min/max over training texts. The file is optimised by ONNX Runtime 1.30.0: load it with graph optimisation level `basic`.\n"
    "`training/` holds the code."
)


def log(line):
    print(time.strftime("%H:%M:%S"), line, flush=True)


def arguments(name, about):
    """Options of a recipe; the work directory exists afterwards."""
    parser = argparse.ArgumentParser(prog=f"python -m training.{name.replace('-', '_')}", description=about)
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared/data", help="folder of labelled sets")
    parser.add_argument("--base", type=Path, required=True, help="folder of base weights (make.sh fetches it)")
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoints and intermediate files, outside git")
    parser.add_argument("--teachers", type=Path, help="folder of the checkpoints of `english` (default: beside --work)")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "models" / name)
    parser.add_argument("--until", choices=("finetune", "all"), default="all")
    args = parser.parse_args()
    args.teachers = args.teachers or args.work.parent / "english"
    for place in (args.work, args.teachers):
        place.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    return args


class Corpus:
    """Training texts as ids, their known labels, and the dev rows. Texts without labels come last."""

    def __init__(self, args):
        self.tokenizer = Tokenizer.from_file(str(args.base / "tokenizer.json"))
        labelled, self.dev = data.english(args.data)
        self.rows = labelled + data.unlabelled(args.data)  # what no label is read of comes last, for students
        self.labelled = len(labelled)
        self.ids = finetune.encode(self.tokenizer, [r.text for r in self.rows])
        self.targets = finetune.Targets(self.rows, ENGLISH)
        log(f"{self.labelled} labelled and {len(self.rows) - self.labelled} unlabelled texts, {sum(map(len, self.ids))} tokens")


def average(states):
    """The mean of several runs' weights ("model soup", Wortsman et al. 2022)."""
    return {name: sum(state[name] for state in states) / len(states) for name in states[0]}


def runs(args, corpus, several):
    """The weights of each run on the labelled rows; a run whose `final.pt` is there is not run again."""
    states = []
    for number, settings in enumerate(several, 1):
        place = args.teachers / f"run-{number}"
        place.mkdir(exist_ok=True)
        classifier = model.from_base(args.base, ENGLISH)
        states.append(finetune.train(classifier, corpus.ids[: corpus.labelled], corpus.targets, place, log=log, **settings).state_dict())
    return states


def answers(args, corpus, states):
    """The mean of several runs' logits on every text."""
    found, classifier = [], model.from_base(args.base, ENGLISH)
    for number, state in enumerate(states, 1):
        classifier.load_state_dict(state)
        found.append(distil.answers(classifier, corpus.ids, args.teachers / f"run-{number}/answers.npz", log=log))
    return distil.mean(found)


def files(args, classifier, ids):
    """(int8 file, fp32 file) in the work directory."""
    fp32, smoothed = args.work / "fp32.onnx", args.work / "smoothed.onnx"
    export.export(classifier, fp32)
    log(f"export differs from torch by {export.verify(classifier, fp32, ids[:64]):.1e}")
    batches = list(quantise.calibration(ids))
    export.export(smooth.smooth(classifier, batches, SMOOTHING), smoothed)
    int8 = quantise.quantise(smoothed, args.work, batches)
    log(f"int8 file has {int8.stat().st_size / 1e6:.1f} MB")
    return int8, fp32


def summary(result):
    """The `agreement` entry of the manifest."""
    brief = lambda scores: {name: {"accuracy": round(s["accuracy"], 4), "macroF1": round(s["macroF1"], 4)} for name, s in scores.items()}
    return {
        "againstFp32": result["agreement"],
        "batchInvariance": result["invariance"],
        "int8": brief(result["scores"]["int8"]),
        "fp32": brief(result["scores"]["fp32"]),
    }


def finish(args, corpus, classifier, about):
    """Everything after training. `about`: name, version, and the card's `intro` and `recipe`."""
    torch.save(classifier.state_dict(), args.work / "shipped.pt")
    int8, fp32 = files(args, classifier, corpus.ids[: corpus.labelled])
    tasks = tune.tune(evaluate.Runner(int8, corpus.tokenizer), ENGLISH, corpus.dev)
    result = evaluate.everything(int8, fp32, corpus.tokenizer, tasks, data.tests(args.data))
    (args.work / "evaluation.json").write_text(json.dumps(result, indent=1))
    print("\n".join(evaluate.table(result)))
    folder.write(args.base, args.out, next(t for t in ENGLISH if t.name == CONFIG_TASK), layers=len(classifier.layers))
    shutil.copyfile(int8, args.out / "model.onnx")
    entry = {"name": about["name"], "version": about["version"], **ABOUT, "tasks": tasks, "agreement": summary(result)}
    manifest.write(args.out, entry, texts.GOLDEN)
    words = card.card(result, data.counts(args.data), about)
    (args.out / "README.md").write_text(words, encoding="utf-8")
    log(f"wrote {args.out}")
