"""`applications/<Name>`: the models of `keras.applications`, regularized by `zoo.regularize`."""

import inspect
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras

from ...core.checks import message
from ..regularization import Regularization
from .architecture import Architecture
from .blueprint import Blueprint, ZooModel
from .registry import add_architecture
from .wiring import ACTIVATIONS, KERNELS, MAPS

# Mean and standard deviation of the pixels of ImageNet in [0, 255]: red, green and blue.
_MEAN, _STDDEV = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)

_PRESETS = {
    "none": Regularization(),
    "light": Regularization(l2=1e-5, dropout=0.1),
    "medium": Regularization(l2=1e-4, dropout=0.3, label_smoothing=0.1),
    "strong": Regularization(l2=3e-4, dropout=0.5, label_smoothing=0.1, augmentation="light"),
}


class _Family(NamedTuple):
    """The models of one module of `keras.applications`."""

    reference: str
    min_size: int = 32
    residual: bool = True  # whether surgery finds residual sums


_FAMILIES = {
    "convnext": _Family(
        "Liu et al., A ConvNet for the 2020s, 2022, https://arxiv.org/abs/2201.03545"
    ),
    "densenet": _Family(
        "Huang et al., Densely Connected Convolutional Networks, 2017, "
        "https://arxiv.org/abs/1608.06993",
        residual=False,
    ),
    "efficientnet": _Family(
        "Tan & Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, "
        "2019, https://arxiv.org/abs/1905.11946"
    ),
    "efficientnet_v2": _Family(
        "Tan & Le, EfficientNetV2: Smaller Models and Faster Training, 2021, "
        "https://arxiv.org/abs/2104.00298"
    ),
    "inception_resnet_v2": _Family(
        "Szegedy et al., Inception-v4, Inception-ResNet and the Impact of Residual Connections "
        "on Learning, 2016, https://arxiv.org/abs/1602.07261",
        min_size=75,
        residual=False,  # its sums are inside a custom layer
    ),
    "inception_v3": _Family(
        "Szegedy et al., Rethinking the Inception Architecture for Computer Vision, 2016, "
        "https://arxiv.org/abs/1512.00567",
        min_size=75,
        residual=False,
    ),
    "mobilenet": _Family(
        "Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision "
        "Applications, 2017, https://arxiv.org/abs/1704.04861",
        residual=False,
    ),
    "mobilenet_v2": _Family(
        "Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, 2018, "
        "https://arxiv.org/abs/1801.04381"
    ),
    "mobilenet_v3": _Family(
        "Howard et al., Searching for MobileNetV3, 2019, https://arxiv.org/abs/1905.02244"
    ),
    "nasnet": _Family(
        "Zoph et al., Learning Transferable Architectures for Scalable Image Recognition, 2018, "
        "https://arxiv.org/abs/1707.07012"
    ),
    "resnet": _Family(
        "He et al., Deep Residual Learning for Image Recognition, 2016, "
        "https://arxiv.org/abs/1512.03385"
    ),
    "resnet_v2": _Family(
        "He et al., Identity Mappings in Deep Residual Networks, 2016, "
        "https://arxiv.org/abs/1603.05027"
    ),
    "vgg16": (
        _vgg := _Family(
            "Simonyan & Zisserman, Very Deep Convolutional Networks for Large-Scale Image "
            "Recognition, 2015, https://arxiv.org/abs/1409.1556",
            residual=False,
        )
    ),
    "vgg19": _vgg,
    "xception": _Family(
        "Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, 2017, "
        "https://arxiv.org/abs/1610.02357",
        min_size=71,
    ),
}


class Application(Architecture):
    """A backbone of `keras.applications` with global average pooling and a new head.

    `build` is Keras' constructor. Its dropout and stochastic depth (EfficientNet, ConvNeXt) are
    removed, so the `Regularization` states all regularization of the model.
    """

    @property
    def options(self) -> dict[str, Any]:
        """The options of Keras' constructor that change the backbone, and `pixels`.

        With `pixels=True`, inputs are pixels in [0, 255]. With `False`, they are standardized, as
        `zoo.load_data` returns them, and the model scales them back with ImageNet's statistics.
        """
        parameters = inspect.signature(self.build).parameters
        names = [n for n in ("alpha", "depth_multiplier", "minimalistic") if n in parameters]
        return {"pixels": False, **{name: parameters[name].default for name in names}}

    def create(self, blueprint: Blueprint) -> keras.Model:
        """Build the model without regularization, load pretrained weights, and regularize it."""
        from ..surgery import regularize, strip  # surgery imports the models

        if blueprint.input_shape[-1] != 3:
            expected = f"(height, width, 3) for model {self.name!r}"
            raise ValueError(message("input_shape", blueprint.input_shape, expected))
        with _seeded_initializers(blueprint.seed):
            model = strip(self._unregularized(blueprint))
            wanted = blueprint.regularization.only("model")
            if wanted.on():
                model, _ = regularize(model, wanted, seed=random.getrandbits(31))
        model = ZooModel(model.input, model.output, name=model.name)
        model.blueprint = blueprint
        return model

    def _unregularized(self, blueprint: Blueprint) -> keras.Model:
        options = dict(blueprint.options)
        x = inputs = keras.Input(blueprint.input_shape, name="features")
        if not options.pop("pixels"):
            x = keras.layers.Rescaling(_STDDEV, offset=_MEAN, name="pixels")(x)
        backbone = self.build(
            include_top=False,
            weights=blueprint.weights,
            input_tensor=sys.modules[self.build.__module__].preprocess_input(x),
            pooling="avg",
            **options,
        )
        task = blueprint.task
        head = keras.layers.Dense(task.units, dtype="float32", name=task.head_name)
        name = self.name.removeprefix("applications/").lower()
        return keras.Model(inputs, task.outputs(head(backbone.output)), name=name)


@contextmanager
def _seeded_initializers(seed: int) -> Iterator[None]:
    """Seed the module `random`, from which Keras' initializers draw their seeds."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def _application(name: str) -> Application:
    build = getattr(keras.applications, name)
    reference, min_size, residual = _FAMILIES[build.__module__.rpartition(".")[2]]
    supports = (*KERNELS, *ACTIVATIONS, *MAPS, "drop_connect", "dropout", "noise")
    if residual:
        supports += ("stochastic_depth",)
    name = f"applications/{name}"
    return Application(name, build, supports, _PRESETS, (3,), reference, min_size)


for _name in dir(keras.applications):
    if _name[0].isupper():
        add_architecture(_application(_name))
