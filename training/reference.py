"""Reference answers of a finished model folder, for the tests of the TypeScript side.

    python -m training.reference --model models/english

`tokenizer-<name>.json` holds token ids of hard texts; `<name>.json` holds ids, logits and
scores of harmless ones, each run alone.
"""

import argparse
import json
from pathlib import Path

from tokenizers import Tokenizer

from . import texts
from .predictor import Predictor

REPOSITORY = Path(__file__).resolve().parent.parent


def write_lines(path, head, cases):
    """JSON with one case per line, ASCII only: hard texts hold control characters and lone marks."""
    lines = ",\n".join("    " + json.dumps(case) for case in cases)
    opening = json.dumps(head, indent=2).removesuffix("\n}")
    path.write_text(f'{opening},\n  "cases": [\n{lines}\n  ]\n}}\n', encoding="ascii")


def tokenizer_cases(path, max_tokens):
    """Ids by the Rust tokenizer, truncated to `max_tokens`, specials included."""
    tokenizer = Tokenizer.from_file(str(path))
    for text in texts.hard():
        tokenizer.no_truncation()
        whole = len(tokenizer.encode(text).ids)
        tokenizer.enable_truncation(max_tokens)
        yield {"text": text, "ids": tokenizer.encode(text).ids, "truncated": whole > max_tokens}


def main():
    parser = argparse.ArgumentParser(prog="python -m training.reference", description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, default=REPOSITORY / "models/english")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "test/fixtures/reference")
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--tokenizer-only", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    head = {"model": args.model.name, "maxTokens": args.max_tokens}
    write_lines(args.out / f"tokenizer-{args.model.name}.json", head, tokenizer_cases(args.model / "tokenizer.json", args.max_tokens))
    if not args.tokenizer_only:
        predictor = Predictor(args.model, args.max_tokens)
        write_lines(args.out / f"{args.model.name}.json", head, [predictor.case(text) for text in texts.harmless(args.model.name)])


if __name__ == "__main__":
    main()
