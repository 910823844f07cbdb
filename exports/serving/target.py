"""`Target`: what a URL of TensorFlow Serving's REST API asks for."""

import re
from typing import NamedTuple
from urllib.parse import unquote

from .errors import RequestError

__all__ = ["Target"]

_MODEL = r"/v1/models/(?P<name>[^/:]+)"
_VERSION = r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_POST = re.compile(rf"{_MODEL}{_VERSION}:(?P<method>classify|regress|predict)", re.IGNORECASE)
_GET = re.compile(rf"{_MODEL}{_VERSION}(?:/(?P<method>metadata))?", re.IGNORECASE)


class Target(NamedTuple):
    """A method of a model, at a version, at a label, or at neither.

    Args:
        model: the model's name.
        method: `predict`, `classify`, `regress`, `metadata` or `status`.
        version: the number of a version.
        label: the label of a version.
    """

    model: str
    method: str
    version: int | None = None
    label: str | None = None

    @classmethod
    def parse(cls, verb: str, path: str) -> "Target":
        """What a request line asks for.

        Args:
            verb: `GET` or `POST`.
            path: the URL's path, with its percent signs and without its query.

        Raises:
            RequestError: 400, it is no URL of the API.

        Example:

        >>> Target.parse("POST", "/v1/models/iris/versions/3:predict")
        Target(model='iris', method='predict', version=3, label=None)

        Reference: https://www.tensorflow.org/tfx/serving/api_rest
        """
        pattern = {"POST": _POST, "GET": _GET}.get(verb)
        match = pattern.fullmatch(path) if pattern else None
        if match is None:
            raise RequestError(400, f"Malformed request: {verb} {path[:200]}")
        version, label = match["version"], match["label"]
        if version and (len(version) > 19 or int(version) >= 2**63):
            raise RequestError(400, f"Failed to convert version: {version[:40]} to numeric.")
        return cls(
            unquote(match["name"]),
            (match["method"] or "status").lower(),
            int(version) if version else None,
            unquote(label) if label else None,
        )
