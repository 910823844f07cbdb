"""The operations against Pillow and against values by hand, alone and composed."""

import math

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from occam.zoo.augmentation import RandAugment
from occam.zoo.augmentation.fused import on_rows, operate, warp
from occam.zoo.augmentation.operations import OPERATIONS, Drawn, Ranges

RANGES = Ranges(shear=0.3, rotate=90.0, enhance=0.9, posterize=4, translate=0.5)


def photo():
    """Colored, textured and not symmetric, `(16, 20, 3)`."""
    y, x = np.mgrid[:3:16j, :5:20j]
    grain = np.random.default_rng(0).integers(-15, 16, (16, 20, 1))
    return (128 + (80 * np.sin(y) * np.cos(x))[..., None] + grain + [-20, 0, 25]).astype("uint8")


PHOTO = photo()


def drawn(*operations):
    """One sample with these operations: (name, strength, sign)."""
    names, strengths, signs = zip(*operations, strict=True)
    choice = np.array([[OPERATIONS.index(name) for name in names]], "int32")
    return Drawn(choice, np.float32([strengths]), np.float32([signs]), RANGES)


def do(image, *operations):
    levels = image.astype("float32")[None]
    return np.asarray(operate(levels, drawn(*operations), 7.0))[0]


def pillow(function):
    return np.asarray(function(Image.fromarray(PHOTO)), "float32")


def test_the_identity():
    np.testing.assert_array_equal(do(PHOTO, ("identity", 1, 1)), PHOTO)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("strength", [0.3, 1.0])
@pytest.mark.parametrize(
    ("name", "enhancer"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("color", ImageEnhance.Color),
        ("sharpness", ImageEnhance.Sharpness),
    ],
)
def test_enhancements_equal_pillow(name, enhancer, strength, sign):
    ours = do(PHOTO, (name, strength, sign))
    theirs = pillow(lambda image: enhancer(image).enhance(1 + sign * 0.9 * strength))
    np.testing.assert_allclose(ours, theirs, atol=1.6)  # Pillow rounds twice
    assert np.abs(ours - PHOTO).max() > 2


@pytest.mark.parametrize(
    ("name", "strength", "function", "tolerance"),
    [
        ("auto_contrast", 1, ImageOps.autocontrast, 1),
        ("equalize", 1, ImageOps.equalize, 0),
        ("solarize", 0.6, lambda image: ImageOps.solarize(image, 255 * 0.4), 0),
        ("posterize", 0.5, lambda image: ImageOps.posterize(image, 6), 0),
        ("posterize", 1.0, lambda image: ImageOps.posterize(image, 4), 0),
    ],
)
def test_tones_equal_pillow(name, strength, function, tolerance):
    ours = do(PHOTO, (name, strength, 1))
    np.testing.assert_allclose(ours, pillow(function), atol=tolerance)
    assert np.abs(ours - PHOTO).max() > 2


@pytest.mark.parametrize("name", ["auto_contrast", "equalize"])
def test_a_constant_image_stays(name):
    constant = np.full((4, 4, 3), 99, "uint8")
    np.testing.assert_array_equal(do(constant, (name, 1, 1)), constant)


def test_composed_colors_by_hand():
    """Brightness 1.5, then saturation 0.5, of one pixel; gray = .299 r + .587 g + .114 b."""
    pixel = np.full((3, 3, 3), [100, 60, 20], "uint8")
    operations = [("brightness", 0.5 / 0.9, 1), ("color", 0.5 / 0.9, -1)]
    bright = 1.5 * np.array([100, 60, 20])
    gray = bright @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(do(pixel, *operations)[0, 0], 0.5 * bright + 0.5 * gray, rtol=1e-5)


def test_composed_colors_are_one_after_the_other():
    operations = [("brightness", 0.2, -1), ("contrast", 0.3, -1), ("color", 0.5, -1)]
    step_by_step = PHOTO
    for operation in operations:
        step_by_step = do(step_by_step, operation)
    np.testing.assert_allclose(do(PHOTO, *operations), step_by_step, atol=1e-3)


