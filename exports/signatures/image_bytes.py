"""`image_bytes`: JPEG and PNG files, decoded and resized in the graph."""

from typing import TYPE_CHECKING

import tensorflow as tf

from ...core.checks import check_integer, message
from ..errors import ExportError
from .signature import Signature, Specs, Tensors

if TYPE_CHECKING:
    from ..served_model import ServedModel

_PNG = b"\x89PNG\r\n\x1a\n"


class ImageBytes(Signature):
    """The answers of `serving_default` for the bytes of image files.

    Each file is decoded to the channels of the model's input and resized to its height and width
    (bilinear, antialiased, ignoring the aspect ratio), as integers from 0 to 255. The files of a
    request may differ in size and format. Alpha channels and EXIF orientation are ignored.

    Inputs: `image_bytes`, string `(n,)`, each a whole JPEG or PNG file.

    Args:
        max_pixels: The largest width times height of an image, checked in the header before
            decoding, since a file of a few bytes can claim a gigabyte.
        size: The height and width to resize to, for a model that takes images of any size.

    Raises:
        ValueError: If `max_pixels` is not an integer >= 1, or `size` not two of them.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> layers = [keras.layers.Flatten(), keras.layers.Dense(3)]
    >>> model = keras.Sequential([keras.Input((2, 2, 1), name="image"), *layers])
    >>> directory = tempfile.mkdtemp()
    >>> options = {"task": "classification", "signatures": [exports.ImageBytes()]}
    >>> published = exports.export(model, directory, **options)
    >>> png = tf.io.encode_png(tf.zeros((8, 8, 1), tf.uint8)).numpy()
    >>> exports.load(directory).call("image_bytes", image_bytes=[png])["class_id"]
    array([0])
    """

    name = "image_bytes"

    def __init__(self, max_pixels: int = 2**24, *, size: tuple[int, int] | None = None):
        check_integer("max_pixels", max_pixels, 1)
        if size is not None:
            if not isinstance(size, tuple | list) or len(size) != 2:
                raise ValueError(message("size", size, "a height and a width, or None"))
            for name, pixels in zip(("size[0]", "size[1]"), size, strict=True):
                check_integer(name, pixels, 1)
        self.max_pixels = int(max_pixels)
        self.size = None if size is None else (int(size[0]), int(size[1]))

    def inputs(self, served: "ServedModel") -> Specs:
        specs = served.inputs.specs
        shapes = [spec.shape for spec in specs.values()]
        if len(shapes) != 1 or shapes[0].rank != 4 or shapes[0][-1] not in (1, 3):
            raise ExportError(
                "The signature 'image_bytes' needs a model with one input of shape (batch, "
                "height, width, channels), of 1 or 3 channels. Received: "
                f"{ {name: str(spec.shape) for name, spec in specs.items()} }"
            )
        size = tf.TensorShape(self.size)  # any size, for None
        if not shapes[0][1:3].is_compatible_with(size):
            raise ExportError(
                "The signature 'image_bytes' needs a `size` that the model takes. "
                f"Received: size={self.size} and an input of shape {shapes[0]}"
            )
        if not shapes[0][1:3].merge_with(size).is_fully_defined():
            raise ExportError(
                "The signature 'image_bytes' needs a model with images of a fixed size, or "
                f"ImageBytes(size=(height, width)). Received: an input of shape {shapes[0]}"
            )
        return {self.name: tf.TensorSpec((None,), tf.string, self.name)}

    def answer(self, served: "ServedModel", features: Tensors) -> dict[str, tf.Tensor]:
        ((name, spec),) = served.inputs.specs.items()
        height, width, channels = spec.shape[1:]
        height, width = self.size or (height, width)

        def read(contents: tf.Tensor) -> tf.Tensor:
            image = self._decoded(contents, channels)
            image = tf.image.resize(image, (height, width), antialias=True)
            return tf.clip_by_value(tf.round(image), 0.0, 255.0)

        image_spec = tf.TensorSpec((height, width, channels), tf.float32)
        images = tf.map_fn(read, features[self.name], fn_output_signature=image_spec)
        return served.answers({name: tf.cast(images, spec.dtype)})

    def _decoded(self, contents: tf.Tensor, channels: int) -> tf.Tensor:
        def jpeg() -> tf.Tensor:
            shape = tf.io.extract_jpeg_shape(contents, output_type=tf.int64)
            with self._bounded(shape[0] * shape[1]):
                # As in Pillow; TensorFlow's default is faster but less exact.
                return tf.io.decode_jpeg(contents, channels, dct_method="INTEGER_ACCURATE")

        def png() -> tf.Tensor:
            with self._bounded(_png_pixels(contents)):
                return tf.io.decode_png(contents, channels)

        return tf.cond(tf.io.is_jpeg(contents), jpeg, png)

    def _bounded(self, pixels: tf.Tensor) -> "tf.control_dependencies":
        message = f"`image_bytes` must be images of at most {self.max_pixels} pixels. Received:"
        check = tf.debugging.Assert(pixels <= self.max_pixels, [message, pixels])
        return tf.control_dependencies([check])


def _png_pixels(contents: tf.Tensor) -> tf.Tensor:
    """Return width times height, from their fixed place in the header."""
    header = tf.strings.substr(contents, 0, 24)
    is_png = tf.strings.substr(header, 0, 8) == _PNG
    whole = is_png & (tf.strings.length(header) == 24)
    message = "`image_bytes` must be JPEG or PNG files. Received a file that begins with"
    check = tf.debugging.Assert(whole, [message, tf.strings.substr(header, 0, 8)])
    with tf.control_dependencies([check]):
        header = tf.identity(header)
    sizes = tf.io.decode_raw(tf.strings.substr(header, 16, 8), tf.uint8)
    bytes_ = tf.cast(tf.reshape(sizes, (2, 4)), tf.int64)
    return tf.reduce_prod(tf.reduce_sum(bytes_ * [2**24, 2**16, 2**8, 1], axis=-1))
