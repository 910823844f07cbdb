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

from ...core.checks import check_one_of, check_path, message
from ...core.text_table import table
from .source import data_errors
from .split import Split, endless, one_epoch


@dataclass(frozen=True, eq=False)
class Data:
    """Data that is split, standardized and batched, as returned by `load_data`.

    Batches are pairs of features `(batch, *input_shape)` float32 and labels `(batch,)` int32. The
    last batch of a pass may be smaller. Early stopping and tuning use `validation`; `test` is read
    once, at the end.

    Args:
        arguments: The arguments of `load_data` as JSON values: `load_data(**arguments)` returns
            the same data again.
        origin: The file, the directory, or the builder and its version.
        class_names: One name for each class, in the order of the labels.
        preprocessing: The layer from raw features to those in `train`, `validation` and `test`.
            It is applied there already; an export must contain it.
        raw_splits: The parts before preprocessing: `train`, `validation`, `test`.
        has_own_validation: Whether the source has a validation part, so none is held out.

    Example:

    >>> from occam import zoo
    >>> data = zoo.load_data("digits", batch_size=64)
    >>> data.input_shape, data.num_classes, data.sizes
    ((8, 8, 1), 10, {'train': 1293, 'validation': 144, 'test': 360})
    """

    EXPECTED: ClassVar[str] = "an occam.zoo.Data from zoo.load_data (save arrays as .npz first)"

    arguments: Mapping[str, Any]
    origin: str
    class_names: tuple[str, ...]
    preprocessing: keras.layers.Normalization
    raw_splits: Mapping[str, Split] = field(repr=False)
    has_own_validation: bool = field(default=False, repr=False)

    @property
    def name(self) -> str:
        """The name in `load_data`."""
        return self.arguments["name"]

    @property
    def batch_size(self) -> int:
        """The number of examples in a batch."""
        return self.arguments["batch_size"]

    @property
    def seed(self) -> int:
        """The seed of the validation split and of the order of `train`."""
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
        """Whether the examples are arrays in memory."""
        return self.raw_splits["train"].in_memory

    @cached_property
    def value_range(self) -> tuple[float, float]:
        """The smallest and largest feature of the training part, before preprocessing."""
        with data_errors():
            batches = (x for x, _ in self.raw("train").as_numpy_iterator())
            lows, highs = zip(*((x.min(), x.max()) for x in batches), strict=True)
        return float(min(lows)), float(max(highs))

    @cached_property
    def standardized_range(self) -> list[list[float]]:
        """`value_range` after preprocessing: the lowest and highest value of each channel."""
        layer = self.preprocessing
        mean, variance = (np.reshape(moment, -1) for moment in (layer.mean, layer.variance))
        return [((bound - mean) / np.sqrt(variance)).tolist() for bound in self.value_range]

    @cached_property
    def train(self) -> tf.data.Dataset:
        """The training part, shuffled anew at each iteration."""
        return one_epoch(self._epoch(self.seed), self.steps_per_epoch)

    @cached_property
    def validation(self) -> tf.data.Dataset:
        """The validation part, in a fixed order."""
        return self._standardized["validation"].batches(self.batch_size)

    @cached_property
    def test(self) -> tf.data.Dataset:
        """The test part, in a fixed order."""
        return self._standardized["test"].batches(self.batch_size)

    def epochs(self, first_epoch: int = 0, *, seed: int) -> tf.data.Dataset:
        """Return shuffled training batches, epoch after epoch, without end.

        The order of epoch `e` depends on `seed` and `e` alone, so a resumed run sees the batches
        of the uninterrupted one.
        """
        return endless(self._epoch(seed), first_epoch)

    def _epoch(self, seed: int) -> Callable[[tf.Tensor], tf.data.Dataset]:
        train = self._standardized["train"]
        return lambda number: train.epoch(number, self.batch_size, seed=seed)

    @cached_property
    def _standardized(self) -> dict[str, Split]:
        splits = self.raw_splits.items()
        return {name: split.standardized(self.preprocessing) for name, split in splits}

    def raw(self, split: str) -> tf.data.Dataset:
        """Return batches of "train", "validation" or "test" before preprocessing, in order."""
        check_one_of("split", split, self.raw_splits)
        return self.raw_splits[split].batches(self.batch_size)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the raw examples to a `.npz` file, which `load_data` reads.

        The arrays are `x` and `y` (training and validation part), `x_test` and `y_test`. If the
        source has a validation part, it is in `x_val` and `y_val` instead. Labels are the names
        of the classes; `load_data` numbers them in alphabetical order.
        """
        check_path("path", path)
        if Path(path).suffix != ".npz" or not Path(path).parent.is_dir():
            expected = "a file *.npz in an existing directory"
            raise ValueError(message("path", os.fspath(path), expected))
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
        """Return the record of the data that a run keeps, as JSON values."""
        return {
            **self.arguments,
            "origin": self.origin,
            "sizes": self.sizes,
            "input_shape": list(self.input_shape),
            "class_names": list(self.class_names),
            "preprocessing": keras.saving.serialize_keras_object(self.preprocessing),
        }

    def describe(self) -> str:
        """Return a plain-text description with a table of the samples of each class and part."""
        place = "in memory" if self.in_memory else "streamed from disk"
        head = [
            ("name", self.name),
            ("from", self.origin),
            ("input", f"{self.input_shape} float32, {place}"),
            ("classes", str(self.num_classes)),
            ("batches", f"{self.steps_per_epoch} of {self.batch_size} in an epoch"),
            ("inputs are", "standardized over the last axis, by the training part"),
        ]
        splits = self.raw_splits.values()
        counts = [np.bincount(s.labels, minlength=self.num_classes).tolist() for s in splits]
        rows = [*zip(self.class_names, *counts, strict=True), ("all", *self.sizes.values())]
        balance = table(("class", *self.raw_splits), rows)
        return "\n".join([*(f"{name:<12}{value}" for name, value in head), "", balance])
