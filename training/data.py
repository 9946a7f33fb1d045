"""Labelled texts from `shared/data`, with everything a source does not say left unknown.

Only class A and B sets are read for training (see the data folder's README for licences).
Never read for training: surge_toxicity, hatecheck, and any dev or test split.
"""

import csv
import random
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from .tasks import EMOTIONS, NEWS_SECTIONS, sentiment_of

csv.field_size_limit(1 << 24)

NEWS_OF = {index: name for name, indices in NEWS_SECTIONS.items() for index in indices}
CLEAN = {"toxic": 0, "identity_hate": 0, "sexist": 0}
WOMEN = {"wom", "blawom", "muswom", "asiwom", "gaywom", "jewwom", "transwom"}


@dataclass(frozen=True)
class Row:
    """A text and what is known of it.

    `labels` maps a sigmoid task to {label: 0 or 1} (labels left out are unknown) and a softmax
    task to the name of the one right label. `extra` keeps a source's own label for tests.
    """

    text: str
    labels: dict
    extra: dict = field(default_factory=dict)


def _csv(path, header=True):
    with open(path, newline="", encoding="utf-8") as file:
        if header:
            yield from csv.DictReader(file)
        else:
            yield from csv.reader(file)


def _tsv(path):
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line:
            yield line.rstrip("\r").split("\t")


def normal(text):
    """The form in which two texts count as the same (as the data's own splits do)."""
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def edos(root, split):
    """EDOS (SemEval-2023 task 10). "not sexist" says nothing of other hate, so it stays unknown."""
    for r in _csv(root / "edos_sexism" / f"{split}.csv"):
        sexist = r["label_sexist"] == "sexist"
        yield Row(r["text"], {"moderation": {"toxic": 1, "sexist": 1} if sexist else {"sexist": 0}})


def davidson(root, split):
    """Davidson et al. 2017. 0 hate, 1 offensive, 2 neither; offensive says nothing of sexism."""
    known = ({"toxic": 1, "identity_hate": 1}, {"toxic": 1, "identity_hate": 0}, CLEAN)
    for r in _csv(root / "davidson_hate_offensive" / f"{split}.csv"):
        yield Row(r["tweet"], {"moderation": known[int(r["class"])]}, {"class": int(r["class"])})


def hatemoji(root, split):
    """HatemojiBuild and HatemojiCheck (Kirk et al. 2021)."""
    for r in _csv(root / "hatemoji" / f"{split}.csv"):
        hateful = int(r["label_gold"])
        targets = {part.strip(" '[]") for part in r["target"].split(",")}
        known = {"toxic": 1, "identity_hate": 1, "sexist": int(bool(targets & WOMEN))} if hateful else CLEAN
        yield Row(r["text"], {"moderation": known}, {"functionality": r.get("functionality")})


def jigsaw(root, split):
    """Balanced draw of the Jigsaw toxic comments (CC BY-SA texts)."""
    for text, label in _csv(root / "jigsaw_toxic_balanced" / f"{split}.csv", header=False):
        yield Row(text, {"moderation": {"toxic": int(label)}})


def goemotions(root, split):
    """GoEmotions: 28 emotions, and the sentiment where they agree on one."""
    for text, indices, _ in _tsv(root / "goemotions" / f"{split}.tsv"):
        emotions = {EMOTIONS[int(i)] for i in indices.split(",")}
        labels = {"emotions": {e: int(e in emotions) for e in EMOTIONS}}
        sentiment = sentiment_of(emotions)
        if sentiment:
            labels["sentiment"] = sentiment
        yield Row(text, labels)


def huffpost(root, split):
    """HuffPost headlines in 17 coarse sections (News Category Dataset, Misra 2022)."""
    for section, text in _tsv(root / "huffpost_news" / f"{split}.tsv"):
        if int(section) in NEWS_OF:
            yield Row(text, {"news": NEWS_OF[int(section)]})


def sms(root, split):
    """SMS Spam Collection."""
    for label, text in _tsv(root / "sms_spam" / f"{split}.tsv"):
        yield Row(text, {"spam": label})


def surge(root, splits=("train", "test")):
    """Surge AI toxicity, all of it: a test set, never trained on."""
    for split in splits:
        for r in _csv(root / "surge_toxicity" / f"{split}.csv"):
            yield Row(r["text"], {"moderation": {"toxic": int(r["is_toxic"] == "Toxic")}})


