"""The page docs/methods.md: a table of all methods for each model, and a card for each method."""

from collections.abc import Iterator, Mapping
from statistics import mean

from occam.zoo import Regularization
from occam.zoo.models import get_architecture

from ..runs import figure
from .cards import CARDS
from .runs import EPOCHS, Results, value_of

HEAD = """# Methods of regularization
Each field of `zoo.Regularization`, measured alone. `make methods` writes this page; no figure is
typed by hand. Methods that are not fields have no card: `ConcreteDropout`, ASAM
(`zoo.SharpnessAware` with `adaptive=True`), `TrivialAugment` and `TimeWarp` are described in their
docstrings and not measured.

Each model is trained on mnist1d without regularization, and with one field at a time set to the
middle of its search range, not tuned: {seeds} seeds each, {budget},
AdamW with a cosine schedule, no early stopping. Test accuracy and gap (train - test accuracy) are
means ± standard errors over the seeds. A difference compares with the model without regularization
of the same seed, and is averaged over the seeds. The cost is the processor time of a training step
of `resnet20` with the method, relative to a step without it (`python -m benchmarks.costs`). The
page tests one value of each field on one small dataset: a method that has no effect here may be the
right one for your data.
"""


def document(results: Results, costs: Mapping[str, float]) -> str:
    """Return the page in Markdown."""
    seeds = len({alone.seed for alone in results})
    budget = " and ".join(f"{epochs} epochs of `{model}`" for model, epochs in EPOCHS.items())
    parts = [HEAD.format(seeds=seeds, budget=budget), *_tables(results)]
    parts += [_card(field, results, costs) for field in CARDS]
    return "\n".join(parts)


def _tables(results: Results) -> Iterator[str]:
    for model in EPOCHS:
        yield f"## `{model}`: all methods, best first\n"
        yield _markdown(
            ("method", "value", "test accuracy", "difference", "train", "gap"),
            _rows(model, results),
        )


def _rows(model: str, results: Results) -> list[tuple[str, ...]]:
    fields = [None, *(field for field in get_architecture(model).supported if field in CARDS)]
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
    card, strength = CARDS[field], Regularization.fields()[field]
    effects = [
        f"| `{model}` | {' | '.join(_row(model, field, results)[2:])} |"
        for model in EPOCHS
        if field in get_architecture(model).supported
    ]
    unsupported = [f"`{m}`" for m in EPOCHS if field not in get_architecture(m).supported]
    cost = f"{costs[field]:.2f} times a step without it" if field in costs else "not measured"
    return "\n".join(
        [
            f"\n## {card.title}",
            f"`Regularization({field}={_value(field)})`: {strength.help}. In your own models: "
            f"`{card.part}`.",
            "",
            f"    {card.equation}",
            "",
            f"- **When**: {card.use}",
            f"- **Pitfalls**: {card.pitfalls}",
            f"- **Cost**: {cost}.",
            f"- **Reference**: {strength.reference}",
            *([f"- Not supported by {' and '.join(unsupported)}."] if unsupported else []),
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
    return Regularization.fields()[field].format(value_of(field))


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _markdown(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
