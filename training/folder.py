"""The parts of a model folder that do not depend on the weights: tokenizer and configuration."""

import json

from tokenizers import Tokenizer

from .manifest import write_json

SPECIALS = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]"}


def write(base, out, main_task, layers=None):
    """tokenizer.json without baked-in padding and truncation, tokenizer_config.json, and a config.json
    that describes `main_task`, so that Hugging Face tools recognise a sequence classifier.
    `layers` is the encoder's depth where it is not the base's."""
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(out / "tokenizer.json"), pretty=False)
    config = json.loads((base / "config.json").read_text())
    limit = config["max_position_embeddings"]
    write_json(out / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": limit, **SPECIALS})
    config.pop("_name_or_path", None)
    if layers is not None:
        config["num_hidden_layers"] = layers
    config |= {
        "architectures": ["BertForSequenceClassification"],
        "problem_type": "single_label_classification" if main_task.activation == "softmax" else "multi_label_classification",
        "id2label": {str(i): label for i, label in enumerate(main_task.labels)},
        "label2id": {label: i for i, label in enumerate(main_task.labels)},
    }
    write_json(out / "config.json", config)
