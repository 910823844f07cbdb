"""`formats_in` and `format_files`: where the formats of a version lie besides its SavedModel."""

from pathlib import Path

__all__ = ["CLASS_NAMES", "FOLDER", "format_files", "formats_in"]

FOLDER = "formats"
CLASS_NAMES = "class_names.json"


def formats_in(path: Path) -> list[str]:
    """The names of the formats of the version at `path`."""
    return sorted(entry.name for entry in (path / FOLDER).glob("*") if entry.is_dir())


def format_files(path: Path) -> dict[str, dict[str, int]]:
    """The bytes of the files of each format of the version at `path`, by format and file name."""
    return {
        name: {file.name: file.stat().st_size for file in sorted((path / FOLDER / name).iterdir())}
        for name in formats_in(path)
    }
