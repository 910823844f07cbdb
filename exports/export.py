"""`export`: a Keras classifier becomes a checked, versioned SavedModel, or nothing is published."""

import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from ..core.checks import check_integer
from .blessing import bless
from .card import check_card, write_card
from .checks import Checks, check_data
from .compaction import Compaction, fold_batch_norm, row_seconds, shrink
from .format_files import format_files
from .formats import Format, check_formats, choose_formats, convert
from .gates import Candidate, run_gates
from .gates.in_c import compiled
from .gates.sample import sample
from .predictor import Predictor, open_version
from .publishing import labels, listing, prune, publish, staging
from .servable import Servable, Traceable
from .signatures import Signature, choose_signatures
from .specs import SignatureSpecs
from .warmup import check_batch_sizes, write_warmup

if TYPE_CHECKING:
    import keras

    from .classifier import Classifier

__all__ = ["Export", "export"]


@dataclass(frozen=True)
class Export:
    """What was published, and where.

    Args:
        path: the SavedModel, `<directory>/<version>`.
        version: its number.
        class_names: the name of each class, by class id.
        signatures: what goes into each signature and comes out, by its name.
        compactions: the reports of what was made smaller before, by `"shrink"` and `"fold"`.
        row_seconds: how long the graphs of the model before all of these and after take for one
            row; empty without compactions.
        sparsity: the fraction of exact zeros in the weights of two axes or more, as written.
        formats: the bytes of each format that was written besides, by its name.
    """

    path: Path
    version: int
    class_names: tuple[str, ...]
    signatures: Mapping[str, SignatureSpecs]
    compactions: Mapping[str, Compaction]
    row_seconds: tuple[float, ...]
    sparsity: float
    formats: Mapping[str, int]

    @property
    def inputs(self) -> Mapping[str, tf.TensorSpec]:
        """Input name of `serving_default` to `tf.TensorSpec` of shape `(None, ...)`."""
        return self.signatures["serving_default"].inputs

    @property
    def outputs(self) -> Mapping[str, tf.TensorSpec]:
        """Output name of `serving_default` to `tf.TensorSpec`."""
        return self.signatures["serving_default"].outputs

    def __str__(self) -> str:
        lines = [f"version {self.version} in {self.path}"]
        for name, specs in self.signatures.items():
            lines += [f"  {name}", *(f"    {line}" for line in str(specs).splitlines())]
        lines += [f"  {name}: {report.line()}" for name, report in self.compactions.items()]
        if self.row_seconds:
            before, after = (f"{1000 * seconds:.2f} ms" for seconds in self.row_seconds)
            lines.append(f"  one row: {before} to {after}")
        lines += [f"  format {name}: {size:,} bytes" for name, size in self.formats.items()]
        return "\n".join([*lines, f"  classes {', '.join(self.class_names)}"])


