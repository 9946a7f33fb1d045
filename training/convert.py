"""A fine-tuned Hugging Face classifier as one ONNX file: the part of `siftline models import` that needs Python.

    python -m training.convert --source DIR --work DIR --precision int8 --texts texts.json --max-tokens 128

Writes `WORK/model.onnx` (fused, and int8 with static scales if asked for), `WORK/original.onnx` when the source holds
PyTorch weights, and `WORK/tokens.json`, what the Rust tokenizer makes of the texts. Says its steps on stderr, one line
each with `step: ` before it, and ends with one line of JSON on stdout: what it made, or {"error": {code, message}}.
torch and transformers are loaded only for PyTorch weights. Whether the result may be used, the caller measures.
"""

import argparse
import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto
from tokenizers import Tokenizer

from . import quantise, smooth_graph
from .optimise import optimise
from .predictor import session

LARGEST = 1e-3  # |difference of a logit| between torch and its export
PADDED_TOKENS = 2048  # of a calibration batch
SMOOTHING = 0.85  # as in the shipped models; 0 leaves outliers where they are
DYNAMIC = {"DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"}


class Refused(Exception):
    """Trouble the user can do something about; the message says what."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def step(line):
    print(f"step: {line}", file=sys.stderr, flush=True)


def encode(source, texts, max_tokens):
    """(ids of each text with specials, cut to `max_tokens`) by the tokenizer of the source."""
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return [e.ids for e in tokenizer.encode_batch(texts)]


def pad(ids, pad_id):
    """(input_ids, attention_mask), int64, as wide as the longest."""
    matrix = np.full((len(ids), max(map(len, ids))), pad_id, dtype=np.int64)
    mask = np.zeros_like(matrix)
    for i, row in enumerate(ids):
        matrix[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return matrix, mask


def batches(ids, pad_id):
    """All texts in padded batches, in length order."""
    batch = []
    for row in sorted(ids, key=len):
        if batch and (len(batch) + 1) * len(row) > PADDED_TOKENS:
            yield pad(batch, pad_id)
            batch = []
        batch.append(row)
    yield pad(batch, pad_id)


def load(source):
    """The classifier with its weights in fp32 and plain attention, which exports to plain operators."""
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        model, info = transformers.AutoModelForSequenceClassification.from_pretrained(
            str(source), dtype=torch.float32, attn_implementation="eager", local_files_only=True, output_loading_info=True
        )
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise Refused("MODEL_UNREADABLE", f"{source}: transformers cannot load it: {reason}; check that all files arrived whole") from error
    missing = sorted(info["missing_keys"])
    if missing:
        raise Refused(
            "MODEL_INCOMPLETE",
            f"{source}: the weights lack {', '.join(missing[:3])}{' ...' if len(missing) > 3 else ''}; "
            "these layers would be random: fine-tune the model for classification first",
        )
    return model.eval()


def export(model, path):
    """`path` with the inputs input_ids and attention_mask; batch and sequence dynamic."""
    import torch

    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask):
            return self.model(input_ids=input_ids, attention_mask=attention_mask).logits

    low = 5 if model.config.vocab_size > 10 else 0
    ids = torch.tensor([[low, low + 1, low + 2, low + 3, low], [low + 1, low, low, low, low]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]])
    axes = {name: {0: "batch", 1: "sequence"} for name in ("input_ids", "attention_mask")} | {"logits": {0: "batch"}}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Logits().eval(), (ids, mask), str(path), input_names=["input_ids", "attention_mask"],
            output_names=["logits"], dynamic_axes=axes, opset_version=17, dynamo=False,
        )  # fmt: skip
    model.eval()  # the exporter puts the inner module back to train mode


def difference(model, path, ids, pad_id):
    """Largest |difference| of a logit between torch and the export: alone, and padded together, in several shapes."""
    import torch

    run, worst = session(path), 0.0
    for rows in ([row] for row in ids[:8]), (ids[i : i + 5] for i in range(8, min(len(ids), 33), 5)):
        for matrix, mask in (pad(row, pad_id) for row in rows):
            with torch.no_grad():
                ours = model(input_ids=torch.from_numpy(matrix), attention_mask=torch.from_numpy(mask)).logits.numpy()
            theirs = run.run(None, {"input_ids": matrix, "attention_mask": mask})[0]
            worst = max(worst, float(np.abs(ours - theirs).max()))
    return worst


def from_weights(source, path, ids, pad_id):
    """Export PyTorch weights and hold the file to torch; the largest difference."""
    step("exporting the PyTorch weights to ONNX")
    model = load(source)
    try:
        export(model, path)
        worst = difference(model, path, ids, pad_id)
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        message = f"{source}: PyTorch cannot export this model to ONNX: {reason}; export it another way and import the ONNX file"
        raise Refused("EXPORT_FAILED", message) from error
    if not worst <= LARGEST:
        raise Refused(
            "EXPORT_DIFFERS",
            f"{source}: the exported graph differs from torch by {worst:.2g} in a logit, at most {LARGEST} is let pass; "
            "export the model another way and import the ONNX file",
        )
    return worst


def prepared(path, work):
    """A copy with the weights inside and without the shapes some exporters note, which the quantiser changes and then trips over.
    Half precision is refused: int8 starts from fp32, and half is slow on CPUs."""
    model = onnx.load(str(path))
    if any(w.data_type in (TensorProto.FLOAT16, TensorProto.BFLOAT16) for w in model.graph.initializer):
        raise Refused("MODEL_HALF", f"{path}: its weights have half precision; export the model in fp32, or give --precision as-is")
    del model.graph.value_info[:]
    copy = work / "prepared.onnx"
    onnx.save(model, str(copy))
    return copy


def has_dynamic(graph):
    """Whether a scale is still taken from the batch, in the graph or one inside it."""
    inner = (a.g for n in graph.node for a in n.attribute if a.type == onnx.AttributeProto.GRAPH)
    return any(n.op_type in DYNAMIC for n in graph.node) or any(has_dynamic(g) for g in inner)


def to_int8(source, work, ids, pad_id):
    step(f"quantising to int8: scales from {len(ids)} texts")
    padded, smoothed = list(batches(ids, pad_id)), work / "smoothed.onnx"
    smooth_graph.smooth(prepared(source, work), smoothed, padded, SMOOTHING)
    made = quantise.quantise(smoothed, work, padded)
    if has_dynamic(onnx.load(str(made)).graph):
        raise Refused("INT8_UNSUPPORTED", f"{source}: parts of the graph cannot be given constant scales; import it with --precision fp32")
    return made


def convert(args):
    """The result line."""
    args.work.mkdir(parents=True, exist_ok=True)
    config = json.loads((args.source / "config.json").read_text(encoding="utf-8"))
    texts = json.loads(args.texts.read_text(encoding="utf-8"))
    ids, pad_id = encode(args.source, texts, args.max_tokens), config.get("pad_token_id") or 0
    (args.work / "tokens.json").write_text(json.dumps(ids))
    result = {"tokens": str(args.work / "tokens.json"), "original": None, "exportDelta": None}
    original = args.onnx
    if original is None:
        original = args.work / "original.onnx"
        result |= {"original": str(original), "exportDelta": from_weights(args.source, original, ids, pad_id)}
    if args.precision == "none":
        made = None
    elif args.precision == "int8":
        made = to_int8(original, args.work, ids[: args.calibration or len(ids)], pad_id)
    else:
        step("fusing operators")
        made = args.work / "model.onnx"
        optimise(prepared(original, args.work), made)
    return result | {"model": made and str(made)}


def main():
    parser = argparse.ArgumentParser(prog="python -m training.convert", description=__doc__.split("\n")[0])
    parser.add_argument("--source", type=Path, required=True, help="Hugging Face folder")
    parser.add_argument("--onnx", type=Path, help="its ONNX file; without it, the PyTorch weights are exported")
    parser.add_argument("--work", type=Path, required=True, help="folder to write into")
    parser.add_argument("--precision", choices=("int8", "fp32", "none"), default="int8", help="none: export only")
    parser.add_argument("--texts", type=Path, required=True, help="JSON array of texts like those the model will see")
    parser.add_argument("--calibration", type=int, help="take the int8 scales from the first so many texts only")
    parser.add_argument("--max-tokens", type=int, default=128)
    args = parser.parse_args()
    try:
        result = convert(args)
    except Refused as error:
        result = {"error": {"code": error.code, "message": str(error)}}
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).split("\n")[0]
        result = {"error": {"code": "CONVERT_FAILED", "message": f"{type(error).__name__}: {reason}"}}
    print(json.dumps(result), flush=True)
    sys.stdout.flush()
    os._exit(1 if "error" in result else 0)  # without the seconds torch takes to unload


if __name__ == "__main__":
    main()
