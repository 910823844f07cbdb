"""`export`: publish a Keras model as a checked, versioned SavedModel, or nothing at all."""

import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tensorflow as tf

from ..core.checks import check_integer, check_path, check_type
from .blessing import bless
from .card import check_card, write_card
from .checks import Checks, checked_data
from .compression import Compression, fold_batch_norm, row_seconds, shrink
from .conformal import Intervals, PredictionSets
from .formats import Format, check_formats, convert
from .gates import ExportCandidate, run_gates
from .gates.sample import sample
from .heads import HEADS
from .lookup import choose_formats, choose_signatures
from .predictor import Predictor
from .publishing import labels, listing, prune, publish, staging
from .saved_model import format_files, open_version
from .servable import SIGNATURE, Servable, Traceable
from .signatures import Signature
from .specs import SignatureSpecs
from .warmup import check_batch_sizes, write_warmup

if TYPE_CHECKING:
    import keras

    from .served_model import ServedModel


@dataclass(frozen=True)
class Export:
    """A published version, as `export` returns it.

    Args:
        path: The directory of the SavedModel, `<directory>/<version>`.
        version: The number of the version.
        task: "classification", "multilabel", "regression" or "outputs".
        names: The name of each class, label, target or output.
        signatures: The `SignatureSpecs` of each signature by name.
        compressions: The reports of `"remove_dead_units"` and `"fold"`, if enabled.
        row_seconds: The seconds for one row before and after the compressions, or ().
        sparsity: The fraction of exact zeros in the weights of two axes or more, as written.
        formats: The size in bytes of each other format by name.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3)])
    >>> options = {"task": "classification", "remove_dead_units": True}
    >>> published = exports.export(model, tempfile.mkdtemp(), **options)
    >>> published.version, list(published.compressions), list(published.outputs)
    (1, ['remove_dead_units'], ['class_id', 'label', 'probabilities'])
    """

    path: Path
    version: int
    task: str
    names: tuple[str, ...]
    signatures: Mapping[str, SignatureSpecs]
    compressions: Mapping[str, Compression]
    row_seconds: tuple[float, ...]
    sparsity: float
    formats: Mapping[str, int]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class, by class id, or of each label; () for other tasks."""
        return self.names if self.task in ("classification", "multilabel") else ()

    @property
    def inputs(self) -> Mapping[str, tf.TensorSpec]:
        """Input name of `serving_default` to `tf.TensorSpec` of shape `(None, ...)`."""
        return self.signatures[SIGNATURE].inputs

    @property
    def outputs(self) -> Mapping[str, tf.TensorSpec]:
        """Output name of `serving_default` to `tf.TensorSpec`."""
        return self.signatures[SIGNATURE].outputs

    def __str__(self) -> str:
        lines = [f"version {self.version} in {self.path}"]
        for name, specs in self.signatures.items():
            lines += [f"  {name}", *(f"    {line}" for line in str(specs).splitlines())]
        lines += [f"  {name}: {report.line()}" for name, report in self.compressions.items()]
        if self.row_seconds:
            before, after = (f"{1000 * seconds:.2f} ms" for seconds in self.row_seconds)
            lines.append(f"  one row: {before} to {after}")
        lines += [f"  format {name}: {size:,} bytes" for name, size in self.formats.items()]
        return "\n".join([*lines, f"  {HEADS[self.task].title.lower()} {', '.join(self.names)}"])


def export(
    model: "keras.Model",
    directory: str | os.PathLike[str],
    *,
    task: Literal["classification", "multilabel", "regression", "outputs"] | None = None,
    class_names: Sequence[str] | None = None,
    target_names: Sequence[str] | None = None,
    preprocessing: Callable[[Any], Any] | None = None,
    from_logits: bool | None = None,
    signatures: Sequence[str | Signature] = (SIGNATURE,),
    temperature: float = 1.0,
    thresholds: Sequence[float] | None = None,
    intervals: Intervals | None = None,
    prediction_sets: PredictionSets | None = None,
    fold: bool = False,
    remove_dead_units: bool = False,
    formats: Sequence[str | Format] = (),
    warmup: Sequence[int] = (1,),
    checks: Checks = Checks(),  # noqa: B008
    card: Mapping[str, Any] | None = None,
    keep: int | None = None,
) -> Export:
    """Publish a model for serving, as `<directory>/<version>`, the next free version.

    The SavedModel has the signature `serving_default`, from the model's inputs by name to answers
    that depend on the task:

    ================  =============================================================================
    classification    `probabilities` (float32, `(n, classes)`), `class_id` (int64, `(n,)`) and
                      `label` (string, `(n,)`), and with `prediction_sets` also `prediction_set`
                      (string, `(n, classes)`, the classes in the set and then "") and `set_size`
                      (int64, `(n,)`, how many)
    multilabel        `probabilities` (float32, `(n, labels)`), `labels` (string, `(n, labels)`, the
                      predicted ones and then "") and `count` (int64, `(n,)`, how many)
    regression        `values` (float32, `(n, targets)`), the outputs of the model, and with
                      `intervals` also `intervals` (float32, `(n, targets, 2)`)
    outputs           the outputs of the model by name, floats as float32
    ================  =============================================================================

    It always runs in inference mode: its graph is searched for operations that draw random
    numbers, change a variable or call Python. Reloaded, it must answer as `model.predict` does, in
    batches of any size and in a process without Keras. `blessing.json` is the record of these
    checks. The complete version appears in one step; until then `load` and servers see the old one.

    Args:
        model: Any Keras model with inputs that are known: functional, Sequential, or subclassed
            with one input and called once. Its inputs keep their names; one without a name is
            called `inputs`.
        directory: The parent of the versions, created if necessary.
        task: What the outputs mean. A model whose output is not a single one of shape
            `(batch, units)` has the task "outputs". For others it is by default read from the
            compiled loss and the last activation: a cross-entropy or softmax means classification,
            a binary cross-entropy or sigmoid classification for one unit and multilabel for
            several, and a squared, absolute or Huber error regression. `class_names` for several
            units, `from_logits`, `thresholds`, `target_names`, `intervals` and `prediction_sets`
            tell it as well. If nothing does, or two of them contradict each other, it is an error.
            A classifier of one unit gives the second of two classes.
        class_names: One name per class or label; by default "0", "1", ...
        target_names: One name per target of a regression; by default "target", or "target_0", ...
        preprocessing: A function of TensorFlow operations or a Keras layer or model, from raw
            inputs to the model's, stored as part of the graph. A Keras model defines the raw
            inputs; otherwise they have the names and shapes of the model's inputs and are float32,
            or strings or integers for a lookup layer or text vectorization.
        from_logits: Whether the outputs are logits rather than probabilities; by default read from
            the last activation (linear, or softmax or sigmoid). It must agree with the compiled
            loss.
        signatures: Signatures besides `serving_default`: `"logits"`, `"embedding"`,
            `"image_bytes"`, `"classify"`, `"uncertainty"`, or `exports.Embedding(layer)`,
            `exports.ImageBytes(max_pixels, size=...)`, `exports.Uncertainty(samples)`.
        temperature: The number that divides all logits of a classification, as `fit_temperature`
            returns it.
        thresholds: The threshold of each label of a multilabel classifier, as `fit_thresholds`
            returns them; by default 0.5.
        intervals: A coverage and data for the intervals of a regression.
        prediction_sets: A coverage and data for the prediction sets of a classification.
        fold: Whether to fold batch normalization into the kernels, by `fold_batch_norm`.
        remove_dead_units: Whether to remove dead units, by `shrink`.
        formats: Formats besides the SavedModel, written to `formats/<name>/`, with the numbers of
            `serving_default`: `"litert"`, `"onnx"`, `"openvino"`; and, with data in `checks`,
            `"litert_float16"`, `"litert_dynamic"` or `exports.LiteRT("int8", calibration=...)`.
        warmup: Batch sizes of the requests that a server sends to each signature before it serves
            the version, so that no client waits for the first answer. () writes none.
        checks: Data for the gates, and a baseline model to compare the latency with.
        card: Facts about the model for `README.md` and `export.json`, JSON values by name; keys
            such as `license`, `datasets` and `tags` go into the header of the model card.
        keep: The number of newest versions to keep, besides labelled ones; None keeps all.

    Raises:
        ExportError: If the model does not tell its task, or does not fit it, a signature or a
            format, a package is missing, or a gate fails, which the message names. Nothing is
            published.
        OSError: If nothing can be written into `directory`.
        TypeError: If an argument has the wrong type.
        ValueError: If an argument has a wrong value or is of another task, the data of `checks` has
            other inputs or targets, or the model cannot be compressed.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> model = keras.Sequential([keras.Input((4,), name="flower"), keras.layers.Dense(3)])
    >>> names = ["iris", "rose", "lily"]
    >>> published = exports.export(model, tempfile.mkdtemp(), class_names=names)
    >>> published.version, published.inputs["flower"].shape
    (1, TensorShape([None, 4]))

    Reference: Olston et al., TensorFlow-Serving: Flexible, High-Performance ML Serving, 2017,
        https://arxiv.org/abs/1712.06139
    """
    from .served_model import ServedModel  # here, since only writing needs Keras

    check_path("directory", directory)
    check_type("checks", checks, Checks, "an exports.Checks(...)")
    check_type("card", card, (Mapping, type(None)), "values by name, or None")
    card = card or {}
    chosen, others = choose_signatures(signatures), choose_formats(formats)
    _check_compression(chosen, fold, remove_dead_units)
    check_card(card)
    check_batch_sizes(warmup, len(chosen))
    check_integer("keep", keep, 1, optional=True)
    served = ServedModel(
        model,
        preprocessing,
        task=task,
        from_logits=from_logits,
        class_names=class_names,
        target_names=target_names,
        temperature=temperature,
        thresholds=thresholds,
        intervals=intervals,
        prediction_sets=prediction_sets,
    )
    checks = checked_data(checks, served.inputs.specs, served.head)
    check_formats(others, served.inputs.specs, checks.data, served.head)
    compressions, seconds = _compress(served, fold, remove_dead_units)
    servable = _servable(served, chosen.values())
    sparsity = servable.sparsity
    made: dict[str, Any] = {"sparsity": sparsity}
    made |= {name: report.to_dict() for name, report in compressions.items()}
    if seconds:
        made["row_seconds"] = dict(zip(("before", "after"), seconds, strict=True))
    directory = Path(directory)
    with staging(directory) as staged:
        servable.save(str(staged))
        written = open_version(staged)
        if warmup:
            requests = [(name, size) for name in written.signatures for size in warmup]
            write_warmup(staged, ((name, sample(written, name, size)) for name, size in requests))
        candidate = _candidate(staged, written, served, servable, checks)
        results = (*run_gates(candidate), *convert(others, served, candidate))
        packages = [package for format in others for package in format.packages]
        blessing = bless(staged, results, candidate.precision, packages)
        write_card(staged, written, blessing, card, made)
        path = publish(staged)
    if keep is not None:
        prune(directory, keep)
    return Export(
        path,
        int(path.name),
        written.task,
        written.head.names,
        written.specs,
        compressions,
        seconds,
        sparsity,
        {name: sum(files.values()) for name, files in format_files(path).items()},
    )


def _check_compression(signatures: Mapping[str, Signature], fold: bool, remove: bool) -> None:
    if (fold or remove) and "uncertainty" in signatures:
        raise ValueError(
            "`fold` and `remove_dead_units` must be False with the signature 'uncertainty', since "
            "they move constants past dropout. "
            f"Received: fold={fold}, remove_dead_units={remove}"
        )


def _compress(
    served: "ServedModel", fold: bool, remove_dead_units: bool
) -> tuple[dict[str, Compression], tuple[float, ...]]:
    """Make the served model smaller; return the reports, and the seconds of a row both ways."""
    reports = {}
    if remove_dead_units:
        served.written, reports["remove_dead_units"] = shrink(served.written)
    if fold:
        served.written, reports["fold"] = fold_batch_norm(served.written)
    if not reports:
        return {}, ()
    both = (functools.partial(served.answers, model=served.model), served.answers)
    return reports, tuple(row_seconds(both, served.inputs.specs))


def _servable(served: "ServedModel", signatures: Iterable[Signature]) -> Servable:
    traceables = {}
    for signature in signatures:
        signature.check_task(served.head.task)
        answer = functools.partial(signature.answer, served)
        traceables[signature.name] = Traceable(answer, signature.inputs(served), signature.method)
    return Servable(traceables, served.head, served.variables)


def _candidate(
    staged: Path, written: Predictor, served: "ServedModel", servable: Servable, checks: Checks
) -> ExportCandidate:
    weights = servable.weights_by_path.values()
    size = sum(weight.dtype.size * weight.shape.num_elements() for weight in weights)
    live = None if checks.data is None else _live(staged.parent, written)
    expected, precision = served.predict, servable.precision
    return ExportCandidate(staged, written, expected, precision, served.head, size, live, checks)


def _live(directory: Path, written: Predictor) -> Path | None:
    """Return the live version, if it has passed its gates and takes the same inputs."""
    blessed = {v.version: v for v in listing(directory) if v.blessing is not None}
    latest = blessed.get(max(blessed, default=0))
    live = blessed.get(labels(directory).get("stable", 0), latest)
    if live is None or live.signatures[SIGNATURE].inputs.keys() != written.inputs.keys():
        return None
    return live.path
