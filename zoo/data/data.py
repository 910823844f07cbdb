"""`Data`: the training, validation and test part of one data set."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import keras
import numpy as np
import tensorflow as tf

from ...core.checks import check_integer, check_one_of, check_path, message
from ..tasks import Classification, DataError, Given, Multilabel, Task
from .description import describe
from .folds import fold_masks, is_folds, parse_folds
from .npz import write_npz
from .preprocessing import fit_preprocessing
from .robust_scale import RobustScale
from .source import data_errors
from .split import ArraySplit, DatasetSplit, Split, arguments_of, one_epoch
from .text import vocabulary_size

_ROUGHNESS_BATCHES = 32


@dataclass(frozen=True, eq=False)
class Data:
    """Data that is split, preprocessed and batched, as returned by `load_data`.

    Batches are `(x, y)`, or `(x, y, sample_weight)` if there are weights: features `(batch,
    *input_shape)` float32 and targets as `task` encodes them. The last batch of a pass may be
    smaller. Early stopping and tuning use `validation`; `test` is read once, at the end.

    Args:
        arguments: The arguments of `load_data` as JSON values. `load_data(**arguments)` returns the
            same data again if it is `reloadable`; data in memory has a digest instead.
        origin: The file, the directory, or the builder and its version.
        task: What the targets are.
        preprocessing: The layer from raw features to those in `train`, `validation` and `test`.
            It is applied there already; an export must contain it.
        raw_splits: The parts before preprocessing: `train`, `validation` (but see `cv`) and, if
            any, `test`.
        has_own_validation: Whether the source has a validation part, so none is held out.
        class_weights: A weight for each class, in the order of `task.names`, or `None`.
        task_found: Whether the task was recognized from the targets, not told.
        columns: The kind of each column of a table ("number", "category", "date" or "text"), or
            `None` for other data.
        left_out: The image files that could not be read and were left out.
        hold_out_by: How rows are held out: "strata", "group" or "time".
        fit_preprocessing: The function from a raw training part and `origin` to the preprocessing.

    Example:

    >>> from occam import zoo
    >>> data = zoo.load_data("digits", batch_size=64)
    >>> data.input_shape, data.num_classes, data.sizes
    ((8, 8, 1), 10, {'train': 1293, 'validation': 144, 'test': 360})
    """

    EXPECTED: ClassVar[str] = "an occam.zoo.Data from zoo.load_data"

    arguments: Mapping[str, Any]
    origin: str
    task: Task
    preprocessing: keras.layers.Layer
    raw_splits: Mapping[str, Split] = field(repr=False)
    has_own_validation: bool = field(default=False, repr=False)
    class_weights: tuple[float, ...] | None = None
    task_found: bool = field(default=False, repr=False)
    columns: Mapping[str, str] | None = field(default=None, repr=False)
    left_out: tuple[str, ...] = field(default=(), repr=False)
    hold_out_by: Literal["strata", "group", "time"] = field(default="strata", repr=False)
    fit_preprocessing: Callable[[Any, str], keras.layers.Layer] = field(
        default=fit_preprocessing, repr=False
    )

    __getstate__ = arguments_of

    @property
    def name(self) -> str:
        """The name or path of the source, or the type of data in memory."""
        return self.arguments["source"]

    @property
    def batch_size(self) -> int:
        """The number of examples in a batch."""
        return self.arguments["batch_size"]

    @property
    def seed(self) -> int:
        """The seed of the validation split and of the order of `train`."""
        return self.arguments["seed"]

    @property
    def reloadable(self) -> bool:
        """Whether `load_data(**arguments)` returns the same data again."""
        return not {"digest", "rows"} & {*self.arguments}

    @property
    def cv(self) -> str | None:
        """The folds that stand for a validation part, such as "cv:5x2", or `None`."""
        given = self.arguments.get("validation")
        return given if is_folds(given) and "validation" not in self.raw_splits else None

    @cached_property
    def input_shape(self) -> Any:
        """The shape of one example after preprocessing; by input name if there are several."""
        if isinstance(self.preprocessing, keras.Model):
            return keras.tree.map_structure(
                lambda tensor: tuple(tensor.shape[1:]), self.preprocessing.output
            )
        return self.raw_splits["train"].input_shape

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class or label, in the order of the outputs of a model."""
        if not isinstance(self.task, Classification | Multilabel):
            raise AttributeError(
                f"Data {self.name!r} has no classes; its task is {self.task.kind}. See `data.task`."
            )
        return self.task.names

    @property
    def num_classes(self) -> int:
        """The number of classes or labels."""
        return len(self.class_names)

    @property
    def sizes(self) -> dict[str, int]:
        """The number of examples in each part."""
        return {name: split.size for name, split in self.raw_splits.items()}

    @property
    def steps_per_epoch(self) -> int:
        """The number of batches in one pass over the training part."""
        train = self.raw_splits["train"]
        if isinstance(train, DatasetSplit):
            return train.steps
        return -(-self.sizes["train"] // self.batch_size)

    @property
    def in_memory(self) -> bool:
        """Whether the examples are arrays in memory."""
        return self.raw_splits["train"].in_memory

    @property
    def divisible(self) -> bool:
        """Whether the training and validation part are arrays, from which `folds` can be made."""
        parts = [part for name, part in self.raw_splits.items() if name != "test"]
        return all(isinstance(part, ArraySplit) for part in parts)

    @property
    def has_weights(self) -> bool:
        """Whether batches have sample weights."""
        return self.class_weights is not None or self.raw_splits["train"].weights is not None

    @property
    def vocabulary_size(self) -> int | None:
        """The number of different word numbers of a text, or `None` for other data."""
        return vocabulary_size(self.preprocessing)

    @cached_property
    def value_range(self) -> tuple[float, float]:
        """The smallest and largest feature of the training part, before preprocessing.

        Raises:
            AttributeError: If the features are not one array of numbers.
        """
        if isinstance(self.raw_splits["train"].input_shape, dict) or self.vocabulary_size:
            raise AttributeError(f"Data {self.name!r} has no range, but columns or texts.")
        with data_errors():
            batches = (batch[0] for batch in self.raw("train").as_numpy_iterator())
            lows, highs = zip(*((x.min(), x.max()) for x in batches), strict=True)
        return float(min(lows)), float(max(highs))

    @cached_property
    def standardized_range(self) -> list[list[float]]:
        """`value_range` after preprocessing: the lowest and highest value of each channel."""
        layer: Any = self.preprocessing
        if not isinstance(layer, keras.layers.Normalization | RobustScale):
            return [[bound] * self.input_shape[-1] for bound in self.value_range]
        bounds = (np.full((1, *self.input_shape), bound, "float32") for bound in self.value_range)
        scaled = (np.asarray(keras.ops.convert_to_numpy(layer(bound))) for bound in bounds)
        return [values.reshape(-1, values.shape[-1])[0].tolist() for values in scaled]

    @cached_property
    def roughness(self) -> float:
        """The root mean square change of the training series from one step to the next.

        It is in the unit of the preprocessed features: 0.6 for mnist1d, 0.07 for the smooth
        outlines of arrow heads, 1.4 for white noise.
        """
        changes = (
            np.diff(batch[0], axis=1).ravel()
            for batch in self.epochs(seed=0)
            .take(min(_ROUGHNESS_BATCHES, self.steps_per_epoch))
            .as_numpy_iterator()
        )
        return float(np.sqrt(np.mean(np.concatenate([*changes]) ** 2)))

    @cached_property
    def train(self) -> tf.data.Dataset:
        """The training part, shuffled anew at each iteration."""
        split = self._standardized["train"]
        if isinstance(split, DatasetSplit):
            return self.weighted(split.batches(self.batch_size))

        def epoch(number):
            return split.epoch(number, self.batch_size, seed=self.seed)

        return self.weighted(one_epoch(epoch, self.steps_per_epoch))

    @cached_property
    def validation(self) -> tf.data.Dataset:
        """The validation part, in a fixed order."""
        if "validation" not in self.raw_splits:
            folds = f", but folds ({self.cv}), see Data.folds" if self.cv else ""
            raise AttributeError(f"Data {self.name!r} has no validation part{folds}.")
        return self.weighted(self._standardized["validation"].batches(self.batch_size))

    @cached_property
    def test(self) -> tf.data.Dataset:
        """The test part, in a fixed order."""
        if "test" not in self._standardized:
            raise AttributeError(f"Data {self.name!r} has no test part.")
        return self.weighted(self._standardized["test"].batches(self.batch_size))

    def epochs(
        self, first_epoch: int = 0, *, seed: int, class_weights: bool = True
    ) -> tf.data.Dataset:
        """Return shuffled training batches, epoch after epoch, without end.

        The order of epoch `e` depends on `seed` and `e` alone, so a resumed run sees the batches
        of the uninterrupted one. A `tf.data.Dataset` is in the order that it has.

        Args:
            first_epoch: The number of the first epoch.
            seed: The seed of the order.
            class_weights: Whether to add the weights of the classes, if there are any.
        """
        batches = self._standardized["train"].epochs(first_epoch, self.batch_size, seed=seed)
        return self.weighted(batches) if class_weights else batches

    def weighted(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Add the weights of the classes, if there are any, to batches `(x, y)`.

        Soft labels get the mean of the weights of their classes.
        """
        if self.class_weights is None:
            return batches
        by_class = np.array(self.class_weights, "float32")

        def weigh(x, y):
            soft = y.dtype.is_floating
            return x, y, tf.linalg.matvec(y, by_class) if soft else tf.gather(by_class, y)

        return batches.map(weigh)

    @cached_property
    def _standardized(self) -> dict[str, Split]:
        splits = self.raw_splits.items()
        return {name: split.standardized(self.preprocessing) for name, split in splits}

    def raw(self, split: str) -> tf.data.Dataset:
        """Return batches of "train", "validation" or "test" before preprocessing, in order."""
        check_one_of("split", split, self.raw_splits)
        return self.raw_splits[split].batches(self.batch_size)

    def folds(self, k: int | None = None, repeats: int = 1) -> list["Data"]:
        """Return data for each fold of a repeated k-fold cross-validation.

        The rows of the training and validation part are divided into k validation parts, stratified
        by class if there are classes; each fold trains on the other rows. A fold has no test part.
        Its preprocessing is fitted to its training part, unless the features would change their
        shape, because only some rows have a category or a word: then it is that of this data. The
        task is the same for all, so that their losses can be compared.

        Args:
            k: The number of folds; by default, that of `cv`.
            repeats: The number of times to divide the rows, each in another way.

        Returns:
            `repeats * k` data sets, repeat by repeat, the same for the same `seed` of the data.

        Raises:
            ValueError: If `k` or `repeats` is out of range, or `k` is `None` without `cv`.
            DataError: If the data is not in memory or is held out by time, or there are fewer than
                k samples of a class, or k groups.

        Example:

        >>> from occam import zoo
        >>> data = zoo.load_data("breast_cancer", validation="cv:5x2")
        >>> data.sizes, len(data.folds()), data.folds()[0].sizes
        ({'train': 455, 'test': 114}, 10, {'train': 364, 'validation': 91})
        """
        k, repeats = self._folds(k, repeats)
        return [
            self._divided(
                f"fold {number} of cv:{k}x{repeats}",
                train=self._rows.subset(~mask),
                validation=self._rows.subset(mask),
            )
            for number, mask in enumerate(self.fold_masks(k, repeats))
        ]

    def fold_masks(self, k: int | None = None, repeats: int = 1) -> np.ndarray:
        """Return which rows each of `folds` validates on, bool `(repeats * k, rows)`.

        The rows are those of the training part of `without_validation`.
        """
        k, repeats = self._folds(k, repeats)
        how: Any = {"task": self.task, "hold_out_by": self.hold_out_by, "origin": self.origin}
        return fold_masks(self._rows, k, repeats, seed=self.seed, **how)

    def _folds(self, k: int | None, repeats: int) -> tuple[int, int]:
        if k is not None:
            return k, repeats
        if self.cv is None or repeats != 1:
            raise ValueError(
                "`k` must be an integer >= 2, unless the data has `cv`, which says both `k` and "
                f"`repeats`. Received: k=None, repeats={repeats!r}"
            )
        return parse_folds(self.cv)

    def with_batch_size(self, batch_size: int) -> "Data":
        """Return the data in batches of another size.

        Raises:
            DataError: If the data is a dataset of batches, which have a size of their own.

        Example:

        >>> from occam import zoo
        >>> data = zoo.load_data("digits", batch_size=100)
        >>> data.steps_per_epoch, data.with_batch_size(50).steps_per_epoch
        (13, 26)
        """
        check_integer("batch_size", batch_size, minimum=1)
        if batch_size == self.batch_size:
            return self
        if isinstance(self.raw_splits["train"], DatasetSplit):
            raise DataError(f"{self.origin}: a dataset has batches of its own, of one size.")
        return replace(self, arguments={**self.arguments, "batch_size": batch_size})

    def without_validation(self) -> "Data":
        """Return the data with the rows of the validation part in the training part.

        The test part is the same, and so is the preprocessing: features mean the same to a model
        that is refitted.

        Raises:
            DataError: If the data is not in memory.

        Example:

        >>> from occam import zoo
        >>> zoo.load_data("digits").without_validation().sizes
        {'train': 1437, 'test': 360}
        """
        if "validation" not in self.raw_splits:
            return self
        return self._divided("without validation", self.preprocessing, train=self._rows)

    @cached_property
    def _rows(self) -> Any:
        """The raw rows of the training and validation part."""
        train, validation = self.raw_splits["train"], self.raw_splits.get("validation")
        if isinstance(train, ArraySplit) and isinstance(validation, ArraySplit):
            return train.joined(validation)
        return train

    def _divided(
        self, rows: str, preprocessing: keras.layers.Layer | None = None, **splits: Any
    ) -> "Data":
        """Return data of other parts; without a preprocessing, fit it to the training part."""
        if not self.divisible:
            raise DataError(f"{self.origin}: only data in memory can be divided anew.")
        if "validation" not in splits and "test" in self.raw_splits:
            splits["test"] = self.raw_splits["test"]
        weights = self.class_weights
        if self.arguments["class_weight"] == "balanced":
            weights = balanced_weights(splits["train"].targets, self.task.units)
        data = replace(
            self,
            arguments={**self.arguments, "rows": rows},
            raw_splits=splits,
            preprocessing=preprocessing or self.fit_preprocessing(splits["train"], self.origin),
            has_own_validation=False,
            class_weights=weights,
        )
        same = (self.input_shape, self.vocabulary_size)
        if (data.input_shape, data.vocabulary_size) != same:
            return replace(data, preprocessing=self.preprocessing)
        return data

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the raw examples to a `.npz` file, which `load_data` reads.

        The arrays are `x` and `y` (training and validation part), `x_test` and `y_test`. If the
        source has a validation part, it is in `x_val` and `y_val` instead; sample weights are in
        `weight`, `weight_test`, ... The names of the classes stand for their numbers. `task` has
        the kind and the names of the task.

        Raises:
            ValueError: If the path is not that of a `.npz` file, the features are several arrays
                (save a table with pandas instead), or the targets are not of a task.
        """
        check_path("path", path)
        if Path(path).suffix != ".npz" or not Path(path).parent.is_dir():
            expected = "a file *.npz in an existing directory"
            raise ValueError(message("path", os.fspath(path), expected))
        if isinstance(self.raw_splits["train"].input_shape, dict):
            raise ValueError(
                f"Data {self.name!r} cannot be saved, since its features are several arrays. Save "
                "a table with DataFrame.to_parquet, and several inputs with numpy.savez."
            )
        if isinstance(self.task, Given):
            raise ValueError(f"Data {self.name!r} cannot be saved, since its targets have no task.")
        write_npz(Path(path), self)

    def to_dict(self) -> dict[str, Any]:
        """Return the record of the data that a run keeps, as JSON values."""
        return {
            "name": self.name,
            "arguments": dict(self.arguments),
            "origin": self.origin,
            "sizes": self.sizes,
            "input_shape": keras.tree.map_shape_structure(list, self.input_shape),
            "task": self.task.to_dict(),
            "preprocessing": keras.saving.serialize_keras_object(self.preprocessing),
        }

    def describe(self) -> str:
        """Return a plain-text description with tables of the targets and the columns of each part.

        It says how the task was found, and lists the kind and the missing values of columns.
        """
        return describe(self)


def balanced_weights(targets: np.ndarray, classes: int) -> tuple[float, ...]:
    """Return a weight for each class that gives all classes the same sum of weights."""
    counts = np.bincount(targets, minlength=classes)
    return tuple((len(targets) / (classes * np.maximum(counts, 1))).tolist())
