"""`train_transform`: augmentation, mixing and label smoothing of training batches."""

from ..augmentation import CutMix, LabelSmoothing, Mix, MixUp, Pipeline, resolve_augmentation
from ..data import Data
from ..regularization import Regularization


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
    layers, classes = [], data.num_classes
    if regularization.augmentation != "none":
        image = len(data.input_shape) == 3
        arguments = {"value_range": data.standardized_range} if image else {}
        tier = regularization.augmentation
        layers.append(resolve_augmentation(tier, data.input_shape, seed=0, **arguments))
    mixup, cutmix = regularization.mixup, regularization.cutmix
    if mixup and cutmix:
        layers.append(Mix(classes, mixup_alpha=mixup, cutmix_alpha=cutmix))
    elif mixup:
        layers.append(MixUp(classes, mixup))
    elif cutmix:
        layers.append(CutMix(classes, cutmix))
    if epsilon := regularization.label_smoothing:
        layers.append(LabelSmoothing(classes, epsilon))
    return Pipeline(layers, seed=0, name="train_transform")


def check_train_transform(data: Data, regularization: Regularization) -> None:
    """Raise a `ValueError` if `cutmix` is on and the data is a table."""
    if regularization.cutmix and len(data.input_shape) < 2:
        raise ValueError(
            f"`cutmix` needs series or images, but samples of data {data.name!r} have shape "
            f"{data.input_shape}, without neighbourhoods to cut: use mixup. "
            f"Received: cutmix={regularization.cutmix:g}"
        )
