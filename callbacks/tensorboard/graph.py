"""The op graph of a model, which Keras' callback does not write."""

from typing import Any

import keras

__all__ = ["graphed", "op_graph"]


def graphed(model: keras.Model) -> keras.Model:
    """The model whose graph is drawn: of one that wraps another and has its inputs, the inner one.

    Such a wrapper was never called on them, and its config holds the other model as an argument.
    """
    inputs = getattr(model, "inputs", None)
    if not inputs:
        return model
    inside = [each for each in model._flatten_layers() if isinstance(each, keras.Model)]
    return [each for each in inside if _same(getattr(each, "inputs", None), inputs)][-1]


def _same(some: Any, others: Any) -> bool:
    some = some or []
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))


def op_graph(model: keras.Model) -> bytes | None:
    """The serialized `GraphDef` of a training-mode forward pass and of the weights' penalty.

    It is traced anew and never run, so that no state and no random number is touched. `None` where
    there is no such graph: on another backend than TensorFlow, or of a model whose inputs are not
    known because it is not functional.
    """
    inputs = getattr(model, "inputs", None)
    if keras.backend.backend() != "tensorflow" or not inputs:
        return None
    import tensorflow as tf

    from ..penalty import weight_penalty

    # Sequential.input fails: "never been called".
    structure = inputs[0] if isinstance(model, keras.Sequential) else model.input

    def forward(*tensors):
        outputs = model(tf.nest.pack_sequence_as(structure, tensors), training=True)
        with tf.name_scope("penalty"):
            return outputs, weight_penalty(model)

    shapes = [tf.TensorSpec(x.shape, x.dtype, name=_name(x)) for x in tf.nest.flatten(structure)]
    graph = tf.function(forward, autograph=False).get_concrete_function(*shapes).graph
    return graph.as_graph_def(add_shapes=True).SerializeToString()


def _name(tensor: keras.KerasTensor) -> str:
    return tensor.name.split("/")[-1].split(":")[0]
