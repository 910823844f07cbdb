"""`TensorBoard`: Keras' callback, with what regularization costs and buys."""

import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import keras

from . import summaries
from .card import card
from .embeddings import Embeddings
from .epoch_scalars import EpochScalars
from .event_file import EventFile
from .graph import graphed, op_graph
from .grid import grid
from .hparams import HParams
from .labelled import Labelled
from .layout import layout
from .learning_rates import LearningRates
from .pictures import Pictures, picture
from .scoped_step import ScopedStep
from .weights import weight_histograms, weight_images

__all__ = ["TensorBoard"]

_SAMPLES = 32
_VALIDATION = 1000


class TensorBoard(keras.callbacks.TensorBoard):
    """Logs a training for TensorBoard; give it after the callbacks whose values it shall show.

    Takes the arguments of `keras.callbacks.TensorBoard` and differs from it in that

    - scalars come in groups, with training, validation and `train_eval` as curves of one chart (see
      `names.grouped`), and the Custom Scalars dashboard has a layout, with a band from the data
      loss to the total loss; `names="keras"` keeps Keras' names, and no layout;
    - everything that callbacks before it put into `logs` is shown (`LossLedger`, ...), the norms of
      the weights, and a text card of the model;
    - an integer `update_freq` loses no epoch;
    - `write_graph` writes the graph of operations (on TensorFlow), and Keras' conceptual graph;
    - the Projector finds the embeddings, and the features of the `validation` samples;
    - between two of its hooks no file is open, whether `fit` ends, stops or raises (with an integer
      `update_freq`, the writer for the summaries of the model's own layers is);
    - metrics that are arrays are drawn, an entry of a vector as `<metric>/<index>`;
    - of a model that wraps another one (`zoo.SharpnessAware`) it draws the inner graph, and a part
      of card or graph that cannot be made is left out, with a warning;
    - it can be used for several `fit`, and copied before and after;
    - KerasTuner gives subclasses, too, a directory for each trial.

    Args:
        log_dir, histogram_freq, write_graph, write_images, write_steps_per_second, update_freq,
            profile_batch, embeddings_freq, embeddings_metadata: as in Keras.
        samples: training samples for the Images dashboard: `(x, y)`, `x`, or batches of them such
            as a `tf.data.Dataset`. Features and series are drawn as curves.
        augmentation: a layer or a function `(x, training=)`; the picture then has below each sample
            what it makes of it, with a fixed seed.
        validation: samples `(x, y)` of a classifier, up to 1000 of which are used: for a confusion
            matrix, a reliability diagram, the surest mistakes and the least sure answers, curves of
            precision over recall, and features in the Projector. `y` holds class numbers or rows
            of probabilities; several labels a sample are refused.
        class_names: of all classes.
        from_logits: whether the model returns logits; by default what its loss says.
        pictures_freq: epochs from one picture of `validation` to the next; the last epoch always
            has one, of the weights that training leaves.
        card: more for the text card: Markdown, or values by title, such as
            `{"Regularization": regularization}`.
        hparams: `HParams`, or values by name, for the HParams dashboard.
        names: "grouped" or "keras".

    Raises:
        ValueError: an argument out of range; samples that cannot be drawn, or validation samples
            that do not fit the model.

    Example: for the data of `fit`, `TensorBoard("runs/a", validation=(x, y))` shows most.

    >>> callback = TensorBoard("runs/a", update_freq=100, hparams={"l2": 1e-4})
    >>> callback.hparams.effective()
    {'l2': 0.0001}
    """

    def __init__(
        self,
        log_dir="logs",
        histogram_freq=0,
        write_graph=True,
        write_images=False,
        write_steps_per_second=False,
        update_freq="epoch",
        profile_batch=0,
        embeddings_freq=0,
        embeddings_metadata=None,
        *,
        samples: Any = None,
        augmentation: Callable[..., Any] | None = None,
        validation: Any = None,
        class_names: Sequence[str] | None = None,
        from_logits: bool | None = None,
        pictures_freq: int = 5,
        card: str | Mapping[str, Any] | None = None,
        hparams: HParams | Mapping[str, Any] | None = None,
        names: Literal["grouped", "keras"] = "grouped",
    ):
        _check(update_freq=update_freq, pictures_freq=pictures_freq, names=names)
        if augmentation is not None and samples is None:
            raise ValueError("augmentation needs samples= to be drawn. Received: samples=None")
        super().__init__(
            log_dir,
            histogram_freq=histogram_freq,
            write_graph=write_graph,
            write_images=write_images,
            write_steps_per_second=write_steps_per_second,
            update_freq=update_freq,
            profile_batch=profile_batch,
            embeddings_freq=embeddings_freq,
            embeddings_metadata=embeddings_metadata,
        )
        self.names = names
        self.augmentation = augmentation
        self.class_names = class_names
        self.pictures_freq = pictures_freq
        self.card = card
        self.hparams = hparams if isinstance(hparams, HParams | None) else HParams(hparams)
        self.samples = _gather(samples, _SAMPLES, "samples")
        labelled = _gather(validation, _VALIDATION, "validation")
        self.pictures = Pictures(labelled, class_names, from_logits) if labelled else None
        self._reset()

    def __init_subclass__(cls, **kwargs):
        # KerasTuner gives a directory for each trial to callbacks whose class has this name.
        super().__init_subclass__(**kwargs)
        cls.__name__ = "TensorBoard"

    def __getstate__(self):
        # A copy is not in a training: it has no model, no writer, and no module for `summary`.
        inert = dict.fromkeys(("_model", "_step", "_embeddings", "_rates", "_summary_module"))
        return {**self.__dict__, **inert, "_writers": {}}

    def get_state(self) -> dict[str, int]:
        """What a resumed training needs to go on: the steps of an integer `update_freq`."""
        return {"train_batch": self._global_train_batch, "test_batch": self._global_test_batch}

    def set_state(self, state: dict[str, int]) -> None:
        """The inverse of `get_state`, within `fit`."""
        self._global_train_batch = state["train_batch"]
        self._global_test_batch = state["test_batch"]

    def _reset(self):
        self._files: dict[str, EventFile] = {}
        self._scalars = EpochScalars(self.names)
        self._embeddings: Embeddings | None = None
        self._step: ScopedStep | None = None
        self._rates: LearningRates | None = None
        self._epoch = 0
        self._training = self._described = False

    def set_model(self, model):
        self._pop_writer()
        self._close_writers()
        self._reset()
        self._model = model
        self._log_write_dir = self.log_dir
        self._train_dir = os.path.join(self.log_dir, "train")
        self._val_dir = os.path.join(self.log_dir, "validation")
        self._should_write_train_graph = False  # Keras' attempt fails

    def on_train_begin(self, logs=None):
        self._reset()
        self._training = True
        self._global_train_batch = 0
        self._previous_epoch_iterations = 0
        if samples := self._sample_pictures():
            self._file("train").add(0, *samples)
        if self.model.built:
            self._describe_model()
        if self.hparams:
            self._file("").add(0, self.hparams.row())
        if self.embeddings_freq:
            self._embeddings = Embeddings(
                self._train_dir, self.model, self.embeddings_metadata, self.pictures
            )
            self._embeddings.write(self.model)

    def on_train_end(self, logs=None):
        self._pop_writer()
        if self._is_tracing:
            self._stop_trace()
        self._draw()
        if self._embeddings:
            self._embeddings.write(self.model)
        if self.hparams:
            self._file("").add(self._epoch, self.hparams.end())
        self._close_writers()
        self._training = False

    def on_train_batch_end(self, batch, logs=None):
        self._pop_writer()
        super().on_train_batch_end(batch)
        if self.update_freq == "epoch" or self._global_train_batch % self.update_freq:
            return
        values = {f"batch_{name}": value for name, value in (logs or {}).items()}
        if self.write_steps_per_second:
            seconds = time.time() - self._batch_start_time
            values["batch_steps_per_second"] = 1 / seconds
        if self.names == "grouped":
            values = {f"batch/{n.removeprefix('batch_')}": v for n, v in values.items()}
        self._add_scalars("train", values, self._global_train_batch)

    def on_test_begin(self, logs=None):
        if self.update_freq != "epoch":
            self._push_writer(self._val_writer, self._global_test_batch)

    def on_test_end(self, logs=None):
        self._pop_writer()
        iterations = getattr(self.model.optimizer, "iterations", None)
        # In `fit` these are the figures that the epoch logs anyway.
        if iterations is not None and not (self._training and self.names == "grouped"):
            values = {f"evaluation_{n}_vs_iterations": v for n, v in (logs or {}).items()}
            if self.names == "grouped":
                values = {n.replace("_", "/", 1): v for n, v in values.items()}
            self._add_scalars("validation", values, int(keras.ops.convert_to_numpy(iterations)))
        if not self._training:
            self._close_writers()

    def on_epoch_end(self, epoch, logs=None):
        self._epoch = epoch
        if not self._described:  # a model without an input is built by its first batch
            self._describe_model()
        super().on_epoch_end(epoch, logs)
        if self.pictures and epoch % self.pictures_freq == 0 and epoch + 1 < self.params["epochs"]:
            self._draw()

    def _log_epoch_metrics(self, epoch, logs):
        if not logs:
            return
        values = self._collect_learning_rate(dict(logs))
        if self.write_steps_per_second:
            values["steps_per_second"] = self._compute_steps_per_second()
        known = len(self._scalars.tags)
        for run, tags in self._scalars.take(values, self.model).items():
            self._add_scalars(run, tags, epoch)
        if len(self._scalars.tags) > known:
            self._describe(epoch)

    def _collect_learning_rate(self, logs):
        self._rates = self._rates or LearningRates(self.model)
        return {**logs, **self._rates()}

    def _describe(self, epoch: int) -> None:
        """Writes, when values appear for the first time, how the dashboards show them."""
        if self.names == "grouped":
            self._file("train").add(epoch, layout(tag for _, tag in self._scalars.tags))
        if self.hparams:
            self._file("").add(epoch, self.hparams.experiment(self._scalars.judged()))

    def _log_weights(self, epoch):
        kinds: list[tuple[str, Any]] = [("histogram", weight_histograms)]
        if self.write_images:
            kinds.append(("image", weight_images))
        for kind, of in kinds:
            tag = f"weights/{kind}/{{}}" if self.names == "grouped" else f"{{}}/{kind}"
            self._file("train").add(epoch, *of(self.model, tag.format))

    def _log_embeddings(self, epoch):
        if self._embeddings:
            self._embeddings.write(self.model)

    def _draw(self) -> None:
        if self.pictures:
            self._file("validation").add(self._epoch, *self.pictures.draw(self.model))

    def _describe_model(self) -> None:
        """Writes the card and the graphs."""
        self._described = True
        if self.card is not None or self.names == "grouped":
            self._file("train").add(0, summaries.text("card", card(self.model, self.card)))
        if not self.write_graph:
            return
        drawn = graphed(self.model)
        if json := _possible("the conceptual graph", drawn.to_json):
            self._file("train").add(0, summaries.keras_graph(json))
        if graph := _possible("the graph of operations", lambda: op_graph(drawn)):
            self._file("train").add_graph(graph)

    def _sample_pictures(self) -> list[Any]:
        if self.samples is None:
            return []
        return [picture("samples", grid(self.samples, self.class_names, self.augmentation))]

    def _file(self, run: str) -> EventFile:
        if run not in self._files:
            self._files[run] = EventFile(os.path.join(self.log_dir, run))
        return self._files[run]

    def _add_scalars(self, run: str, values: Mapping[str, Any], step: int) -> None:
        if values:
            self._file(run).add(step, summaries.scalars(values))

    # What follows takes the place of Keras' way to let layers write summaries of their own.

    @property
    def summary(self):
        """TensorFlow's module of that name; Keras' callback keeps it, and cannot be copied then."""
        from tensorflow import summary

        return summary

    def _push_writer(self, writer, step):
        def enter():
            recorded = self.summary.record_if(lambda: step % self.update_freq == 0)
            return [writer.as_default(step), recorded]

        name = "train_function" if writer is self._writers.get("train") else "test_function"
        self._step = ScopedStep(self.model, name, enter, self._close_writers)

    def _pop_writer(self):
        if self._step:
            self._step.undo()
        self._step = None

    def _close_writers(self):
        super()._close_writers()
        self._writers = {}


def _gather(source: Any, limit: int, argument: str) -> Labelled | None:
    return None if source is None else Labelled.gather(source, limit, argument)


def _possible(what: str, make: Callable[[], Any]) -> Any:
    """What `make` returns, or `None` and a warning: a training does not end for want of it."""
    try:
        return make()
    except Exception as error:  # layers and functions of the user's own may raise anything
        warnings.warn(
            f"TensorBoard: {what} is left out, since making it raised {type(error).__name__}: "
            f"{error}",
            stacklevel=2,
        )
        return None


def _check(*, update_freq: Any, pictures_freq: Any, names: Any) -> None:
    if update_freq not in ("batch", "epoch") and not _is_count(update_freq):
        raise ValueError(
            "update_freq must be 'batch', 'epoch' or a positive integer. "
            f"Received: update_freq={update_freq!r}"
        )
    if not _is_count(pictures_freq):
        raise ValueError(
            f"pictures_freq must be a positive integer. Received: pictures_freq={pictures_freq!r}"
        )
    if names not in ("grouped", "keras"):
        raise ValueError(f"names must be 'grouped' or 'keras'. Received: names={names!r}")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
