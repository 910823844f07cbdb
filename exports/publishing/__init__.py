"""How versions appear in a directory, which ones have a label, and which ones go."""

from .existing import existing
from .keep import check_keep, prune
from .labels import check_label, labels, models_config, promote, rollback
from .listing import Version, listing
from .publish import publish, staging, versions

__all__ = [
    "Version",
    "check_keep",
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