def hatecheck(root):
    """HateCheck functional tests (Röttger et al. 2021): a test set, never trained on."""
    for r in _csv(root / "hatecheck" / "test.csv"):
        hateful = int(r["label_gold"] == "hateful")
        yield Row(r["test_case"], {"moderation": {"identity_hate": hateful}}, {"functionality": r["functionality"]})


def uci(root):
    """UCI sentiment sentences, all of them: a test set, never trained on."""
    for source in ("amazon", "imdb", "yelp"):
        for split in ("train", "test"):
            for text, label in _tsv(root / "uci_sentiment_sentences" / f"{source}_{split}.tsv"):
                yield Row(text, {"sentiment": "positive" if label == "1" else "negative"})


def tweets(root):
    """English test tweets of XLM-T (class C): a test set only."""
    folder = root / "xlmt_sentiment"
    texts = (folder / "english_test_text.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    labels = (folder / "english_test_labels.txt").read_text().split()
    assert len(texts) == len(labels)
    for text, label in zip(texts, labels):
        yield Row(text, {"sentiment": ("negative", "neutral", "positive")[int(label)]})


def tests(root):
    """Every test set by name; `evaluate` says how each is scored."""
    return {
        "edos": list(edos(root, "test")),
        "davidson": list(davidson(root, "test")),
        "jigsaw": list(jigsaw(root, "test")),
        "surge": list(surge(root)),
        "hatemoji_build": list(hatemoji(root, "build_test")),
        "hatemoji_check": list(hatemoji(root, "check_test")),
        "hatecheck": list(hatecheck(root)),
        "goemotions": list(goemotions(root, "test")),
        "uci": list(uci(root)),
        "tweets": list(tweets(root)),
        "huffpost": list(huffpost(root, "test")),
        "sms": list(sms(root, "test")),
    }


def unlabelled(root):
    """English texts that no label is read of: they only carry a teacher's answers to a student."""
    texts = [text for text, _ in _tsv(root / "xed_emotions" / "en_train.tsv")]
    texts += [text for section, text in _tsv(root / "huffpost_news" / "train.tsv") if int(section) not in NEWS_OF]
    texts += [r["text"] for r in _csv(root / "banking77" / "train.csv")]
    forbidden = {normal(r.text) for rows in tests(root).values() for r in rows}
    return [Row(text, {}) for text in texts if normal(text) not in forbidden]


def counts(root):
    """Training rows by source, as the cards list them."""
    sources = {"edos": edos, "davidson": davidson, "jigsaw": jigsaw, "goemotions": goemotions, "huffpost": huffpost, "sms": sms}
    found = {name: sum(1 for _ in read(root, "train")) for name, read in sources.items()}
    return found | {"hatemoji": sum(1 for _ in hatemoji(root, "build_train")), "unlabelled": len(unlabelled(root))}


def _hold_out(rows):
    """(train, dev): every 10th row is dev, and a text that is in dev leaves train."""
    dev = rows[::10]
    seen = {normal(r.text) for r in dev}
    return [r for i, r in enumerate(rows) if i % 10 and normal(r.text) not in seen], dev


def english(root, seed=7):
    """(train, dev) of the English model: a list of rows, and a dict of rows by source.

    Headlines and ham are also clean negatives of moderation. Hatemoji counts twice. A train
    text that equals any test text is dropped.
    """
    root = Path(root)
    dav, dav_dev = _hold_out(list(davidson(root, "train")))
    jig, jig_dev = _hold_out(list(jigsaw(root, "train")))
    huff, huff_dev = _hold_out(list(huffpost(root, "train")))
    spam, spam_dev = _hold_out(list(sms(root, "train")))
    dev = {
        "edos": list(edos(root, "dev")),
        "davidson": dav_dev,
        "jigsaw": jig_dev,
        "hatemoji_build": list(hatemoji(root, "build_dev")),
        "goemotions": list(goemotions(root, "dev")),
        "huffpost": huff_dev,
        "sms": spam_dev,
    }
    clean = set(random.Random(seed).sample(range(len(huff)), 4000))
    huff = [Row(r.text, {**r.labels, "moderation": CLEAN}) if i in clean else r for i, r in enumerate(huff)]
    spam = [Row(r.text, {**r.labels, "moderation": CLEAN}) if r.labels["spam"] == "ham" else r for r in spam]
    train = [*edos(root, "train"), *dav, *jig, *goemotions(root, "train"), *huff, *spam]
    train += 2 * list(hatemoji(root, "build_train"))
    forbidden = {normal(r.text) for rows in tests(root).values() for r in rows}
    return [r for r in train if normal(r.text) not in forbidden], dev
