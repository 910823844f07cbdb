import numpy as np
import pytest


@pytest.fixture
def collect():
    """All batches of a data set as two arrays."""

    def arrays(batches):
        features, labels = zip(*batches.as_numpy_iterator(), strict=True)
        return np.concatenate(features), np.concatenate(labels)

    return arrays
