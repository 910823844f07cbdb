"""`check_one_replica`: a model that `tf.distribute` copies is refused."""

import keras

__all__ = ["check_one_replica"]


def check_one_replica(model: keras.Model, what: str) -> None:
    """Raises if a model was made in a `tf.distribute` strategy of several replicas.

    Args:
        model: any Keras model, on any backend.
        what: works on one replica; begins the message.

    Raises:
        RuntimeError: as said.
    """
    strategy = getattr(model, "distribute_strategy", None)
    if (replicas := getattr(strategy, "num_replicas_in_sync", 1)) > 1:
        raise RuntimeError(
            f"{what} works on one replica; tf.distribute is out of its scope. "
            f"Received: a strategy with {replicas} replicas"
        )
