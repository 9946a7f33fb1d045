"""The questions a model answers: their names, activations and labels, in output order."""

from dataclasses import dataclass

EMOTIONS = (
    "admiration amusement anger annoyance approval caring confusion curiosity desire "
    "disappointment disapproval disgust embarrassment excitement fear gratitude grief joy "
    "love nervousness optimism pride realization relief remorse sadness surprise neutral"
).split()

# Sentiment map of the GoEmotions authors (Demszky et al., ACL 2020); the rest is `neutral`.
POSITIVE = set("admiration amusement approval caring desire excitement gratitude joy love optimism pride relief".split())
AMBIGUOUS = set("confusion curiosity realization surprise".split())

# Coarse map of the 41 HuffPost sections; sections not listed are dropped.
NEWS_SECTIONS = {
    "politics": (24,),
    "world": (33, 39, 40),
    "business": (3, 21),
    "tech": (32,),
    "science": (27,),
    "environment": (11, 15),
    "sports": (28,),
    "entertainment": (5, 10),
    "arts": (0, 1, 7),
    "crime": (6,),
    "education": (4, 9),
    "health": (16, 37),
    "food": (13, 31),
    "style": (29, 30),
    "travel": (34,),
    "religion": (26,),
    "family": (8, 22, 23, 35),
}


@dataclass(frozen=True)
class Task:
    """One question: `sigmoid` tasks answer every label on its own, `softmax` tasks choose one."""

    name: str
    activation: str
    labels: tuple[str, ...]
    weight: float = 1.0  # of this task's loss in the sum; sigmoid losses are summed over labels


ENGLISH = (
    Task("moderation", "sigmoid", ("toxic", "identity_hate", "sexist")),
    Task("sentiment", "softmax", ("negative", "neutral", "positive", "ambiguous")),
    Task("emotions", "sigmoid", tuple(EMOTIONS), weight=0.5),
    Task("news", "softmax", tuple(NEWS_SECTIONS)),
    Task("spam", "softmax", ("ham", "spam")),
)


MULTILINGUAL = (
    Task("moderation", "sigmoid", ("toxic",)),
    Task("sentiment", "softmax", ("negative", "neutral", "positive")),
    Task("topic", "softmax", ("science/technology", "travel", "politics", "sports", "health", "entertainment", "geography")),
)


def sentiment_of(emotions):
    """The one sentiment the emotions agree on, or None where they disagree."""
    found = {
        "positive" if e in POSITIVE else "ambiguous" if e in AMBIGUOUS else "neutral" if e == "neutral" else "negative"
        for e in emotions
    }
    return found.pop() if len(found) == 1 else None
