"""`existing`: a directory that is asked about must be there."""

import os
from pathlib import Path

__all__ = ["existing"]


def existing(directory: str | os.PathLike[str]) -> Path:
    """The parent of the versions, which is there.

    Raises:
        FileNotFoundError: it is not, or it is a file.
    """
    path = Path(directory)
    if not path.is_dir():
        what = "a file" if path.exists() else "not found"
        raise FileNotFoundError(f"Expected the directory of an export. Received: {path}, {what}")
    return path
