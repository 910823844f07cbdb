import pytest

from occam import zoo


@pytest.fixture
def mlp(digits):
    """A small regularized model for `digits`; equal for equal seeds."""

    def build(seed=0, regularization=None):
        regularization = regularization or zoo.Regularization(
            l2=1e-3, dropout=0.2, noise=0.1, label_smoothing=0.1, weight_decay=0.01
        )
        return zoo.create_model(
            "mlp",
            input_shape=digits.input_shape,
            num_classes=digits.num_classes,
            regularization=regularization,
            seed=seed,
            units=(32,),
        )

    return build
