"""LiteRT, formerly TensorFlow Lite: for phones and small devices, and fast for single rows."""

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import tensorflow as tf

from ...core.checks import check_one_of
from ..servable import SIGNATURE
from ..specs import checked_features
from .format import Engine, Format, import_package

_FILE = "model.tflite"
_INTERPRETER = "ai_edge_litert.interpreter"

Quantization = Literal["float32", "float16", "dynamic", "int8"]


class LiteRT(Format):
    """LiteRT, formerly TensorFlow Lite: `formats/litert*/model.tflite`.

    Inputs and outputs keep their dtypes for every quantization.

    Args:
        quantization: `"float32"` is exact. `"float16"` stores the weights in half the bytes,
            `"dynamic"` in a quarter, and computes with integers where possible, scaled anew for
            each request. `"int8"` computes with integers only, scaled once by `calibration`.
        calibration: Features by input name for `"int8"`: about 100 rows of typical requests.

    Raises:
        ValueError: If the quantization is unknown, `"int8"` has no `calibration`, or another
            quantization has one.

    Example:

    >>> from occam import exports
    >>> exports.LiteRT("float16").name
    'litert_float16'

    Reference: Jacob et al., Quantization and Training of Neural Networks for Efficient
        Integer-Arithmetic-Only Inference, 2018, https://arxiv.org/abs/1712.05877
    """

    packages = (_INTERPRETER,)

    def __init__(
        self,
        quantization: Quantization = "float32",
        *,
        calibration: Mapping[str, Any] | None = None,
    ):
        check_one_of("quantization", quantization, get_args(Quantization))
        if (quantization == "int8") != (calibration is not None):
            raise ValueError(
                "`calibration` must be a dict from input name to rows for 'int8', else None. "
                f"Received: quantization={quantization!r} "
                f"{'without' if calibration is None else 'with'} `calibration`"
            )
        self.quantization = quantization
        self.calibration = calibration
        self.name = "litert" if quantization == "float32" else f"litert_{quantization}"

    def check(self, specs: Mapping[str, tf.TensorSpec]) -> None:
        """Raise an error for text, a missing package, or a calibration that does not fit."""
        super().check(specs)
        if self.calibration is not None:
            received = sorted(self.calibration)
            self.calibration = checked_features(specs, self.calibration, received)
            if not len(next(iter(self.calibration.values()))):
                raise ValueError("`calibration` must have at least one row. Received: 0 rows")

    def write(self, saved_model: Path, directory: Path) -> None:
        """Write `model.tflite`."""
        converter: Any = tf.lite.TFLiteConverter.from_saved_model(
            str(saved_model), signature_keys=[SIGNATURE]
        )
        if self.quantization != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if self.quantization == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if self.quantization == "int8":
            converter.representative_dataset = self._rows
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        with warnings.catch_warnings():
            # TensorFlow 2.21 calibrates with its own interpreter, which is deprecated.
            warnings.filterwarnings("ignore", r"\s*Warning: tf\.lite\.Interpreter is deprecated")
            (directory / _FILE).write_bytes(converter.convert())

    def _rows(self) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        features = self.calibration or {}
        for row in range(len(next(iter(features.values())))):
            yield SIGNATURE, {name: array[row : row + 1] for name, array in features.items()}


class LiteRTEngine(Engine):
    """`model.tflite` in LiteRT's interpreter, on the CPU."""

    def __init__(self, directory: Path):
        runtime = import_package(_INTERPRETER, directory.name)
        interpreter = runtime.Interpreter(str(directory / _FILE))
        self._runner: Any = interpreter.get_signature_runner(SIGNATURE)
        self.inputs = set(self._runner.get_input_details())
        self.outputs = set(self._runner.get_output_details())

    def __call__(self, features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        answer = self._runner(**features)
        return {name: answer[name] for name in self.outputs}
