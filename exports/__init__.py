"""Any Keras model as a checked, versioned SavedModel, and the predictor that answers from it.

Importing this package, and `load`, need TensorFlow only; what writes or changes a model needs Keras
as well.
"""

from .blessing import Blessing
from .calibration_error import expected_calibration_error
from .checks import Checks
from .compression import Compression, LayerChange, Refusal, fold_batch_norm, shrink
from .errors import ExportError
from .export import Export, export
from .formats import ONNX, Format, LiteRT, OpenVINO
from .gates import GateResult
from .predictor import Predictor, load
from .publishing import Version, labels, listing, models_config, promote, prune, rollback
from .signatures import Embedding, ImageBytes, Signature, Uncertainty
from .specs import SignatureSpecs
from .temperature import fit_temperature
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
    "LayerChange",
    "LiteRT",
    "OpenVINO",
    "Predictor",
    "Refusal",
    "Signature",
    "SignatureSpecs",
    "Uncertainty",
    "Version",
    "expected_calibration_error",
    "export",
    "fit_temperature",
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
