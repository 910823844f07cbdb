"""Versions in a directory: their publication, their labels, and their removal."""

from .labels import check_label, labels, models_config, promote, rollback
from .listing import Version, listing, prune
from .publish import existing, publish, staging, versions

__all__ = [
    "Version",
    "check_label",
    "existing",
    "labels",
    "listing",
    "models_config",
    "promote",
    "prune",
    "publish",
    "rollback",
    "staging",
    "versions",
]
