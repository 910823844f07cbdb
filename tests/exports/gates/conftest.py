import json
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from occam.exports.gates import ExportCandidate
from occam.exports.heads import ClassificationHead
from occam.exports.saved_model import open_version

CLASSES = ("ant", "bee", "cat")
HEAD = ClassificationHead(CLASSES)


class Module(tf.Module):
    """A classifier of three classes with a kernel of shape `(2, 3)`, and an unused counter."""

    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable([[1.0, 0.0, -1.0], [0.0, 1.0, 0.5]])
        self.counter = tf.Variable(0.0)
        head = json.dumps(HEAD.to_dict())
        self.head = tf.function(lambda: tf.constant(head), input_signature=[])

    def answer(self, x, names=CLASSES):
        probabilities = tf.nn.softmax(x @ self.kernel)
        class_id = tf.argmax(probabilities, axis=-1)
        return {
            "probabilities": probabilities,
            "class_id": class_id,
            "label": tf.gather(tf.constant(names), class_id),
        }


def written(path, function=Module.answer, others=None, **known):
    """Write a SavedModel whose `serving_default` is `function`, and return a candidate."""
    module = Module()
    spec = {"x": tf.TensorSpec((None, 2), tf.float32, "x")}
    functions = {"serving_default": (lambda m, f: function(m, f["x"]), spec), **(others or {})}
    signatures = {name: traced(module, *pair) for name, pair in functions.items()}
    module.functions = signatures
    tf.saved_model.save(module, str(path), signatures)
    return ExportCandidate(path, open_version(path), **known)


def traced(module, function, specs):
    answer = tf.function(lambda features: function(module, features), input_signature=[specs])
    return answer.get_concrete_function()


@pytest.fixture
def write(tmp_path):
    """A function that writes a candidate."""
    return lambda *args, name="1", **known: written(tmp_path / name, *args, **known)


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    """A candidate that passes every gate. Tests must not change it."""
    return written(tmp_path_factory.mktemp("good") / "1")


@pytest.fixture
def answers_of():
    """Return the answers for probabilities of the classes."""

    def answers(probabilities):
        class_id = probabilities.argmax(axis=-1)
        label = np.array(CLASSES)[class_id]
        return {"probabilities": probabilities, "class_id": class_id, "label": label}

    return answers


@pytest.fixture
def module():
    return SimpleNamespace(answer=Module.answer, classes=CLASSES)
