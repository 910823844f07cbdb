"""Any Keras model as a checked, versioned SavedModel, and the predictor that answers from it.

Importing this package, and `load`, need TensorFlow only; what writes or changes a model needs Keras
as well.
"""

from .compaction import Compaction, LayerChange, Refusal, fold_batch_norm, shrink
from .errors import ExportError
from .export import Export, export
from .predictor import Predictor, load

__all__ = [
    "Compaction",
    "Export",
    "ExportError",
    "LayerChange",
    "Predictor",
    "Refusal",
    "export",
    "fold_batch_norm",
    "load",
    "shrink",
]
