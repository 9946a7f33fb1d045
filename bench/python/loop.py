"""The Python contestants of the bench: texts from Kafka, every label's probability back, with the libraries people use for it.

Given as JSON in the first argument: brokers, input, output, group, partitions (its own, assigned by hand), onnxFile,
tokenizerFile, padId, optimised, tasks, threads, engine (onnx or torch), sorted, chunk. Sorted: everything that is there is taken, sorted
by length and cut into runs of at most 512 tokens, and JSON is orjson's. Else: batches of `chunk` texts as they come, padded to the longest.
"""
import json
import os
import signal
import sys

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import numpy as np
import orjson
from confluent_kafka import Consumer, Producer, TopicPartition
from tokenizers import Tokenizer

RUN_TOKENS = 512
MOST_TAKEN = 512
MAX_TOKENS = 128


def onnx_engine(options):
    import onnxruntime

    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = options["threads"]
    session_options.inter_op_num_threads = 1
    skipped = []
    if options["sorted"]:  # the hand-tuned one: a core that waits must not spin, and the slow fused operator is left out, as siftline does
        if options["optimised"]:
            session_options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
            skipped = ["SkipLayerNormFusion"]
        session_options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        options["onnxFile"], session_options, providers=["CPUExecutionProvider"], disabled_optimizers=skipped
    )
    names = [output.name for output in session.get_outputs()]
    inputs = {each.name for each in session.get_inputs()}

    def infer(ids, mask):
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        return dict(zip(names, session.run(names, {k: v for k, v in feeds.items() if k in inputs})))

    return infer


def torch_engine(options):
    """BERT of the model's size with random weights: its answers mean nothing, its work is the same."""
    import torch
    from transformers import BertConfig, BertModel

    torch.set_num_threads(options["threads"])
    with open(os.path.join(os.path.dirname(options["tokenizerFile"]), "config.json")) as file:
        config = BertConfig(**json.load(file))
    model = BertModel(config).eval()
    heads = {task.get("output", "logits"): torch.nn.Linear(config.hidden_size, len(task["labels"])) for task in options["tasks"]}

    @torch.inference_mode()
    def infer(ids, mask):
        hidden = model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).pooler_output
        return {output: head(hidden).numpy() for output, head in heads.items()}

    return infer


def runs_of(lengths, options):
    """Lists of positions, each of which goes through the engine as one rectangle."""
    order = range(len(lengths))
    if not options["sorted"]:
        return [list(order[at : at + options["chunk"]]) for at in range(0, len(lengths), options["chunk"])]
    runs, run = [], []
    for row in sorted(order, key=lambda row: lengths[row]):
        if run and (len(run) + 1) * lengths[row] > RUN_TOKENS:
            runs.append(run)
            run = []
        run.append(row)
    return runs + [run] if run else runs


def probabilities(logits, activation):
    """Of a run, all rows at once."""
    if activation == "sigmoid":
        return 1 / (1 + np.exp(-logits))
    parts = np.exp(logits - logits.max(axis=1, keepdims=True))
    return parts / parts.sum(axis=1, keepdims=True)


def main(options):
    loads, dumps = (orjson.loads, orjson.dumps) if options["sorted"] else (json.loads, json.dumps)
    tasks = options["tasks"]
    tokenizer = Tokenizer.from_file(options["tokenizerFile"])
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    infer = (onnx_engine if options["engine"] == "onnx" else torch_engine)(options)
    consumer = Consumer(
        {
            "bootstrap.servers": options["brokers"],
            "group.id": options["group"],
            "enable.auto.commit": True,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 250,
        }
    )
    producer = Producer({"bootstrap.servers": options["brokers"], "linger.ms": 0})
    consumer.assign([TopicPartition(options["input"], each, 0) for each in options["partitions"]])
    done = {"event": "totals", "tokens": 0, "paddedTokens": 0}
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    print('{"event":"assigned"}', file=sys.stderr)

    while not ended:
        messages = take(consumer, options)
        if not messages:
            continue
        texts = [loads(each.value())["text"] for each in messages]
        encoded = [each.ids for each in tokenizer.encode_batch(texts)]
        lengths = [len(ids) for ids in encoded]
        answers = [None] * len(messages)
        for run in runs_of(lengths, options):
            ids, mask = rectangle([encoded[row] for row in run], options["padId"])
            done["tokens"] += int(mask.sum())
            done["paddedTokens"] += mask.size
            outputs = infer(ids, mask)
            logits = [outputs[each.get("output") or next(iter(outputs))] for each in tasks]
            scores = [probabilities(own, each["activation"]).tolist() for own, each in zip(logits, tasks)]
            for at, row in enumerate(run):
                answers[row] = {
                    each["name"]: dict(zip(each["labels"], rows[at])) for each, rows in zip(tasks, scores)
                }
        for message, answer in zip(messages, answers):
            producer.produce(options["output"], dumps(answer), key=message.key(), partition=message.partition())
        producer.flush()
        for message in messages:
            consumer.store_offsets(message)
    print(json.dumps(done), file=sys.stderr)
    consumer.close()


def take(consumer, options):
    """The first message that comes, and with it what is there already: nothing waits for a batch to fill."""
    first = consumer.poll(0.2)
    most = MOST_TAKEN if options["sorted"] else options["chunk"]
    rest = consumer.consume(most - 1, timeout=0) if first is not None and most > 1 else []
    return [each for each in [first, *rest] if each is not None and not each.error()]


def rectangle(rows, pad_id):
    width = max(len(ids) for ids in rows)
    ids = np.full((len(rows), width), pad_id, dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=np.int64)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = row
        mask[at, : len(row)] = 1
    return ids, mask


main(json.loads(sys.argv[1]))
