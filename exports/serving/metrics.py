"""`Metrics`: what the server counts, in Prometheus' text format."""

from collections.abc import Iterable

__all__ = ["Metrics"]


class Metrics:
    """Counters of one server, in a registry of their own.

    `occam_serving_requests_total` by method and HTTP status, `occam_serving_request_seconds`,
    `occam_serving_requests_in_flight`, `occam_serving_batch_rows`, and
    `occam_serving_version_available`, 1 for each version that is served.

    Attributes:
        seconds: histogram of how long requests took.
        in_flight: gauge of the requests that are being answered.
        batch_rows: histogram of how many rows were computed at once.
    """

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self._registry = CollectorRegistry()
        self._requests = Counter(
            "occam_serving_requests",
            "Requests answered",
            ["method", "status"],
            registry=self._registry,
        )
        self.seconds = Histogram(
            "occam_serving_request_seconds", "Seconds a request", registry=self._registry
        )
        self.in_flight = Gauge(
            "occam_serving_requests_in_flight",
            "Requests being answered",
            registry=self._registry,
        )
        self.batch_rows = Histogram(
            "occam_serving_batch_rows",
            "Rows computed at once",
            buckets=[2**i for i in range(11)],
            registry=self._registry,
        )
        self._available = Gauge(
            "occam_serving_version_available",
            "1: the version is served",
            ["version"],
            registry=self._registry,
        )

    def count(self, method: str, status: int) -> None:
        """One more request, to `predict`, `status` and so on, answered with an HTTP status."""
        self._requests.labels(method, str(status)).inc()

    def text(self, versions: Iterable[int]) -> bytes:
        """The page for Prometheus.

        Args:
            versions: those that are served now.
        """
        from prometheus_client import generate_latest

        self._available.clear()
        for version in versions:
            self._available.labels(str(version)).set(1)
        return generate_latest(self._registry)