def test_a_quarter_turn_is_exact_and_two_are_a_half():
    square = PHOTO[:16, :16]
    quarter = do(square, ("rotate", 1, 1))
    half = do(square, ("rotate", 1, 1), ("rotate", 1, 1))
    np.testing.assert_allclose(half, np.rot90(square, 2), atol=0.02)
    np.testing.assert_allclose(quarter, np.rot90(square), atol=0.02)


@pytest.mark.parametrize(("name", "shift"), [("translate_x", (0, 10)), ("translate_y", (8, 0))])
def test_a_known_shift(name, shift):
    """Half of a side; what is read beyond it is the fill."""
    ours = do(PHOTO, (name, 1, 1))
    expected = np.full(PHOTO.shape, 7.0)
    down, right = shift
    expected[: 16 - down, : 20 - right] = PHOTO[down:, right:]
    np.testing.assert_allclose(ours, expected, atol=0.01)


def test_a_composed_warp_reads_where_its_factors_read_in_turn():
    """A plane inside the image, whose values are the positions read."""
    y, x = np.mgrid[:41, :41].astype("float32")
    plane = np.stack([x, y, 0 * x], axis=-1) + 100
    shear, turn = ("shear_x", 0.5, 1), ("rotate", 0.2, -1)
    at_once = do(plane, shear, turn)
    in_turn = do(do(plane, shear), turn)
    np.testing.assert_allclose(at_once[12:29, 12:29], in_turn[12:29, 12:29], atol=0.02)
    angle = -math.radians(18)
    rotation = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
    read = np.array([[1, 0.15], [0, 1]]) @ rotation @ [5, -3]
    np.testing.assert_allclose(at_once[17, 25, :2] - 120, read, atol=0.01)


def test_a_warp_of_nothing_is_exact():
    levels = PHOTO.astype("float32")[None]
    np.testing.assert_array_equal(warp(levels, np.eye(3, dtype="float32")[None], 0.0), levels)


def test_each_sample_gets_its_own():
    levels = np.stack([PHOTO] * 3).astype("float32")
    each = Drawn(
        np.array([[OPERATIONS.index(n)] for n in ("identity", "rotate", "solarize")], "int32"),
        np.ones((3, 1), "float32"),
        np.ones((3, 1), "float32"),
        RANGES,
    )
    result = np.asarray(operate(levels, each, 7.0))
    np.testing.assert_array_equal(result[0], PHOTO)
    np.testing.assert_allclose(result[1], do(PHOTO, ("rotate", 1, 1)), atol=1e-3)
    np.testing.assert_array_equal(result[2], 255.0 - PHOTO)


@pytest.mark.parametrize("value_range", [(0, 1), (-1.0, 1.0), ([-2.0, -1.0, 0.0], [2.0, 1.0, 3.0])])
def test_the_range_of_values_makes_no_difference(value_range):
    images = np.stack([PHOTO] * 64)
    low, high = (np.asarray(bound, "float32") for bound in value_range)
    scaled = (low + (high - low) * images / 255).astype("float32")
    bytes_, floats = (
        np.asarray(RandAugment(value_range=r, seed=1)(x, training=True, seed=5), "float32")
        for r, x in [((0, 255), images), (value_range, scaled)]
    )
    floats = 255 * (floats - low) / (high - low)
    # A pixel at a threshold may fall to its other side.
    assert np.mean(np.abs(bytes_ - floats) < 0.6) > 0.98


ROWS = np.arange(3 * 2 * 2, dtype="float32").reshape(3, 2, 2, 1)
FACTOR = np.array([10.0, 100.0, 1000.0], "float32")


def times(images, factor):
    return images * factor[:, None, None, None]


@pytest.mark.parametrize("mask", [[True, False, True], [False] * 3, [True] * 3])
def test_only_the_chosen_rows_change_each_with_its_parameter(mask):
    expected = times(ROWS, np.where(mask, FACTOR, 1))
    np.testing.assert_array_equal(on_rows(times, np.array(mask), ROWS, FACTOR), expected)
