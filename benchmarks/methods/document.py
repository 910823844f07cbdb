"""The document: a table over all methods and a card for each, from the cards and the results."""

from collections.abc import Iterator, Mapping
from statistics import mean

from occam.zoo import Regularization
from occam.zoo.models import get_architecture

from ..runs import figure
from .cards import CARDS
from .runs import EPOCHS, Results, value_of

__all__ = ["document"]

HEAD = """# Methods of regularization
Every field of `zoo.Regularization` alone, measured. This page is written by `make methods`; no
figure in it is typed by hand. What is no field has no card: `ConcreteDropout`, ASAM
(`zoo.SharpnessAware` with `adaptive=True`), `TrivialAugment` and `TimeWarp` are described where
they are defined, and not measured.

Each model is trained on mnist1d without any regularization and with one field on, in the middle of
its search range, not tuned; {seeds} seeds each, {budget},
AdamW with a cosine, no early stopping. Test accuracy and gap (train - test accuracy) are means
± standard errors over the seeds; a difference is the mean over the seeds of the difference to no
regularization with the same seed. The cost is the processor time of a training step of `resnet20`
with the method against one without (`python -m benchmarks.costs`). One value and one small data
set: a method that does nothing here may be the right one for yours.
"""


def document(results: Results, costs: Mapping[str, float]) -> str:
    """The whole page, in Markdown."""
    seeds = len({alone.seed for alone in results})
    budget = " and ".join(f"{epochs} epochs of `{model}`" for model, epochs in EPOCHS.items())
    parts = [HEAD.format(seeds=seeds, budget=budget), *_tables(results)]
    parts += [_card(field, results, costs) for field in CARDS]
    return "\n".join(parts)


def _tables(results: Results) -> Iterator[str]:
    for model in EPOCHS:
        yield f"## `{model}`: all methods, the best first\n"
        yield _markdown(
            ("method", "value", "test accuracy", "difference", "train", "gap"),
            _rows(model, results),
        )


def _rows(model: str, results: Results) -> list[tuple[str, ...]]:
    fields = [None, *(field for field in get_architecture(model).able if field in CARDS)]
    by_accuracy = sorted(fields, key=lambda f: -mean(_values(results, model, f, "test")))
    return [_row(model, field, results) for field in by_accuracy]


def _row(model: str, field: str | None, results: Results) -> tuple[str, ...]:
    train, test = (_values(results, model, field, part) for part in ("train", "test"))
    gaps = [a - b for a, b in zip(train, test, strict=True)]
    figures = (figure(test), _difference(results, model, field), figure(train), figure(gaps))
    if field is None:
        return ("none", "", *figures)
    name = f"[{CARDS[field].title}](#{_anchor(CARDS[field].title)})"
    return (name, f"`{field}={_value(field)}`", *figures)


def _difference(results: Results, model: str, field: str | None) -> str:
    if field is None:
        return ""
    pairs = zip(
        _values(results, model, field, "test"), _values(results, model, None, "test"), strict=True
    )
    return figure([ours - none for ours, none in pairs], sign="+")


def _card(field: str, results: Results, costs: Mapping[str, float]) -> str:
    card, strength = CARDS[field], Regularization.strengths()[field]
    effects = [
        f"| `{model}` | {' | '.join(_row(model, field, results)[2:])} |"
        for model in EPOCHS
        if field in get_architecture(model).able
    ]
    unable = [f"`{m}`" for m in EPOCHS if field not in get_architecture(m).able]
    cost = f"{costs[field]:.2f} of a plain step" if field in costs else "not measured"
    return "\n".join(
        [
            f"\n## {card.title}",
            f"`Regularization({field}={_value(field)})`: {strength.help}. In models of your own: "
            f"`{card.part}`.",
            "",
            f"    {card.equation}",
            "",
            f"- **When**: {card.use}",
            f"- **Traps**: {card.traps}",
            f"- **Cost**: {cost}.",
            f"- **Reference**: {strength.reference}",
            *([f"- {' and '.join(unable)} cannot honour it."] if unable else []),
            "",
            "| model | test accuracy | difference | train | gap |",
            "|---|---|---|---|---|",
            *effects,
            "",
            f"![{card.title}](images/methods/{field}.png)",
        ]
    )


def _values(results: Results, model: str, field: str | None, part: str) -> list[float]:
    return [r[part] for alone, r in results.items() if alone[:2] == (model, field)]


def _value(field: str) -> str:
    return Regularization.strengths()[field].format(value_of(field))


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _markdown(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
