"""Where a logged value goes: from its name in Keras' `logs` to a run and a tag of TensorBoard."""

__all__ = ["RUNS", "grouped", "keras_name"]

RUNS = ("train", "validation", "train_eval")
_PREFIXES = {"val_": "validation", "train_eval_": "train_eval"}
_GRADIENTS = [f"{of}gradient_{what}" for of in ("", "penalty_") for what in ("norm", "ratio")]
_TOTALS = {name: f"{name}/total" for name in ("loss", "penalty", "sparsity", *_GRADIENTS)}


def grouped(name: str) -> tuple[str, str]:
    """The run and the tag of a logged value.

    The training, validation and train_eval values of one kind have one tag in three runs, so that
    TensorBoard draws them as three curves in one chart; the tag's part before the slash is the
    group of charts.

    | in `logs` | run | tag |
    |---|---|---|
    | `loss`, `val_loss` | train, validation | `loss/total` |
    | `data_loss`, `val_data_loss` | train, validation | `loss/data` |
    | `train_eval_loss` | train_eval | `loss/data` |
    | `penalty`, `val_penalty` | train, validation | `penalty/total` |
    | `gradient_norm`, of all layers | train | `gradient_norm/total` |
    | `gap_loss`, `gap_accuracy` | train | `gap/loss`, `gap/accuracy` |
    | `head_loss`, of an output | train | `loss/head` |
    | `learning_rate` | train | `rates/learning_rate` |
    | `accuracy`, `val_accuracy` | train, validation | `metrics/accuracy` |
    | `train_eval_accuracy` | train_eval | `metrics/accuracy` |
    | `steps_per_second` | train | `speed/steps_per_second` |
    | `penalty/dense`, `sparsity/dense`, anything with a slash | train | the name |

    >>> grouped("val_data_loss")
    ('validation', 'loss/data')
    >>> grouped("sparsity/mlp/dense")
    ('train', 'sparsity/mlp/dense')
    """
    run, rest = "train", name
    for prefix, of in _PREFIXES.items():
        if name.startswith(prefix) and name != prefix:
            run, rest = of, name.removeprefix(prefix)
    if run == "train_eval" and rest == "loss":  # it has no penalty in it
        return run, "loss/data"
    if rest in _TOTALS:
        return run, _TOTALS[rest]
    tag = _tag(rest)
    return run, f"{tag}_" if tag in _TOTALS.values() else tag  # an output or a layer named "total"


def _tag(name: str) -> str:
    if "/" in name:
        return name
    if name.startswith("gap_"):
        return f"gap/{name.removeprefix('gap_')}"
    if name.startswith("learning_rate"):
        return f"rates/{name}"
    if name.endswith("_loss"):
        return f"loss/{name.removesuffix('_loss')}"
    return f"speed/{name}" if name == "steps_per_second" else f"metrics/{name}"


def keras_name(name: str) -> tuple[str, str]:
    """The run and the tag that Keras' callback of the same name gives a logged value.

    >>> keras_name("val_loss")
    ('validation', 'epoch_loss')
    """
    run = "validation" if name.startswith("val_") else "train"
    return run, f"epoch_{name.removeprefix('val_')}"
