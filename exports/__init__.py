"""Any Keras model as a checked, versioned SavedModel, and the predictor that answers from it.

Importing this package, and `load`, need TensorFlow only; what writes or changes a model needs Keras
as well.
"""

from .calibration_error import expected_calibration_error
from .compaction import Compaction, LayerChange, Refusal, fold_batch_norm, shrink
from .errors import ExportError
from .export import Export, export
from .predictor import Predictor, load
from .signatures import Embedding, ImageBytes, Signature, Uncertainty
from .specs import SignatureSpecs
from .temperature import fit_temperature

__all__ = [
    "Compaction",
    "Embedding",
    "Export",
    "ExportError",
    "ImageBytes",
    "LayerChange",
    "Predictor",
    "Refusal",
    "Signature",
    "SignatureSpecs",
    "Uncertainty",
    "expected_calibration_error",
    "export",
    "fit_temperature",
    "fold_batch_norm",
    "load",
    "shrink",
]
