"""Make `models/english-small`, a student of 3 layers: python -m training.english_small --data ../shared/data

Half the encoder of `english` at more than twice its speed. It starts from three layers of the teachers'
average and learns from their answers and from the labels.
"""

from . import distil, english, finetune, model, stages
from .tasks import ENGLISH

LAYERS = (0, 2, 5)
STUDENT = {"epochs": 3, "lr": 1.5e-4, "head_lr": 5e-4}
HARD = 0.5  # weight of the labels beside the teachers' answers


def recipe(corpus):
    return (
        f"The teachers are the two runs of `english`. The student starts from layers {', '.join(map(str, LAYERS))} of their averaged weights and\n"
        f"learns for {STUDENT['epochs']} epochs from the mean of their answers on {corpus.labelled} labelled and {len(corpus.rows) - corpus.labelled} unlabelled texts\n"
        f"(cross-entropy on sigmoid heads, KL at temperature {distil.SOFTENING:.0f} on softmax heads), and with weight {HARD} from the labels.\n"
        + stages.METHOD
    )


def start(args, states):
    """The student before training."""
    teacher = model.from_base(args.base, ENGLISH)
    teacher.load_state_dict(stages.average(states))
    return model.shallower(teacher, LAYERS)


def main():
    args = stages.arguments("english-small", __doc__.split("\n")[0])
    corpus = stages.Corpus(args)
    states = stages.runs(args, corpus, english.RUNS)
    targets = distil.Distilled(corpus.targets, stages.answers(args, corpus, states), HARD)
    classifier = finetune.train(start(args, states), corpus.ids, targets, args.work, log=stages.log, **STUDENT)
    if args.until == "all":
        about = {"name": "english-small", "version": "1.0.0", "layers": len(LAYERS), "sources": ("unlabelled",), "recipe": recipe(corpus)}
        stages.finish(args, corpus, classifier, about)


if __name__ == "__main__":
    main()
