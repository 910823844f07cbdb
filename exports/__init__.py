"""Export any Keras model as a checked, versioned SavedModel, and load it without Keras.

This package imports TensorFlow, but Keras only for functions that write or change a model.
"""

from .blessing import Blessing
from .calibration import expected_calibration_error, fit_temperature
from .checks import Checks
from .compression import Compression, LayerChange, Refusal, fold_batch_norm, shrink
from .conformal import Intervals, PredictionSets
from .errors import ExportError
from .export import Export, export
from .formats import ONNX, Format, LiteRT, OpenVINO
from .gates import GateResult
from .heads.multilabel import fit_thresholds
from .load import load
from .predictor import Predictor
from .publishing import Version, labels, listing, models_config, promote, prune, rollback
from .signatures import Embedding, ImageBytes, Signature, Uncertainty
from .specs import SignatureSpecs
from .verify import verify

__all__ = [
    "ONNX",
    "Blessing",
    "Checks",
    "Compression",
    "Embedding",
    "Export",
    "ExportError",
    "Format",
    "GateResult",
    "ImageBytes",
    "Intervals",
    "LayerChange",
    "LiteRT",
    "OpenVINO",
    "PredictionSets",
    "Predictor",
    "Refusal",
    "Signature",
    "SignatureSpecs",
    "Uncertainty",
    "Version",
    "expected_calibration_error",
    "export",
    "fit_temperature",
    "fit_thresholds",
    "fold_batch_norm",
    "labels",
    "listing",
    "load",
    "models_config",
    "promote",
    "prune",
    "rollback",
    "shrink",
    "verify",
]
