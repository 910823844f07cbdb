"""`op_graph`: the graph of operations of a model, which Keras' callback does not write."""

from typing import Any

import keras

from ..penalty import weight_penalty


def innermost(model: keras.Model) -> keras.Model:
    """Return the model whose graph is shown: the innermost one with the inputs of `model`.

    A model that wraps another one, such as `zoo.SharpnessAware`, is never called on its inputs, and
    its config has the inner model as an argument.
    """

    def inputs(model: Any) -> list[int]:
        return list(map(id, getattr(model, "inputs", None) or []))

    models = [each for each in model._flatten_layers() if isinstance(each, keras.Model)]
    return (
        [each for each in models if inputs(each) == inputs(model)][-1] if inputs(model) else model
    )


def op_graph(model: keras.Model) -> bytes | None:
    """Return the serialized `GraphDef` of a forward pass in training mode and of the penalty.

    It is traced but never run, so that no state and no random number changes. Return `None` on
    backends other than TensorFlow, and for models whose inputs are unknown.
    """
    inputs = getattr(model, "inputs", None)
    if keras.backend.backend() != "tensorflow" or not inputs:
        return None
    import tensorflow as tf

    # `Sequential.input` raises "never been called".
    structure = inputs[0] if isinstance(model, keras.Sequential) else model.input

    def forward(*tensors):
        outputs = model(tf.nest.pack_sequence_as(structure, tensors), training=True)
        with tf.name_scope("penalty"):
            return outputs, weight_penalty(model)

    shapes = [
        tf.TensorSpec(x.shape, x.dtype, name=x.name.split("/")[-1].split(":")[0])
        for x in tf.nest.flatten(structure)
    ]
    graph = tf.function(forward, autograph=False).get_concrete_function(*shapes).graph
    return graph.as_graph_def(add_shapes=True).SerializeToString()
