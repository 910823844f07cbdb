"""What the embedded builders share: they make their data without a download."""

import tensorflow_datasets as tfds

__all__ = ["OfflineBuilder"]


class OfflineBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A builder that needs no file beside its code."""

    # TFDS looks beside the code for checksums and tags, and finds that place by way of the top
    # package's directory; `occam` is a namespace package, which need not have one.
    code_path = tfds.core.Path(__file__)
    pkg_dir_path = tfds.core.Path(__file__).parent
