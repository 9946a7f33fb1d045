"""Make `models/english` from shipped data: python -m training.english --data ../shared/data

Two runs from the base weights are the teachers; a third run learns from their answers and from the
labels, and its weights are averaged with theirs. Every stage leaves its result in the work directory and training is skipped when it is there,
so a run that was stopped goes on where it was.
"""

from . import distil, finetune, model, stages
from .tasks import ENGLISH

TEACHERS = ({"epochs": 3, "hidden_share": 0.0, "seed": 7}, {"epochs": 2, "hidden_share": 0.1, "seed": 7})
STUDENT = {"epochs": 3, "hidden_share": 0.05, "seed": 11}
HARD = 1.0  # weight of the labels beside the teachers' answers


def recipe(corpus):
    runs = " and ".join(f"{r['epochs']} epochs, {r['hidden_share']:.0%} of tokens masked" for r in TEACHERS)
    return (
        f"Two teachers ({runs}) learn from {corpus.labelled} labelled rows. A third run\n"
        f"({STUDENT['epochs']} epochs, {STUDENT['hidden_share']:.0%} masked), again from the base weights, learns from the labels and from the mean of the teachers'\n"
        f"answers on these and {len(corpus.rows) - corpus.labelled} unlabelled texts (born-again distillation, Furlanello et al. 2018). The model is the average of\n"
        "its weights and the teachers' mean, which on dev rows is better than either on most tasks.\n"
        + stages.METHOD
    )


def trained(args, corpus):
    states, answers = stages.teachers(args, corpus, TEACHERS)
    targets = distil.Distilled(corpus.targets, answers, HARD)
    student = finetune.train(model.from_base(args.base, ENGLISH), corpus.ids, targets, args.work, log=stages.log, **STUDENT)
    student.load_state_dict(stages.average([stages.average(states), student.state_dict()]))
    return student


def main():
    args = stages.arguments("english", __doc__.split("\n")[0])
    corpus = stages.Corpus(args)
    classifier = trained(args, corpus)
    if args.until == "all":
        about = {"name": "english", "version": "1.1.0", "layers": 6, "recipe": recipe(corpus)}
        stages.finish(args, corpus, classifier, about)


if __name__ == "__main__":
    main()
