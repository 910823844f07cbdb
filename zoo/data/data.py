"""`Data`: the training, validation and test part of one data set."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from ...core.checks import check_path
from .errors import data_errors
from .report import describe
from .split import Split, endless, one_epoch

__all__ = ["Data"]


@dataclass(frozen=True, eq=False)
class Data:
    """Data that is split, preprocessed and batched; made by `load_data`.

    Batches are pairs of features `(batch, *input_shape)` float32 and labels `(batch,)` int32. The
    last batch of a pass may be smaller. `validation` serves early stopping and tuning; `test` is
    read once, at the end.

    Args:
        arguments: as JSON values; `load_data(**arguments)` makes the same data again.
        origin: where the data is from: a file, a directory or a builder and its version.
        class_names: one name for each class, in the order of the labels.
        preprocessing: the layer from raw features to those in `train`, `validation` and `test`.
            It is applied there already; an export has to contain it.
        raw_splits: the parts before preprocessing: `train`, `validation`, `test`.
        has_own_validation: whether the validation part is the source's own, and not held out.

    Example:

    >>> from occam import zoo
    >>> data = zoo.load_data("digits", batch_size=64)
    >>> data.input_shape, data.num_classes, data.sizes
    ((8, 8, 1), 10, {'train': 1293, 'validation': 144, 'test': 360})
    """

    EXPECTED: ClassVar[str] = "an occam.zoo.Data from zoo.load_data (arrays: save them as .npz)"

    arguments: Mapping[str, Any]
    origin: str
    class_names: tuple[str, ...]
    preprocessing: keras.layers.Normalization
    raw_splits: Mapping[str, Split] = field(repr=False)
    has_own_validation: bool = field(default=False, repr=False)

    @property
    def name(self) -> str:
        """As given to `load_data`."""
        return self.arguments["name"]

    @property
    def batch_size(self) -> int:
        """Examples in a batch."""
        return self.arguments["batch_size"]

    @property
    def seed(self) -> int:
        """Of the validation split and of the order of `train`."""
        return self.arguments["seed"]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return self.raw_splits["train"].input_shape

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    @property
    def sizes(self) -> dict[str, int]:
        """The number of examples in each part."""
        return {name: split.size for name, split in self.raw_splits.items()}

    @property
    def steps_per_epoch(self) -> int:
        """The number of batches in one pass over the training part."""
        return -(-self.sizes["train"] // self.batch_size)

    @property
    def in_memory(self) -> bool:
        """Whether the examples are held as arrays."""
        return self.raw_splits["train"].in_memory

    @cached_property
    def value_range(self) -> tuple[float, float]:
        """The smallest and the largest feature of the training part, before preprocessing."""
        with data_errors():
            batches = (x for x, _ in self.raw("train").as_numpy_iterator())
            lows, highs = zip(*((x.min(), x.max()) for x in batches), strict=True)
        return float(min(lows)), float(max(highs))

    @cached_property
    def standardized_range(self) -> list[list[float]]:
        """`value_range` after preprocessing: the lowest and the highest value of each channel."""
        mean, variance = (
            np.reshape(moment, -1)
            for moment in (self.preprocessing.mean, self.preprocessing.variance)
        )
        return [((bound - mean) / np.sqrt(variance)).tolist() for bound in self.value_range]

    @cached_property
    def train(self) -> tf.data.Dataset:
        """The training part, shuffled anew at each iteration."""
        return one_epoch(self._epoch(self.seed), self.steps_per_epoch)

    @cached_property
    def validation(self) -> tf.data.Dataset:
        """The validation part, in a fixed order."""
        return self._prepared["validation"].batches(self.batch_size)

    @cached_property
    def test(self) -> tf.data.Dataset:
        """The test part, in a fixed order."""
        return self._prepared["test"].batches(self.batch_size)

    def epochs(self, first_epoch: int = 0, *, seed: int) -> tf.data.Dataset:
        """Shuffled training batches, epoch after epoch, without end.

        The order of epoch `e` depends on `seed` and `e` alone, so that a resumed run sees what
        the uninterrupted one would have seen.

        Args:
            first_epoch: the epoch to begin with.
            seed: of the order.
        """
        return endless(self._epoch(seed), first_epoch)

    def raw(self, split: str) -> tf.data.Dataset:
        """Batches of the part `split` before preprocessing, in a fixed order.

        Args:
            split: `"train"`, `"validation"` or `"test"`.

        Raises:
            ValueError: no such part.
        """
        if not isinstance(split, str) or split not in self.raw_splits:
            raise ValueError(f"split must be one of {[*self.raw_splits]}. Received: {split!r}")
        return self.raw_splits[split].batches(self.batch_size)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the raw examples to a `.npz` file, which `load_data` reads.

        Args:
            path: of the file, `*.npz`. Its arrays: `x` and `y`, training and validation; `x_test`
                and `y_test`; `x_val` and `y_val` where the validation part is the source's own,
                which is then not in `x` and `y`. Labels are the names of the classes, which
                `load_data` numbers in their alphabetical order.

        Raises:
            ValueError: the path does not end in `.npz`, or its directory does not exist.
        """
        check_path("path", path)
        if Path(path).suffix != ".npz":
            raise ValueError(f"Data is saved to a file *.npz. Received: {os.fspath(path)}")
        if not Path(path).parent.is_dir():
            raise ValueError(f"Data is saved to an existing directory. Received: {os.fspath(path)}")
        with data_errors():
            if self.has_own_validation:
                arrays = self._arrays("train") | self._arrays("validation", suffix="_val")
            else:
                arrays = self._arrays("train", "validation")
            arrays |= self._arrays("test", suffix="_test")
        temporary = Path(path).with_suffix(".tmp.npz")
        np.savez(temporary, **arrays)
        temporary.replace(path)

    def _arrays(self, *parts: str, suffix: str = "") -> dict[str, np.ndarray]:
        batches = (batch for part in parts for batch in self.raw(part).as_numpy_iterator())
        x, y = map(np.concatenate, zip(*batches, strict=True))
        return {f"x{suffix}": x, f"y{suffix}": np.asarray(self.class_names)[y]}

    def to_dict(self) -> dict[str, Any]:
        """What a run has to remember of its data, as JSON values."""
        return {
            **self.arguments,
            "origin": self.origin,
            "sizes": self.sizes,
            "input_shape": list(self.input_shape),
            "class_names": list(self.class_names),
            "preprocessing": keras.saving.serialize_keras_object(self.preprocessing),
        }

    def describe(self) -> str:
        """A plain-text table of all this, with the balance of the classes."""
        return describe(self)

    def _epoch(self, seed: int) -> Callable[[tf.Tensor], tf.data.Dataset]:
        train = self._prepared["train"]
        return lambda number: train.epoch(number, self.batch_size, seed=seed)

    @cached_property
    def _prepared(self) -> dict[str, Split]:
        splits = self.raw_splits.items()
        return {name: split.standardized(self.preprocessing) for name, split in splits}
