"""Gate `in_c`: does a program in C load it, and get the same answers?"""

import atexit
import functools
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import tensorflow as tf

from ..errors import ExportError
from ..saved_model import read_meta_graph
from ..servable import SIGNATURE
from .candidate import Candidate
from .difference import difference, tolerance
from .other_process import OtherProcess
from .result import GateResult
from .sample import sample

__all__ = ["check", "compiled"]

NAME = "in_c"
_ROWS = 3
_SOURCE = Path(__file__).with_name("loader.c")
_EXPECTED = "Expected a SavedModel that a program in C loads"


def check(candidate: Candidate) -> GateResult | None:
    """Fails what TensorFlow's C API cannot load, and what answers differently there.

    `serving_default` is asked for its `probabilities`, numbers and strings alike. None where it is
    not to be asked, or where nothing compiles the program, unless it has to be asked.

    Raises:
        ExportError: it has to be asked, and nothing compiles the program.
    """
    if candidate.in_c is False or not (candidate.in_c or _compiles()):
        return None
    features = sample(candidate.predictor, SIGNATURE, _ROWS)
    right = candidate.predictor.call(SIGNATURE, **features)["probabilities"]
    kind, _, content = _PROGRAM.ask(_request(candidate.path, features)).partition(b"\n")
    if kind != b"ok":
        said = " ".join(content.decode(errors="replace").split())[:500]
        said = said or "the program ended without an answer"
        return GateResult(NAME, False, f"{_EXPECTED}. Received: {said}")
    answer = np.frombuffer(content, "float32").reshape(-1, right.shape[-1])
    allowed = tolerance(candidate.precision)
    if differs := difference({"probabilities": answer}, {"probabilities": right}, allowed):
        detail = f"{_EXPECTED} and that answers the same there. Received: {differs}"
        return GateResult(NAME, False, detail)
    return GateResult(NAME, True, f"{SIGNATURE!r} loads and answers the same in C")


def _compiles() -> bool:
    try:
        compiled()
    except ExportError:
        return False
    return True


def _compiler() -> list[str]:
    """The command of the compiler: that of the environment variable CC, cc, gcc or clang."""
    for command in filter(None, (os.environ.get("CC"), "cc", "gcc", "clang")):
        if shutil.which((words := shlex.split(command))[0]):
            return words
    raise ExportError(
        "Expected a C compiler for in_c=True: $CC, cc, gcc or clang. Received: none that is found"
    )


@functools.cache
def compiled() -> tuple[str, str]:
    """The program, in a directory that ends with this process, and its argument.

    It takes a fraction of a second, so that nothing is kept that another TensorFlow might find.

    Raises:
        ExportError: there is no compiler, or it fails, or TensorFlow has no C API here.
    """
    libraries = Path(tf.sysconfig.get_lib()).glob("libtensorflow_cc.*")
    if (library := next(libraries, None)) is None:
        raise ExportError(
            f"Expected a TensorFlow with its C API. Received: {tf.__version__} without the library "
            "libtensorflow_cc"
        )
    directory = Path(tempfile.mkdtemp(prefix="occam-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    program = directory / "loader"
    files = ["-I", tf.sysconfig.get_include(), str(_SOURCE), "-o", str(program), "-ldl"]
    command = [*_compiler(), "-O1", "-std=gnu11", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip()[:500] or f"exit status {done.returncode}"
        raise ExportError(f"Expected {_SOURCE.name} to be compiled. Received: {said}")
    return str(program), str(library)


def _read(output: IO[bytes]) -> bytes:
    """The answer as its kind, a line, and its content."""
    kind, _, size = output.readline().partition(b" ")
    content = output.read(int(size)) if size else b""
    return kind + b"\n" + content if size else b""


_PROGRAM = OtherProcess(compiled, _read)


def _request(path: Path, features: dict[str, np.ndarray]) -> bytes:
    """As `loader.c` reads it."""
    definition = read_meta_graph(path).signature_def[SIGNATURE]
    directory = os.fsencode(path.resolve())
    parts = [
        b"path %d\n" % len(directory) + directory,
        f"output {_place(definition.outputs['probabilities'])}\n".encode(),
        f"inputs {len(features)}\n".encode(),
        *(_tensor(definition.inputs[name], array) for name, array in features.items()),
    ]
    return b"".join(parts)


def _place(info: Any) -> str:
    """Operation and index of a tensor, `"name:0"` as `"name 0"`."""
    operation, _, index = info.name.partition(":")
    return f"{operation} {index}"


def _tensor(info: Any, array: np.ndarray) -> bytes:
    content = array.tobytes()
    if array.dtype == object:
        content = b"".join(len(s).to_bytes(8, sys.byteorder) + s for s in array.ravel())
    sizes = " ".join(map(str, (info.dtype, array.ndim, *array.shape, len(content))))
    return f"{_place(info)} {sizes}\n".encode() + content
