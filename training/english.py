"""Make `models/english` from shipped data: python -m training.english --data ../shared/data

Every stage leaves its result in the work directory and is skipped when it is there, so a run
that was stopped goes on where it was.
"""

import argparse
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer

from . import data, finetune, model
from .tasks import ENGLISH

REPOSITORY = Path(__file__).resolve().parent.parent


def arguments():
    parser = argparse.ArgumentParser(prog="python -m training.english", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared/data", help="folder of labelled sets")
    parser.add_argument("--base", type=Path, required=True, help="folder of base weights (make.sh fetches it)")
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoints and intermediate files, outside git")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "models/english")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--hidden", type=float, default=0.1, help="share of tokens hidden while training")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--until", choices=("finetune", "all"), default="all")
    return parser.parse_args()


def log(line):
    print(time.strftime("%H:%M:%S"), line, flush=True)


def main():
    args = arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    tokenizer = Tokenizer.from_file(str(args.base / "tokenizer.json"))
    rows, dev = data.english(args.data)
    ids = finetune.encode(tokenizer, [r.text for r in rows])
    log(f"{len(rows)} training rows, {sum(map(len, ids))} tokens")
    classifier = finetune.train(
        model.from_base(args.base, ENGLISH),
        ids,
        finetune.Targets(rows, ENGLISH),
        args.work,
        epochs=args.epochs,
        hidden_share=args.hidden,
        seed=args.seed,
        log=log,
    )
    if args.until == "finetune":
        return


if __name__ == "__main__":
    main()
