import keras
import pytest


@pytest.fixture(autouse=True, scope="module")
def fresh_session():
    """Once a module instead of once a test: collecting the garbage takes longer than most tests."""
    keras.backend.clear_session()
