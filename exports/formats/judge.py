"""`judge`: the gates for a format, asked through its own runtime."""

import dataclasses

from ..gates import Candidate, GateResult, gates_for, run_gates
from .format import precision_of
from .reading import open_format

__all__ = ["judge"]


def judge(name: str, candidate: Candidate) -> tuple[GateResult, ...]:
    """What the gates found of one format of a version, each by the name `<format>/<gate>`.

    Args:
        name: of the format.
        candidate: the version, with the model that the format must answer as.

    Raises:
        ExportError: the runtime is missing or cannot open it, or the first gate that was not
            passed, by name.
    """
    precision = precision_of(name)
    exact = precision == "float32"
    judged = dataclasses.replace(
        candidate,
        predictor=open_format(candidate.path, name),
        precision=candidate.precision if exact else precision,
        live=None,  # the SavedModel is compared with it
    )
    gates = gates_for("exact_format" if exact else "approximate_format")
    return run_gates(judged, gates, format=name)
