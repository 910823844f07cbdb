"""Builds the wheel and tries it in a fresh environment, outside the checkout.

A subpackage that `pyproject.toml` does not list is importable from the checkout and missing from
the wheel; only this finds it.
"""

import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = ("callbacks", "cli", "core", "exports", "tuning", "zoo")

IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
import occam
names = sorted(m.name for m in pkgutil.walk_packages(occam.__path__, "occam."))
for name in names:
    importlib.import_module(name)
print("\\n".join(names))
"""


def main() -> None:
    """Exits with an error at the first step that fails."""
    with tempfile.TemporaryDirectory() as directory:
        outside = Path(directory)
        run(outside, sys.executable, "-m", "build", "--wheel", "--outdir", directory, str(ROOT))
        (wheel,) = outside.glob("*.whl")
        if missing := data() - set(zipfile.ZipFile(wheel).namelist()):
            sys.exit(f"The wheel lacks {', '.join(sorted(missing))}.")
        environment = outside / "environment"
        venv.create(environment, with_pip=True)
        python = environment / "bin" / "python"
        run(outside, python, "-m", "pip", "install", "--quiet", wheel)
        imported = set(run(outside, python, "-c", IMPORT_EVERYTHING).split())
        if missing := expected() - imported:
            sys.exit(f"The wheel lacks {', '.join(sorted(missing))}.")
        print(run(outside, environment / "bin" / "occam", "--help"))
        print(f"{wheel.name}: {len(imported)} modules imported outside the checkout")


def expected() -> set[str]:
    """The modules of the checkout."""
    files = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    parts = (("occam", *path.relative_to(ROOT).with_suffix("").parts) for path in files)
    return {".".join(p).removesuffix(".__init__") for p in parts}


def data() -> set[str]:
    """Return the data files of the checkout, as a wheel names them."""
    files = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file())
    others = (path for path in files if path.suffix not in (".py", ".pyc"))
    return {f"occam/{path.relative_to(ROOT).as_posix()}" for path in others}


def run(cwd: Path, *command: object) -> str:
    """Runs a command and returns what it prints; a failure ends the check."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed with exit status {done.returncode}.")
    return done.stdout


if __name__ == "__main__":
    main()
