import keras
import pytest


@pytest.fixture(autouse=True, scope="module")
def fresh_session():
    """Clear the session once per module: garbage collection takes longer than most tests."""
    keras.backend.clear_session()
