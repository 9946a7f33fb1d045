"""`siftline.json`: what a model folder contains and what it must answer."""

import hashlib
import json
from pathlib import Path

from .pairs import saturating
from .predictor import Predictor


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def write_json(path, value):
    Path(path).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write(folder, about, golden_texts, files=("model.onnx", "tokenizer.json", "config.json")):
    """Write the manifest of `folder`: `about` + hashes of its files + golden answers of its own ONNX file, in exact
    arithmetic. An int8 file of which no CPU clips a sum is noted: it needs no other kernel anywhere.

    `about` holds name, version, languages, license, precision, maxTokens, maxPositions, tasks, agreement.
    """
    folder = Path(folder)
    agreement = about.get("agreement", {})
    manifest = {"format": 1, **{k: v for k, v in about.items() if k != "agreement"}}
    if about["precision"] == "int8-static" and not saturating(folder / "model.onnx"):
        manifest["saturates"] = False
    manifest["files"] = {name: sha256(folder / name) for name in files}
    write_json(folder / "siftline.json", manifest)
    predictor = Predictor(folder, about["maxTokens"])
    cases = [predictor.case(text) for text in golden_texts]
    manifest["golden"] = [{"text": c["text"], "scores": c["scores"]} for c in cases]
    manifest["agreement"] = agreement
    write_json(folder / "siftline.json", manifest)
