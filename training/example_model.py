"""Makes examples/own-model/fine-tuned: a tiny BERT in Hugging Face layout that knows three kinds of support tickets.

    python -m training.example_model

It needs training/requirements-import.txt and no PyTorch: two layers, 32 wide, trained from nothing on sentences put
together from the lists below, with gradients in NumPy. The graph is that of test/fixtures/models/bert-single, which
Hugging Face's exporter made; its weights are replaced. The model is for the example only.
"""

import itertools
import json
import random
import shutil
from pathlib import Path

import numpy as np
import onnx
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

REPOSITORY = Path(__file__).resolve().parent.parent
FIXTURE = REPOSITORY / "test/fixtures/models/bert-single"
OUTPUT = REPOSITORY / "examples/own-model/fine-tuned"
LABELS = ["account", "billing", "delivery"]
WIDTH, HEADS, LAYERS, STEPS, BATCH = 32, 4, 2, 600, 48

OPENINGS = ["", "hello , ", "please help , ", "good morning , ", "i have a question : ", "since yesterday ", "once again "]
ENDINGS = ["", " .", " ?", " , thank you .", " , can you look at it ?", " , what should i do ?", " today ."]
SENTENCES = {
    "account": [
        ["i cannot", "how do i", "i want to", "help me to", "why can i not"],
        ["log in to", "sign in to", "change", "reset", "close", "open", "delete", "confirm", "unlock", "find"],
        ["my account", "my password", "my user name", "my profile", "the email address of my account", "my login", "the app with my password"],
    ],
    "billing": [
        ["i was charged", "you took", "i see", "why is there", "there is", "i paid", "please send me", "i want back", "i never got"],
        ["twice for", "too much for", "a wrong amount on", "a second payment for", "money for", "a refund for", "the price of", "a receipt for", "the tax on"],
        ["my invoice", "the bill", "my credit card", "the subscription", "my bank statement", "the last month", "this payment", "the yearly plan"],
    ],
    "delivery": [
        ["my parcel", "the package", "my order", "the box", "the driver", "the courier", "the shipment", "the lamp i ordered", "the tracking page"],
        ["has not arrived at", "is late for", "was left at", "came broken to", "never came to", "still waits at", "is on its way to", "did not ring at", "was sent to"],
        ["my door", "the wrong address", "my house", "the warehouse", "the neighbour", "our office", "the post office", "the new street"],
    ],
}


def sentences():
    """Sentences with their labels, every kind as often as the others, in an order that is always the same."""
    chance = random.Random(7)
    for label, parts in enumerate(SENTENCES.values()):
        for middle in itertools.product(*parts):
            yield chance.choice(OPENINGS) + " ".join(middle) + chance.choice(ENDINGS), label
            yield " ".join(chance.sample(middle, 2)), label  # so that no single part is needed


