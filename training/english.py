"""Make `models/english` from shipped data: python -m training.english --data ../shared/data

Every stage leaves its result in the work directory and training is skipped when it is there, so a
run that was stopped goes on where it was.
"""

import argparse
import json
import shutil
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer

from . import card, data, evaluate, export, finetune, folder, manifest, model, quantise, smooth, texts, tune
from .tasks import ENGLISH

REPOSITORY = Path(__file__).resolve().parent.parent
ABOUT = {"name": "english", "version": "1.0.0", "languages": ["en"], "license": "Apache-2.0", "precision": "int8-static", "maxTokens": 128, "maxPositions": 512}
CONFIG_TASK = "news"
SMOOTHING = 0.85
# Two runs from the same start whose weights are averaged ("model soup", Wortsman et al. 2022): better on
# dev than either (news +0.4 and +0.8 points, emotions +0.3 and +0.6), at the cost of one model.
RUNS = ({"epochs": 3, "hidden_share": 0.0, "seed": 7}, {"epochs": 2, "hidden_share": 0.1, "seed": 7})


def arguments():
    parser = argparse.ArgumentParser(prog="python -m training.english", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared/data", help="folder of labelled sets")
    parser.add_argument("--base", type=Path, required=True, help="folder of base weights (make.sh fetches it)")
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoints and intermediate files, outside git")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "models/english")
    parser.add_argument("--until", choices=("finetune", "all"), default="all")
    return parser.parse_args()


def log(line):
    print(time.strftime("%H:%M:%S"), line, flush=True)


def trained(args, rows, ids):
    """The average of the fine-tuned runs; a run whose `final.pt` is in the work directory is not run again."""
    targets, states = finetune.Targets(rows, ENGLISH), []
    for number, settings in enumerate(RUNS, 1):
        place = args.work / f"run-{number}"
        place.mkdir(exist_ok=True)
        classifier = finetune.train(model.from_base(args.base, ENGLISH), ids, targets, place, log=log, **settings)
        states.append(classifier.state_dict())
    classifier.load_state_dict({name: sum(state[name] for state in states) / len(states) for name in states[0]})
    return classifier


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


def recipe(rows):
    runs = " and ".join(f"{r['epochs']} epochs, {r['hidden_share']:.0%} of tokens masked" for r in RUNS)
    return (
        f"{len(rows)} rows; the average of the weights of two runs ({runs});\n"
        "[CLS] pooling, heads act(Wo·ReLU(Wh·x + bh) + bo) with 256 hidden units, batches of 3,072 tokens in length buckets, AdamW (0.9, 0.98), weight\n"
        "decay 0.01, peak rate 1.2e-4 (encoder) and 1e-3 (heads), 6 % warm-up, linear to 0, gradients clipped at 1, dropout 0.1 in the\n"
        "heads, bfloat16 compute with fp32 weights, fixed seeds, one CPU thread. Export: token type folded in, last layer for [CLS] only,\n"
        f"feed-forward inputs smoothed (SmoothQuant, {SMOOTHING}), int8 weights signed per channel, static activation scales by min/max over\n"
        "training texts. The file is optimised by ONNX Runtime 1.30.0: load it with graph optimisation level `basic`. `training/` holds\n"
        "the code."
    )


def summary(result):
    """The `agreement` entry of the manifest."""
    brief = lambda scores: {name: {"accuracy": round(s["accuracy"], 4), "macroF1": round(s["macroF1"], 4)} for name, s in scores.items()}
    return {
        "againstFp32": result["agreement"],
        "batchInvariance": result["invariance"],
        "int8": brief(result["scores"]["int8"]),
        "fp32": brief(result["scores"]["fp32"]),
    }


def counts(root):
    """Training rows by source, as the card lists them."""
    sources = {"edos": data.edos, "davidson": data.davidson, "jigsaw": data.jigsaw, "goemotions": data.goemotions, "huffpost": data.huffpost, "sms": data.sms}
    found = {name: sum(1 for _ in read(root, "train")) for name, read in sources.items()}
    return found | {"hatemoji": sum(1 for _ in data.hatemoji(root, "build_train"))}


def main():
    args = arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    tokenizer = Tokenizer.from_file(str(args.base / "tokenizer.json"))
    tokenizer.no_padding()
    rows, dev = data.english(args.data)
    ids = finetune.encode(tokenizer, [r.text for r in rows])
    log(f"{len(rows)} training rows, {sum(map(len, ids))} tokens")
    classifier = trained(args, rows, ids)
    if args.until == "finetune":
        return
    int8, fp32 = files(args, classifier, ids)
    tasks = tune.tune(evaluate.Runner(int8, tokenizer), ENGLISH, dev)
    result = evaluate.everything(int8, fp32, tokenizer, tasks, data.tests(args.data))
    (args.work / "evaluation.json").write_text(json.dumps(result, indent=1))
    print("\n".join(evaluate.table(result)))
    folder.write(args.base, args.out, next(t for t in ENGLISH if t.name == CONFIG_TASK))
    shutil.copyfile(int8, args.out / "model.onnx")
    manifest.write(args.out, {**ABOUT, "tasks": tasks, "agreement": summary(result)}, texts.GOLDEN)
    (args.out / "README.md").write_text(card.card(result, counts(args.data), recipe(rows)), encoding="utf-8")
    log(f"wrote {args.out}")


if __name__ == "__main__":
    main()
