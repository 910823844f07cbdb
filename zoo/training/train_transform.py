"""`train_transform`: augmentation, mixing and label smoothing of training batches."""

from typing import Any

from ..augmentation import CutMix, LabelSmoothing, Mix, MixUp, Pipeline, resolve_augmentation
from ..data import Data
from ..regularization import Regularization
from ..tasks import Classification, Given, Regression


def train_transform(data: Data, regularization: Regularization) -> Pipeline:
    """Return the layer from a batch `(x, y)` to the batch of a training step.

        x <- augment(x);    x, y <- mix(x, y);    y <- smooth(y)

    It has the parts of `regularization` that are on, so it may have no layers. If both `mixup` and
    `cutmix` are on, each step applies one of them at random.

    Raises:
        ValueError: If the data is a table and `cutmix` is on, or `augmentation` has no tier for the
            data.
    """
    check_train_transform(data, regularization)
    layers: list[Any] = []
    # Real targets are mixed as the labels of a multilabel task are.
    labels: dict[str, Any] = {"num_classes": data.task.units}
    if not isinstance(data.task, Classification):
        labels["multi_label"] = True
    if regularization.augmentation != "none":
        arguments: dict[str, Any] = {}
        if len(data.input_shape) == 3:
            arguments = {"value_range": data.standardized_range}
        elif len(data.input_shape) == 2:
            arguments = {"roughness": data.roughness}
        tier = regularization.augmentation
        layers.append(resolve_augmentation(tier, data.input_shape, seed=0, **arguments))
    mixup, cutmix = regularization.mixup, regularization.cutmix
    if mixup and cutmix:
        layers.append(Mix(**labels, mixup_alpha=mixup, cutmix_alpha=cutmix))
    elif mixup:
        layers.append(MixUp(**labels, alpha=mixup))
    elif cutmix:
        layers.append(CutMix(**labels, alpha=cutmix))
    if epsilon := regularization.label_smoothing:
        layers.append(LabelSmoothing(**labels, epsilon=epsilon))
    return Pipeline(layers, seed=0, name="train_transform")


def check_train_transform(data: Data, regularization: Regularization) -> None:
    """Raise a `ValueError` if a field that is on means nothing for the data.

    These are `cutmix` for tables, `label_smoothing` for regression, `augmentation` for texts and
    several inputs, and whatever mixes targets if there are sample weights, or targets as given.
    """
    task, shape = data.task, data.input_shape
    mixing = [name for name in ("mixup", "cutmix") if getattr(regularization, name)]
    smoothing = ["label_smoothing"] if regularization.label_smoothing else []
    if smoothing and isinstance(task, Regression):
        raise ValueError(
            "`label_smoothing` must be 0 for regression, which has no classes. "
            f"Received: label_smoothing={regularization.label_smoothing:g}"
        )
    if (mixing or smoothing) and isinstance(task, Given):
        raise ValueError(
            f"`{(mixing + smoothing)[0]}` must be 0 for a compiled model, unless its data is from "
            "zoo.load_data, which finds the task of the targets."
        )
    if mixing and data.raw_splits["train"].weights is not None:
        raise ValueError(
            f"`{mixing[0]}` must be 0 for data with sample weights, since a mixed sample has two."
        )
    changing = [*mixing, *(["augmentation"] if regularization.augmentation != "none" else [])]
    if changing and (isinstance(shape, dict) or data.vocabulary_size):
        what = "texts" if data.vocabulary_size else "several inputs"
        raise ValueError(f"`{changing[0]}` must be off for {what}.")
    if regularization.cutmix and len(shape) < 2:
        raise ValueError(
            f"`cutmix` needs series or images, but samples of data {data.name!r} have shape "
            f"{data.input_shape}, without neighbourhoods to cut: use mixup. "
            f"Received: cutmix={regularization.cutmix:g}"
        )