def wordpiece(texts):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=600, special_tokens=specials, show_progress=False))
    learned = sorted(set(tokenizer.get_vocab()) - set(specials))  # the trainer's own order is another every time
    tokenizer.model = models.WordPiece({token: i for i, token in enumerate(specials + learned)}, unk_token="[UNK]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


class Value:
    """An array, and how its gradient goes back to what it was made of."""

    def __init__(self, data, parents=(), back=None):
        self.data, self.parents, self.back, self.grad = data, parents, back, np.zeros_like(data)

    def __add__(self, other):
        return Value(self.data + other.data, (self, other), lambda g: (fit(g, self), fit(g, other)))

    def __mul__(self, other):
        return Value(self.data * other.data, (self, other), lambda g: (fit(g * other.data, self), fit(g * self.data, other)))

    def __matmul__(self, other):
        back = lambda g: (fit(g @ other.data.swapaxes(-1, -2), self), fit(self.data.swapaxes(-1, -2) @ g, other))
        return Value(self.data @ other.data, (self, other), back)

    def reshape(self, *shape):
        return Value(self.data.reshape(shape), (self,), lambda g: (g.reshape(self.data.shape),))

    def swap(self, a, b):
        return Value(self.data.swapaxes(a, b), (self,), lambda g: (g.swapaxes(a, b),))

    def backward(self, grad):
        order, seen = [], set()

        def visit(value):
            if id(value) not in seen:
                seen.add(id(value))
                for parent in value.parents:
                    visit(parent)
                order.append(value)

        visit(self)
        self.grad = grad
        for value in reversed(order):
            if value.back:
                for parent, part in zip(value.parents, value.back(value.grad)):
                    parent.grad = parent.grad + part


def fit(grad, value):
    """Sums a gradient over the axes along which the value was repeated."""
    while grad.ndim > value.data.ndim:
        grad = grad.sum(0)
    for axis, size in enumerate(value.data.shape):
        if size == 1 and grad.shape[axis] != 1:
            grad = grad.sum(axis, keepdims=True)
    return grad


def softmax(value):
    e = np.exp(value.data - value.data.max(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)
    return Value(p, (value,), lambda g: (p * (g - (g * p).sum(-1, keepdims=True)),))


def tanh(value):
    t = np.tanh(value.data)
    return Value(t, (value,), lambda g: (g * (1 - t * t),))


def gelu(value):
    x = value.data
    inner = np.tanh(0.7978845608 * (x + 0.044715 * x**3))
    slope = 0.5 * (1 + inner) + 0.5 * x * (1 - inner**2) * 0.7978845608 * (1 + 0.134145 * x**2)
    return Value(0.5 * x * (1 + inner), (value,), lambda g: (g * slope,))


def normal(value, weight, bias):
    x = value.data - value.data.mean(-1, keepdims=True)
    deviation = np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12)
    y = x / deviation
    back = lambda g: ((g - g.mean(-1, keepdims=True) - y * (g * y).mean(-1, keepdims=True)) / deviation,)
    return Value(y, (value,), back) * weight + bias


def rows(table, ids):
    def back(g):
        grad = np.zeros_like(table.data)
        np.add.at(grad, ids, g)
        return (grad,)

    return Value(table.data[ids], (table,), back)


def logits(w, ids):
    """The answers of the BERT with the weights `w`, by their names in the graph."""
    count, length = ids.shape
    mask = Value(np.where(ids > 0, 0.0, -1e9)[:, None, None, :])
    x = rows(w["embeddings.word_embeddings.weight"], ids) + rows(w["embeddings.position_embeddings.weight"], np.arange(length))
    x = normal(x + rows(w["embeddings.token_type_embeddings.weight"], np.zeros(1, int)), w["embeddings.LayerNorm.weight"], w["embeddings.LayerNorm.bias"])
    dense = lambda value, name: value @ w[f"{name}.weight"] + w[f"{name}.bias"]
    heads = lambda value: value.reshape(count, length, HEADS, WIDTH // HEADS).swap(1, 2)
    for i in range(LAYERS):
        at = f"encoder.layer.{i}"
        query, key, answer = (heads(dense(x, f"{at}.attention.self.{kind}")) for kind in ("query", "key", "value"))
        scores = query @ key.swap(-1, -2) * Value(np.array((WIDTH // HEADS) ** -0.5)) + mask
        context = (softmax(scores) @ answer).swap(1, 2).reshape(count, length, WIDTH)
        x = normal(x + dense(context, f"{at}.attention.output.dense"), w[f"{at}.attention.output.LayerNorm.weight"], w[f"{at}.attention.output.LayerNorm.bias"])
        wide = gelu(dense(x, f"{at}.intermediate.dense"))
        x = normal(x + dense(wide, f"{at}.output.dense"), w[f"{at}.output.LayerNorm.weight"], w[f"{at}.output.LayerNorm.bias"])
    first = Value(x.data[:, 0], (x,), lambda g: (np.concatenate([g[:, None], np.zeros((count, length - 1, WIDTH))], 1),))
    return dense(tanh(dense(first, "pooler.dense")), "classifier")


def unshare(graph):
    """Gives every weight a tensor: in the fixture's graph, weights of equal value are Identities of one."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    shared = [node for node in graph.node if node.op_type == "Identity" and node.input[0] in tensors]
    for node in shared:
        tensor = graph.initializer.add()
        tensor.CopyFrom(tensors[node.input[0]])
        tensor.name = node.output[0]
        graph.node.remove(node)


def weights_of(graph):
    """The graph's weights by name, each with the name of its tensor and whether that holds it transposed."""
    tensors = {tensor.name for tensor in graph.initializer}
    found = {}
    for node in graph.node:
        for name in node.input:
            if name.startswith("model.") and name in tensors:
                found[short(name)] = (name, node.op_type == "Gemm" and name.endswith("weight"))
        if node.op_type == "MatMul" and node.input[1] in tensors:
            found[short(node.name.replace("/", ".")[1:].removesuffix(".MatMul")) + ".weight"] = (node.input[1], False)
    return found


def short(name):
    return name.removeprefix("model.").removeprefix("bert.")


def pad(lists):
    """Ids of several texts as one matrix, 0 behind the shorter ones."""
    ids = np.zeros((len(lists), max(map(len, lists))), int)
    for row, tokens in zip(ids, lists):
        row[: len(tokens)] = tokens
    return ids


def train(shapes, data):
    """Adam with warm-up and decay; words are left out at random, so that unknown ones do no harm."""
    chance = np.random.default_rng(7)
    start = lambda name, shape: np.ones(shape) if name.endswith("LayerNorm.weight") else np.zeros(shape) if name.endswith("bias") else chance.normal(0, 0.15, shape)
    w = {name: Value(start(name, shape)) for name, shape in shapes.items()}
    moments = {name: [np.zeros(shape), np.zeros(shape)] for name, shape in shapes.items()}
    for step in range(1, STEPS + 1):
        picked = [data[i] for i in chance.integers(0, len(data), BATCH)]
        ids = pad([[1 if 4 < token and chance.random() < 0.15 else token for token in tokens] for tokens, _ in picked])
        expected = np.eye(len(LABELS))[[label for _, label in picked]] * 0.94 + 0.02
        answer = logits(w, ids)
        p = softmax(answer).data
        for value in w.values():
            value.grad = np.zeros_like(value.data)
        answer.backward((p - expected) / BATCH)
        rate = 0.003 * min(step / 50, (STEPS - step + 1) / STEPS)
        for name, value in w.items():
            first, second = moments[name]
            first += 0.1 * (value.grad - first)
            second += 0.001 * (value.grad**2 - second)
            value.data = value.data - rate * ((first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8) + 0.01 * value.data)
    return w


def main():
    texts = list(sentences())
    tokenizer = wordpiece(text for text, _ in texts)
    data = [(tokenizer.encode(text).ids, label) for text, label in texts]
    model = onnx.load(str(FIXTURE / "model.onnx"))
    unshare(model.graph)
    found = weights_of(model.graph)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    shapes = {}
    for name, (tensor, turned) in found.items():
        dims = list(tensors[tensor].dims)
        shapes[name] = [tokenizer.get_vocab_size(), WIDTH] if name == "embeddings.word_embeddings.weight" else dims[::-1] if turned else dims

    w = train(shapes, data)
    for name, (tensor, turned) in found.items():
        array = np.ascontiguousarray(w[name].data.T if turned else w[name].data, dtype=np.float32)
        tensors[tensor].CopyFrom(onnx.numpy_helper.from_array(array, tensor))
    onnx.checker.check_model(model)

    OUTPUT.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(OUTPUT / "model.onnx"))
    tokenizer.save(str(OUTPUT / "tokenizer.json"))
    shutil.copy(FIXTURE / "tokenizer_config.json", OUTPUT)
    config = json.loads((FIXTURE / "config.json").read_text())
    labels = {"id2label": {str(i): label for i, label in enumerate(LABELS)}, "label2id": {label: i for i, label in enumerate(LABELS)}}
    (OUTPUT / "config.json").write_text(json.dumps({**config, **labels, "vocab_size": tokenizer.get_vocab_size()}, indent=2) + "\n")
    answers = [int(np.argmax(logits(w, pad([tokens])).data)) for tokens, _ in data[::20]]
    right = np.mean([answer == label for answer, (_, label) in zip(answers, data[::20])])
    print(f"{OUTPUT}: vocabulary {tokenizer.get_vocab_size()}, {len(data)} sentences, {right:.3f} of every twentieth right")


if __name__ == "__main__":
    main()
