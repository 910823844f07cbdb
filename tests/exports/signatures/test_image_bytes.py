import io
import struct
import zlib
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from occam import exports
from occam.exports.served_model import ServedModel
from occam.exports.signatures import ImageBytes


def classifier_of(shape, dtype=tf.float32):
    """Return a stand-in for a classifier whose probabilities are its input images."""
    size = int(np.prod(shape))
    return SimpleNamespace(
        inputs=SimpleNamespace(specs={"image": tf.TensorSpec((None, *shape), dtype, "image")}),
        answers=lambda features: {"probabilities": tf.reshape(features["image"], (-1, size))},
    )


def picture(height, width, mode="RGB", seed=0):
    """Return a smooth picture, like a photograph."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), "uint8")
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def file_of(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def read(files, shape=(8, 6, 3), dtype=tf.float32, **options):
    answer = ImageBytes(**options).answer(
        classifier_of(shape, dtype), {"image_bytes": tf.constant(files)}
    )
    return answer["probabilities"].numpy().reshape(-1, *shape)


@pytest.mark.parametrize("dtype", [tf.float32, tf.uint8])
def test_files_of_mixed_sizes_and_formats_are_read_as_pillow_reads_them(dtype):
    pictures = [picture(8, 6, seed=1), picture(31, 17, seed=2), picture(5, 40, seed=3)]
    kinds = ["PNG", "JPEG", "PNG"]
    files = [file_of(p, kind) for p, kind in zip(pictures, kinds, strict=True)]
    expected = [
        np.asarray(Image.open(io.BytesIO(f)).resize((6, 8), Image.Resampling.BILINEAR), "int64")
        for f in files
    ]
    images = read(files, dtype=dtype)
    assert np.abs(images - np.stack(expected)).max() <= 1
    np.testing.assert_array_equal(images[0], expected[0])


def test_gray_and_transparent_files_get_the_channels_of_the_model():
    files = [file_of(picture(8, 6, mode), "PNG") for mode in ("L", "RGBA")]
    assert read(files).shape == (2, 8, 6, 3)
    gray = read([file_of(picture(8, 6, "L"), "PNG")], (8, 6, 1))
    np.testing.assert_array_equal(gray[0, ..., 0], np.asarray(picture(8, 6, "L")))


def test_no_files_give_no_answers():
    answer = ImageBytes().answer(
        classifier_of((8, 6, 3)), {"image_bytes": tf.zeros((0,), tf.string)}
    )
    assert answer["probabilities"].shape == (0, 144)


def png_that_claims(width, height):
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + bytes(20)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (png_that_claims(60_000, 60_000), "at most 600 pixels. Received:.*3600000000"),
        (png_that_claims(2**32 - 1, 2), "at most 600 pixels"),
        (file_of(picture(30, 21), "PNG"), "at most 600 pixels. Received:.*630"),
        (file_of(picture(30, 21), "JPEG"), "at most 600 pixels. Received:.*630"),
        (file_of(picture(3, 3), "GIF"), "must be JPEG or PNG files. Received.*GIF89a|GIF87a"),
        (b"\x89PNG\r\n\x1a\n\0\0", "must be JPEG or PNG files"),
        (b"", "must be JPEG or PNG files"),
        (file_of(picture(20, 20), "PNG")[:-60], "PNG|png"),
        (file_of(picture(20, 20), "JPEG")[:30], "JPEG|jpeg"),
    ],
)
def test_large_or_broken_images_are_refused(file, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"(?s){message}"):
        read([file], max_pixels=600)


@pytest.mark.parametrize(
    ("shape", "message"),
    [((4,), "one input of shape .*Received: {'x'"), ((None, 8, 3), "images of a fixed size")],
)
def test_other_models_are_refused(shape, message):
    inputs = keras.Input(shape, name="x")
    flat = inputs if len(shape) == 1 else keras.layers.GlobalAveragePooling2D()(inputs)
    classifier = ServedModel(keras.Model(inputs, keras.layers.Dense(3)(flat)), task="regression")
    with pytest.raises(exports.ExportError, match=message):
        ImageBytes().inputs(classifier)


def test_a_model_of_images_of_any_size_needs_a_size(tmp_path):
    inputs = keras.Input((None, None, 3), name="x")
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(pooled))
    model.compile("sgd", "mse")
    with pytest.raises(exports.ExportError, match=r"or ImageBytes\(size=\(height, width\)\)"):
        exports.export(model, tmp_path, signatures=["image_bytes"])
    exports.export(model, tmp_path, signatures=[ImageBytes(size=(12, 10))])
    files = [file_of(picture(12, 10, seed=1), "PNG"), file_of(picture(31, 17), "JPEG")]
    answer = exports.load(tmp_path).call("image_bytes", image_bytes=files)["values"]
    resized = Image.open(io.BytesIO(files[1])).resize((10, 12), Image.Resampling.BILINEAR)
    expected = model.predict(np.asarray(resized, "float32")[None], verbose=0)
    np.testing.assert_allclose(answer[1:], expected, atol=1.0)
    assert answer.shape == (2, 1)


@pytest.mark.parametrize(
    ("size", "message"), [((8, 8), None), ((9, 8), r"Received: size=\(9, 8\) and an input of")]
)
def test_a_size_must_be_one_that_the_model_takes(size, message):
    inputs = keras.Input((8, 8, 3), name="x")
    flat = keras.layers.Dense(1)(keras.layers.Flatten()(inputs))
    served = ServedModel(keras.Model(inputs, flat), task="regression")
    if message is None:
        assert list(ImageBytes(size=size).inputs(served)) == ["image_bytes"]
        return
    with pytest.raises(exports.ExportError, match=message):
        ImageBytes(size=size).inputs(served)


@pytest.mark.parametrize(
    ("size", "message"),
    [(8, "a height and a width, or None"), ((8,), "a height"), ((0, 8), r"`size\[0\]` must be an")],
)
def test_a_size_is_two_integers(size, message):
    with pytest.raises(ValueError, match=message):
        ImageBytes(size=size)


def test_max_pixels_is_positive():
    with pytest.raises(ValueError, match=r"`max_pixels` must be an integer >= 1"):
        ImageBytes(0)
