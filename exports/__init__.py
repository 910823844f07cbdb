"""Any Keras model as a checked, versioned SavedModel, and the predictor that answers from it.

Importing this package, and `load`, need TensorFlow only; `export` needs Keras as well.
"""

from .errors import ExportError
from .export import Export, export
from .predictor import Predictor, load

__all__ = ["Export", "ExportError", "Predictor", "export", "load"]
