"""`needed`: a package of the extra `formats`, or how to install it."""

import importlib
from types import ModuleType

from ..errors import ExportError

__all__ = ["needed"]


def needed(package: str, name: str) -> ModuleType:
    """The package, imported.

    Args:
        package: as it is imported.
        name: of the format that needs it.

    Raises:
        ExportError: it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ExportError(
            f"format {name}: Expected the package {package.partition('.')[0]}, from "
            f"`pip install 'keras-occam[formats]'`. Received: {error}"
        ) from error