def export(
    model: "keras.Model",
    directory: str | os.PathLike[str],
    *,
    class_names: Sequence[str] | None = None,
    preprocessing: Callable[[Any], Any] | None = None,
    from_logits: bool | None = None,
    signatures: Sequence[str | Signature] = ("serving_default",),
    temperature: float = 1.0,
    fold: bool = False,
    shrink: bool = False,
    formats: Sequence[str | Format] = (),
    warmup: Sequence[int] = (1,),
    checks: Checks = Checks(),  # noqa: B008
    card: Mapping[str, Any] | None = None,
    keep: int | None = None,
) -> Export:
    """Publishes a classifier for serving, as `<directory>/<version>`, the next free version.

    The SavedModel has the signature `serving_default`, from the model's inputs by name to
    `probabilities` (float32, `(n, classes)`), `class_id` (int64, `(n,)`) and `label` (string,
    `(n,)`), and those that are asked for besides. It runs in inference mode for good: its graph is
    searched for operations that draw random numbers, change a variable or call Python. Reloaded, it
    must answer as `model.predict` does, the same in batches of any size and in a process without
    Keras; `blessing.json` tells what was found. Only then it appears, complete, in one step; `load`
    or a server that polls the directory sees the version before until that moment.

    Args:
        model: any Keras model with one output of shape `(batch, classes)`, or `(batch, 1)` for two
            classes. Its inputs keep their names; one that was given none is called `inputs`. A loss
            of Keras that it was compiled with must not say something else: regression, margins, or
            several labels at a time are refused. Without one, the model is taken for a classifier.
        directory: the parent of the versions, created if need be.
        class_names: one name a class; by default "0", "1", ...
        preprocessing: a function of TensorFlow operations or a Keras layer or model, from raw
            inputs to the model's, stored as part of the graph. Raw inputs are float32 and have the
            model's names and shapes, unless it is a Keras model, whose own inputs count, or a
            layer that looks up strings or integers or vectorizes text.
        from_logits: whether the outputs are logits rather than probabilities; by default what the
            last activation says (linear, or softmax or sigmoid). It has to be what the compiled
            loss takes them for. One linear output of a model without a loss of Keras may be a
            quantity as well, so that it has to be said.
        signatures: what can be asked besides `serving_default`: `"logits"`, `"embedding"`,
            `"image_bytes"`, `"classify"`, `"uncertainty"`, or `exports.Embedding(layer)`,
            `exports.ImageBytes(max_pixels)`, `exports.Uncertainty(samples)`.
        temperature: by which all logits are divided, as `fit_temperature` finds it.
        fold: whether batch normalization becomes part of the kernels, by `fold_batch_norm`.
        shrink: whether dead units are removed, by `shrink`.
        formats: what is written besides the SavedModel, into `formats/<name>/`, with the numbers of
            `serving_default`: `"litert"`, `"onnx"`, `"openvino"`; and, with data in `checks`,
            `"litert_float16"`, `"litert_dynamic"` or `exports.LiteRT("int8", calibration=...)`.
        warmup: batch sizes of the requests that a server asks each signature before it serves the
            version, so that no client waits for the first one; they are answered here before. ()
            writes none.
        checks: data to be judged by, and another SavedModel to be as fast as.
        card: what is known of the model, JSON values by name, for `README.md` and `export.json`;
            `license`, `datasets`, `tags` and the like go into the header of the model card.
        keep: how many of the newest versions are left in the directory, besides those that have a
            label; None: all.

    Raises:
        ExportError: the model is no such classifier, or was compiled with the loss of another
            task, or is not one for a signature, or a format, what a format needs is missing, or the
            written model does not pass a gate, which the message names. Nothing was published.
        OSError: nothing can be written into `directory`.
        TypeError: an argument is something else.
        ValueError: `class_names` are not as many as the classes, or two are the same, a signature
            or a format is unknown, `temperature` is not positive, `warmup` has no batch sizes, the
            data of `checks` has other inputs or classes, or the model is not one to fold or shrink.

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
    from .classifier import Classifier  # here, since only a writer needs Keras

    _check_types(directory, checks, card)
    chosen, others = choose_signatures(signatures), choose_formats(formats)
    _check_compaction(chosen, fold, shrink)
    check_card(card or {})
    check_batch_sizes(warmup, len(chosen))
    check_integer("keep", keep, 1, optional=True)
    if checks.in_c:
        compiled()  # without a compiler it fails now and not at the end
    classifier = Classifier(model, preprocessing, from_logits, class_names, temperature)
    check_data(checks.data, classifier.inputs.specs, classifier.class_names)
    check_formats(others, classifier.inputs.specs, checks.data)
    served, compactions = _compacted(model, fold, shrink)
    smaller = Classifier(served, preprocessing, classifier.from_logits, class_names, temperature)
    both = (classifier.probabilities, smaller.probabilities)
    seconds = tuple(row_seconds(both, classifier.inputs.specs)) if compactions else ()
    servable = _servable(smaller, chosen.values())
    sparsity = servable.sparsity
    directory = Path(directory)
    with staging(directory) as staged:
        servable.save(str(staged))
        written = open_version(staged)
        _write_warmup(staged, written, warmup)
        candidate = _candidate(staged, written, classifier, servable, checks)
        results = (*run_gates(candidate), *convert(others, smaller, candidate))
        packages = [package for format in others for package in format.packages]
        blessing = bless(staged, results, candidate.precision, packages)
        write_card(staged, written, blessing, card or {}, _made(compactions, seconds, sparsity))
        path = publish(staged)
    if keep is not None:
        prune(directory, keep)
    sizes = {name: sum(files.values()) for name, files in format_files(path).items()}
    return Export(
        path,
        int(path.name),
        written.class_names,
        written.specs,
        compactions,
        seconds,
        sparsity,
        sizes,
    )


def _check_types(directory: Any, checks: Any, card: Any) -> None:
    expected = {
        "directory": (directory, str | os.PathLike, "a path"),
        "checks": (checks, Checks, "exports.Checks(...)"),
        "card": (card, Mapping | None, "values by name, or None"),
    }
    for name, (given, kinds, what) in expected.items():
        if not isinstance(given, kinds):
            raise TypeError(f"{name} must be {what}. Received: {name}={given!r}")


def _made(
    compactions: Mapping[str, Compaction], seconds: tuple[float, ...], sparsity: float
) -> dict[str, Any]:
    """What the card says of the model as it was written."""
    made: dict[str, Any] = {"sparsity": sparsity}
    made |= {name: report.to_dict() for name, report in compactions.items()}
    if seconds:
        made["row_seconds"] = dict(zip(("before", "after"), seconds, strict=True))
    return made


def _write_warmup(staged: Path, written: Predictor, batch_sizes: Sequence[int]) -> None:
    if batch_sizes:
        asked = ((name, size) for name in written.signatures for size in batch_sizes)
        write_warmup(staged, ((name, sample(written, name, size)) for name, size in asked))


def _candidate(
    staged: Path,
    written: Predictor,
    classifier: "Classifier",
    servable: Servable,
    checks: Checks,
) -> Candidate:
    weights = servable.weights_by_path.values()
    return Candidate(
        staged,
        written,
        classifier.predict,
        servable.precision,
        classifier.class_names,
        sum(weight.dtype.size * weight.shape.num_elements() for weight in weights),
        None if checks.data is None else _live(staged.parent, written),
        **vars(checks),
    )


def _live(directory: Path, written: Predictor) -> Path | None:
    """The blessed version that is served now, if it takes the same inputs."""
    blessed = {v.version: v for v in listing(directory) if v.blessing is not None}
    latest = blessed.get(max(blessed, default=0))
    live = blessed.get(labels(directory).get("stable", 0), latest)
    if live is None or live.signatures["serving_default"].inputs.keys() != written.inputs.keys():
        return None
    return live.path


def _check_compaction(signatures: Mapping[str, Signature], fold: bool, without_dead: bool) -> None:
    if (fold or without_dead) and "uncertainty" in signatures:
        raise ValueError(
            "Expected fold=False and shrink=False with the signature 'uncertainty': both move "
            "constants past layers that drop, after which other things are dropped than in "
            f"training. Received: fold={fold}, shrink={without_dead}"
        )


def _compacted(
    model: "keras.Model", fold: bool, without_dead: bool
) -> tuple["keras.Model", dict[str, Compaction]]:
    reports = {}
    if without_dead:
        model, reports["shrink"] = shrink(model)
    if fold:
        model, reports["fold"] = fold_batch_norm(model)
    return model, reports


def _servable(classifier: "Classifier", signatures: Iterable[Signature]) -> Servable:
    traceables = {
        signature.name: Traceable(
            functools.partial(signature.answer, classifier),
            signature.inputs(classifier),
            signature.method,
        )
        for signature in signatures
    }
    return Servable(traceables, classifier.class_names, classifier.variables)
