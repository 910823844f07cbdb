"""`Api`: TensorFlow Serving's REST API, without the HTTP."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any

import numpy as np

from . import examples, json_input, json_output
from .batcher import Batcher
from .errors import RequestError
from .metrics import Metrics
from .repository import Repository, VersionStatus
from .target import Target
from .version import Version

__all__ = ["Api"]

_RESULTS = {"classify": examples.classifications, "regress": examples.regressions}


class Api:
    """Answers a `Target` and a body with JSON.

    Args:
        repository: the versions.
        pool: where JSON is read and graphs run.
        metrics: is told the sizes of batches.
        batch_rows: how many rows of several requests are joined at most.
    """

    def __init__(self, repository: Repository, pool: Executor, metrics: Metrics, batch_rows: int):
        self._repository, self._pool, self._metrics = repository, pool, metrics
        self._batch_rows = batch_rows

    @property
    def versions(self) -> list[int]:
        """The numbers of the versions that are served."""
        return self._repository.versions

    async def answer(self, target: Target, body: bytes) -> bytes:
        """The JSON that answers.

        Raises:
            RequestError: what is wrong, with the status that TensorFlow Serving gives it.
        """
        if target.method == "status":
            return json_output.dumps(self._status(target))
        if target.method == "metadata":
            return json_output.dumps(self._metadata(target))
        if target.method == "predict":
            return await self._predict(self.version(target), body)
        return await self._classify(self.version(target), body, target.method)

    def version(self, target: Target) -> Version:
        """The version that answers.

        Raises:
            RequestError: 404 or 400, there is none.
        """
        if target.model != self._repository.name:
            which = "Latest" if target.version is None else "Specific"
            number = "" if target.version is None else f", {target.version}"
            raise RequestError(
                404, f"Servable not found for request: {which}({target.model}{number})"
            )
        return self._repository.get(target.version, target.label)

    def statuses(self, target: Target) -> list[VersionStatus]:
        """What became of the versions.

        Raises:
            RequestError: 404 or 400, there is none.
        """
        if target.model != self._repository.name:
            raise RequestError(404, f"Could not find any versions of model {target.model}")
        return self._repository.statuses(target.version, target.label)

    def _status(self, target: Target) -> dict[str, Any]:
        statuses = self.statuses(target)
        return {"model_version_status": [_status_json(status) for status in statuses]}

    def _metadata(self, target: Target) -> dict[str, Any]:
        version = self.version(target)
        specification = {
            "name": target.model,
            "signature_name": "",
            "version": str(version.number),
        }
        return {
            "model_spec": specification,
            "metadata": {"signature_def": {"signature_def": version.metadata}},
        }

    async def _predict(self, version: Version, body: bytes) -> bytes:
        def read() -> tuple[str, json_input.Features]:
            document = json_input.parse(body)
            name = json_input.signature_name(document)
            inputs = version.signature(name).inputs
            return name, json_input.predict_features(document, inputs)

        name, features = await self._in_pool(read)
        outputs = await self.run(version, name, features.arrays)
        write = json_output.rows if features.row else json_output.columns
        return await self._in_pool(lambda: json_output.dumps(write(outputs)))

    async def _classify(self, version: Version, body: bytes, method: str) -> bytes:
        def read() -> tuple[str, np.ndarray]:
            document = json_input.parse(body)
            name = json_input.signature_name(document)
            _check_method(version, name, method)
            return name, examples.serialized_examples(document)

        name, serialized = await self._in_pool(read)
        outputs = await self.run(version, name, {"inputs": serialized})
        return await self._in_pool(lambda: json_output.dumps(_RESULTS[method](outputs)))

    async def run(
        self, version: Version, name: str, features: Mapping[str, np.ndarray]
    ) -> Mapping[str, np.ndarray]:
        """The answers of a signature by name, computed together with those of other requests."""
        if not version.signatures[name].takes_rows:
            return await self._in_pool(lambda: version.run(name, features))
        if name not in version.batchers:
            version.batchers[name] = Batcher(
                lambda arrays: version.run(name, arrays),
                self._pool,
                self._batch_rows,
                self._metrics.batch_rows.observe,
            )
        return await version.batchers[name](features)

    async def _in_pool(self, work: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def _check_method(version: Version, name: str, method: str) -> None:
    signature = version.signature(name)
    expected = f"tensorflow/serving/{method}"
    if signature.method != expected:
        raise RequestError(
            400,
            f"Expected {method} signature method_name to be {expected}. Was: {signature.method}",
        )
    if signature.inputs.keys() != {"inputs"}:
        raise RequestError(
            400, f"Expected one input 'inputs' of {name}. Received: {sorted(signature.inputs)}"
        )


def _status_json(status: VersionStatus) -> dict[str, Any]:
    return {
        "version": str(status.version),
        "state": status.state,
        "status": {
            "error_code": "UNKNOWN" if status.error else "OK",
            "error_message": status.error,
        },
    }
