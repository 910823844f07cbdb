"""The test part of a data set that comes without one."""

import numpy as np

from ..splitting import TEST_FRACTION, TEST_SEED, hold_out_indices

__all__ = ["fixed_split"]


def fixed_split(labels: np.ndarray) -> dict[str, np.ndarray]:
    """The row numbers of `train` and `test`: a stratified 20%, the same on every machine."""
    test = hold_out_indices(labels, TEST_FRACTION, TEST_SEED)
    return {"train": np.setdiff1d(np.arange(len(labels)), test), "test": test}
