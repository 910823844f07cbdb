"""`TensorBoard`: Keras' callback, with the costs and effects of regularization."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import keras

from ...core.checks import check_integer, check_one_of, message
from ..variables import copy_of
from . import summaries
from .charts import layout
from .description import card, innermost, op_graph, or_warn
from .epoch_scalars import EpochScalars, LearningRates
from .event_file import EventFile
from .hparams import HParams
from .predictions import PICTURES, Predictions, titles
from .projector import Embeddings
from .samples import SampleSet, grid

_MAX_SAMPLES = 32
_MAX_VALIDATION_SAMPLES = 1000


class TensorBoard(keras.callbacks.TensorBoard):
    """Log a training for TensorBoard, with the costs and effects of regularization.

    Put it after the callbacks that log values to show (`LossLedger`, `Schedule`, ...). It takes the
    arguments of `keras.callbacks.TensorBoard` and differs from it as follows:

    - Scalars come in groups. One chart shows training, validation and train_eval data as curves,
      and the Custom Scalars dashboard has a layout, with a band from the data loss to the total
      loss. `names="keras"` keeps Keras' names, without a layout.
    - It also logs the norms of the weights, and a text card of the model.
    - It logs every epoch, also with an integer `update_freq`.
    - `write_graph` writes the graph of operations (on TensorFlow) and Keras' conceptual graph, of
      the inner model if one wraps another (`zoo.SharpnessAware`). A warning names a graph or a part
      of the card that fails.
    - The Images and PR Curves dashboards show predictions for `validation` samples, as they suit
      the task, and the Projector embeddings and the features of these samples.
    - An array as a metric is logged entry by entry, as `<metric>/<index>`.
    - It works in several calls of `fit`, and can be copied before and after. KerasTuner gives each
      trial a directory. No file stays open after an exception.

    Args:
        log_dir, histogram_freq, write_graph, write_images, write_steps_per_second, update_freq,
            profile_batch, embeddings_freq, embeddings_metadata: As in Keras.
        samples: Training samples for the Images dashboard: `(x, y)`, `x`, or batches of these such
            as a `tf.data.Dataset`. Features and series are drawn as curves. They have their labels
            as titles if the task is known.
        augmentation: A layer or a function `(x, training=)`, applied to the samples with a fixed
            seed to show its results.
        validation: Up to 1000 samples `(x, y)` for a model with one output `(samples, units)`,
            drawn by task:

            - classification: a confusion matrix, a reliability diagram, the most confident
              mistakes, the most uncertain predictions, and curves of precision over recall. `y`
              holds integer classes or rows of probabilities.
            - multilabel: F1 scores, a reliability diagram of all labels, co-occurrence of labels,
              the samples with the largest log loss, and curves of precision over recall. `y` is a
              matrix of 0 and 1.
            - regression: true over predicted values, residuals over predicted values and their
              histogram for each target, and the samples with the largest residuals.
        class_names: The names of all classes, labels or targets.
        from_logits: Whether the model returns logits, by default as its loss says.
        task: "classification", "multilabel" or "regression"; by default as the compiled loss says.
            Needed for `validation` if it does not, as a loss of another package.
        pictures_freq: The number of epochs between pictures of `validation`. The last epoch always
            has them, with the final weights; `None` draws no others.
        card: More content for the text card: Markdown, or values by title, such as
            `{"Regularization": regularization}`.
        hparams: `HParams`, or values by name, for the HParams dashboard.
        names: "grouped" or "keras".

    Raises:
        ValueError: If an argument is out of range, samples cannot be drawn, or the validation
            samples do not fit the model.

    Example:

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
        task: Literal["classification", "multilabel", "regression"] | None = None,
        pictures_freq: int | None = 5,
        card: str | Mapping[str, Any] | None = None,
        hparams: HParams | Mapping[str, Any] | None = None,
        names: Literal["grouped", "keras"] = "grouped",
    ):
        is_count = isinstance(update_freq, int) and not isinstance(update_freq, bool)
        if update_freq not in ("batch", "epoch") and not (is_count and update_freq > 0):
            expected = "'batch', 'epoch' or an integer >= 1"
            raise ValueError(message("update_freq", update_freq, expected))
        check_integer("pictures_freq", pictures_freq, minimum=1, optional=True)
        check_one_of("names", names, ("grouped", "keras"))
        check_one_of("task", task, (*PICTURES, None))
        if augmentation is not None and samples is None:
            raise ValueError(message("samples", samples, "given to show `augmentation`"))
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
        self.task = task
        self.pictures_freq = pictures_freq
        self.card = card
        self.hparams = hparams if isinstance(hparams, HParams | None) else HParams(hparams)
        self.samples = self.predictions = None
        if samples is not None:
            self.samples = SampleSet.gather(samples, _MAX_SAMPLES, "samples")
        if validation is not None:
            labelled = SampleSet.gather(validation, _MAX_VALIDATION_SAMPLES, "validation")
            self.predictions = Predictions(labelled, class_names, from_logits, task)
        self._reset()

    def __init_subclass__(cls, **kwargs):
        # KerasTuner gives a directory for each trial to callbacks whose class has this name.
        super().__init_subclass__(**kwargs)
        cls.__name__ = "TensorBoard"

    def __getstate__(self):
        # A copy belongs to no training: it has no model, no writer and no module `summary`.
        inert = ("_model", "_restore_step", "_embeddings", "_rates", "_summary_module")
        return {**self.__dict__, **dict.fromkeys(inert), "_writers": {}}

    def get_state(self) -> dict[str, int]:
        return {"train_batch": self._global_train_batch, "test_batch": self._global_test_batch}

    def set_state(self, state: dict[str, int]) -> None:
        self._global_train_batch = state["train_batch"]
        self._global_test_batch = state["test_batch"]

    def _reset(self):
        self._files: dict[str, EventFile] = {}
        self._scalars = EpochScalars(self.names)
        self._embeddings: Embeddings | None = None
        self._restore_step: Callable[[], None] | None = None
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
        self._should_write_train_graph = False  # Keras' own attempt fails

    def on_train_begin(self, logs=None):
        self._reset()
        self._training = True
        self._global_train_batch = 0
        self._previous_epoch_iterations = 0
        if self.predictions:
            self.predictions.check(self.model)
        if self.samples:
            texts = titles(self.samples, self.model, self.class_names, self.task)
            figure = grid(self.samples, texts, self.augmentation)
            self._file("train").add(0, summaries.figure("samples", figure))
        if self.model.built:
            self._describe_model()
        if self.hparams:
            self._file("").add(0, self.hparams.row())
        if self.embeddings_freq:
            self._embeddings = Embeddings(
                self._train_dir, self.model, self.embeddings_metadata, self.predictions
            )
            self._embeddings.write()

    def on_train_end(self, logs=None):
        self._pop_writer()
        if self._is_tracing:
            self._stop_trace()
        self._draw_predictions()
        self._log_embeddings(self._epoch)
        if self.hparams:
            self._file("").add(self._epoch, self.hparams.end())
        self._close_writers()
        self._training = False

    def on_train_batch_end(self, batch, logs=None):
        self._pop_writer()
        super().on_train_batch_end(batch)
        if self.update_freq == "epoch" or self._global_train_batch % self.update_freq:
            return
        values = dict(logs or {})
        if self.write_steps_per_second:
            values["steps_per_second"] = 1 / (time.time() - self._batch_start_time)
        prefix = "batch/" if self.names == "grouped" else "batch_"
        tags = {f"{prefix}{name}": value for name, value in values.items()}
        self._add_scalars("train", tags, self._global_train_batch)

    def on_test_begin(self, logs=None):
        if self.update_freq != "epoch":
            self._push_writer(self._val_writer, self._global_test_batch)

    def on_test_end(self, logs=None):
        self._pop_writer()
        iterations = getattr(self.model.optimizer, "iterations", None)
        # Within `fit`, the epoch logs the same values.
        if iterations is not None and not (self._training and self.names == "grouped"):
            prefix = "evaluation/" if self.names == "grouped" else "evaluation_"
            values = {f"{prefix}{name}_vs_iterations": v for name, v in (logs or {}).items()}
            self._add_scalars("validation", values, int(keras.ops.convert_to_numpy(iterations)))
        if not self._training:
            self._close_writers()

    def on_epoch_end(self, epoch, logs=None):
        self._epoch = epoch
        if not self._described:  # the first batch has built a model without an input
            self._describe_model()
        super().on_epoch_end(epoch, logs)
        is_last = epoch + 1 == self.params["epochs"]  # drawn at the end of the training
        if self.pictures_freq and epoch % self.pictures_freq == 0 and not is_last:
            self._draw_predictions()

    # Keras' callback calls the following methods.

    def _log_epoch_metrics(self, epoch, logs):
        if not logs:
            return
        values = self._collect_learning_rate(dict(logs))
        if self.write_steps_per_second:
            values["steps_per_second"] = self._compute_steps_per_second()
        known = len(self._scalars.tags)
        for run, tags in self._scalars.take(values, self.model).items():
            self._add_scalars(run, tags, epoch)
        if len(self._scalars.tags) > known:  # new scalars change the dashboards
            if self.names == "grouped":
                self._file("train").add(epoch, layout(tag for _, tag in self._scalars.tags))
            if self.hparams:
                self._file("").add(epoch, self.hparams.experiment(self._scalars.metrics()))

    def _collect_learning_rate(self, logs):
        self._rates = self._rates or LearningRates(self.model)
        return {**logs, **self._rates()}

    def _log_weights(self, epoch):
        tag = "weights/{kind}/{path}" if self.names == "grouped" else "{path}/{kind}"
        made = []
        for weight in self.model.weights:
            values, path = copy_of(weight).astype("float64"), weight.path
            made.append(summaries.histogram(tag.format(kind="histogram", path=path), values))
            if self.write_images:
                made.append(summaries.pixels(tag.format(kind="image", path=path), values))
        self._file("train").add(epoch, *made)

    def _log_embeddings(self, epoch):
        if self._embeddings:
            self._embeddings.write()

    def _draw_predictions(self) -> None:
        if self.predictions:
            self._file("validation").add(self._epoch, *self.predictions.draw(self.model))

    def _describe_model(self) -> None:
        self._described = True
        if self.card is not None or self.names == "grouped":
            self._file("train").add(0, summaries.text("card", card(self.model, self.card)))
        if not self.write_graph:
            return
        model = innermost(self.model)
        if json := or_warn("the conceptual graph", model.to_json):
            self._file("train").add(0, summaries.keras_graph(json))
        if graph := or_warn("the graph of operations", lambda: op_graph(model)):
            self._file("train").add_graph(graph)

    def _file(self, run: str) -> EventFile:
        if run not in self._files:
            self._files[run] = EventFile(os.path.join(self.log_dir, run))
        return self._files[run]

    def _add_scalars(self, run: str, values: Mapping[str, Any], step: int) -> None:
        if values:
            self._file(run).add(step, summaries.scalars(values))

    # The methods below replace those by which Keras lets layers write their own summaries.

    @property
    def summary(self):
        """The module `tf.summary`; Keras' callback stores it, and cannot be copied."""
        from tensorflow import summary

        return summary

    def _push_writer(self, writer, step):
        """Make a writer the default during the next step only, unlike Keras, in case it raises."""
        model = self.model
        name = "train_function" if writer is self._writers.get("train") else "test_function"
        function: Any = getattr(model, name, None)

        def call(*args):
            self._pop_writer()
            recorded = self.summary.record_if(lambda: step % self.update_freq == 0)
            with writer.as_default(step), recorded:
                try:
                    return function(*args)
                except BaseException as error:
                    if type(error).__name__ not in ("StopIteration", "OutOfRangeError"):
                        self._close_writers()
                    raise

        if function is not None:
            setattr(model, name, call)
            self._restore_step = lambda: setattr(model, name, function)

    def _pop_writer(self):
        if self._restore_step:
            self._restore_step()
            self._restore_step = None

    def _close_writers(self):
        super()._close_writers()
        self._writers = {}
