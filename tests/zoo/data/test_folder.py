import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import occam.zoo.data.split
from occam.zoo import create_model, train
from occam.zoo.data import DataError, load_data

PARTS = ("train", "validation", "test")


@pytest.fixture
def pets(tmp_path):
    """Twenty images of 6 by 5 pixels in each of two classes; the first pixel tells which."""

    def write(mode="RGB", suffix="png", size=(5, 6)):
        for label, name in enumerate(("cat", "dog")):
            (tmp_path / "pets" / name).mkdir(parents=True)
            for i in range(20):
                pixels = np.full((*size[::-1], 3), 10 * i, "uint8")
                pixels[0, 0] = 255 * label
                image = Image.fromarray(pixels).convert(mode)
                image.save(tmp_path / "pets" / name / f"{i:02}.{suffix}")
        return tmp_path / "pets"

    return write


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "PNG", "tif", "tiff"])
def test_class_folders(pets, suffix, collect):
    data = load_data(pets(suffix=suffix), batch_size=8)
    assert (data.input_shape, data.class_names) == ((6, 5, 3), ("cat", "dog"))
    assert data.sizes == {"train": 28, "validation": 4, "test": 8}
    for part in data.sizes:
        images, labels = collect(data.raw(part))
        np.testing.assert_array_equal(images[:, 0, 0, 0], 255 * labels)


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("RGB", "jpg"), ("CMYK", "jpeg"), ("RGB", "webp"), ("RGBA", "webp"), ("CMYK", "tif")],
)
@pytest.mark.parametrize("memory", [2**30, 0])
def test_color_images(pets, mode, suffix, memory, monkeypatch):
    monkeypatch.setattr(occam.zoo.data.split, "MEMORY_LIMIT", memory)
    assert load_data(pets(mode, suffix)).input_shape == (6, 5, 3)


@pytest.mark.parametrize("suffix", ["gif", "webp", "tif"])
def test_only_the_first_frame_of_an_animation_is_read(pets, suffix, collect):
    folder = pets()
    first, second = (Image.new("RGB", (5, 6), color) for color in ("white", "black"))
    file = folder / "dog" / f"animated.{suffix}"
    first.save(file, save_all=True, append_images=[second])
    (folder / "cat" / "00.png").unlink()
    images = np.concatenate([collect(load_data(folder).raw(part))[0] for part in PARTS])
    assert (images == 255).all(axis=(1, 2, 3)).sum() == 1


def test_the_image_format_follows_from_the_content(pets):
    folder = pets()
    (folder / "dog" / "00.png").rename(folder / "dog" / "00.jpg")
    assert sum(load_data(folder).sizes.values()) == 40


@pytest.mark.parametrize(
    ("mode", "channels"), [("L", 1), ("1", 1), ("LA", 1), ("P", 3), ("RGBA", 3)]
)
def test_grey_images_have_one_channel(pets, mode, channels):
    assert load_data(pets(mode)).input_shape == (6, 5, channels)


def test_one_color_image_gives_all_images_three_channels(pets):
    folder = pets("L")
    Image.new("RGB", (5, 6)).save(folder / "dog" / "coloured.png")
    assert load_data(folder).input_shape == (6, 5, 3)


def test_hidden_files_and_files_beside_the_folders_are_ignored(pets):
    folder = pets()
    (folder / "README.txt").write_text("cats and dogs")
    (folder / ".cache").mkdir()
    (folder / "cat" / ".DS_Store").write_text("")
    assert sum(load_data(folder).sizes.values()) == 40


def test_images_of_several_sizes(pets, collect):
    folder = pets()
    odd = folder / "dog" / "19.png"
    Image.new("RGB", (50, 60), (255, 255, 255)).save(odd)
    message = f"Received: (6, 5) in {folder / 'cat' / '00.png'} and (60, 50) in {odd}"
    with pytest.raises(DataError, match=re.escape(message)):
        load_data(folder)
    data = load_data(folder, image_size=(4, 3))
    assert data.input_shape == (4, 3, 3)
    images = np.concatenate([collect(data.raw(part))[0] for part in data.sizes])
    assert (images == 255).all(axis=(1, 2, 3)).sum() == 1


def test_a_folder_too_large_for_memory_is_streamed_with_the_same_result(pets, collect, monkeypatch):
    folder = pets()
    arrays = load_data(folder, seed=3)
    monkeypatch.setattr(occam.zoo.data.split, "MEMORY_LIMIT", 0)
    stream = load_data(folder, seed=3)
    assert (arrays.in_memory, stream.in_memory) == (True, False)
    assert stream.to_dict() == arrays.to_dict()
    for one, other in ((stream.validation, arrays.validation), (stream.test, arrays.test)):
        for received, expected in zip(collect(one), collect(other), strict=True):
            np.testing.assert_array_equal(received, expected)


def empty(folder):
    for file in (folder / "dog").iterdir():
        file.unlink()
    return "dog: the class folder is empty"


def not_an_image(folder):
    (folder / "dog" / "03.png").write_text("hello")
    return "03.png: not a readable image"


def truncated(folder):
    for i in range(20):  # whatever part it is in
        file = folder / "dog" / f"{i:02}.png"
        file.write_bytes(file.read_bytes()[:-30])
    return "png: not a readable image"


def no_bytes(folder):
    (folder / "dog" / "03.png").write_bytes(b"")
    return "03.png: not a readable image"


def a_bomb(folder):
    header = b"P6 60000 60000 255 "  # is refused by the sizes that it says
    (folder / "dog" / "03.png").write_bytes(header)
    return "03.png: not a readable image"


def other_suffix(folder):
    (folder / "dog" / "a.psd").write_text("")
    return "a.psd: a class folder may hold only images (.bmp, .gif, .jpeg, .jpg, .png, .tif, .tiff,"


def nested(folder):
    (folder / "dog" / "x.png").mkdir()
    return "x.png: a class folder may hold only images"


def sixteen_bits(folder):
    Image.fromarray(np.zeros((6, 5), "uint16")).save(folder / "dog" / "03.png")
    return "03.png: expected 8 bits a channel. Received: mode I;16"


def one_class(folder):
    (folder / "dog").rename(folder.parent / "dog")
    return "expected a folder of images for each of at least 2 classes. Received: 1"


@pytest.mark.parametrize("memory", [2**30, 0])
@pytest.mark.parametrize(
    "spoil",
    [
        empty,
        not_an_image,
        truncated,
        no_bytes,
        a_bomb,
        other_suffix,
        nested,
        sixteen_bits,
        one_class,
    ],
)
def test_errors_name_the_broken_file(pets, spoil, memory, monkeypatch):
    monkeypatch.setattr(occam.zoo.data.split, "MEMORY_LIMIT", memory)
    folder = pets()
    message = spoil(folder)
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        load_data(folder)
    assert str(caught.value).startswith(str(folder))


@pytest.mark.parametrize("memory", [2**30, 0])
def test_damaged_images_can_be_left_out(pets, memory, monkeypatch):
    monkeypatch.setattr(occam.zoo.data.split, "MEMORY_LIMIT", memory)
    folder = pets()
    for i in range(7):
        file = folder / "dog" / f"{i:02}.png"
        file.write_bytes(file.read_bytes()[:-30] if i else b"hello")
    with pytest.raises(DataError, match="not a readable image"):
        load_data(folder)
    names = ", ".join(f"dog/{i:02}.png" for i in range(5))
    message = f"{folder}: 7 of 40 images cannot be read and are left out: {names}, ..."
    with pytest.warns(UserWarning, match=re.escape(message)):
        data = load_data(folder, on_error="skip")
    assert data.left_out == tuple(f"dog/{i:02}.png" for i in range(7))
    assert sum(data.sizes.values()) == 33
    assert f"left out    7 damaged images: {names}, ..." in data.describe()
    with pytest.warns(UserWarning, match="7 of 40 images"):
        again = load_data(**data.arguments)
    assert again.to_dict() == data.to_dict()


def test_nothing_is_left_out_of_a_good_folder(pets):
    data = load_data(pets(), on_error="skip")
    assert (data.left_out, sum(data.sizes.values())) == ((), 40)
    assert "left out" not in data.describe()


def test_what_is_not_left_out(pets):
    """A class without an image, files that are no images, and images of more than 8 bits."""
    folder = pets()
    with pytest.raises(ValueError, match=r"`on_error` must be one of 'raise', 'skip'\. Received"):
        load_data(folder, on_error="ignore")
    for spoil in (sixteen_bits, other_suffix):
        message = spoil(folder)
        with pytest.raises(DataError, match=re.escape(message)):
            load_data(folder, on_error="skip")
    for file in (folder / "cat").iterdir():
        file.write_bytes(b"")
    (folder / "dog" / "a.psd").unlink()
    with pytest.raises(DataError, match=r"cat: no image of class 'cat' can be read\."):
        load_data(folder, on_error="skip")


def test_a_folder_is_a_classification(pets):
    folder = pets()
    assert load_data(folder, task="classification").class_names == ("cat", "dog")
    with pytest.raises(ValueError, match=r"must be 'classification' or None for a directory"):
        load_data(folder, task="regression")


@pytest.mark.parametrize("memory", [2**30, 0])
def test_class_weights_in_memory_and_streamed(pets, memory, monkeypatch):
    monkeypatch.setattr(occam.zoo.data.split, "MEMORY_LIMIT", memory)
    data = load_data(pets(), class_weight={"cat": 1.0, "dog": 3.0})
    for part in (data.train, data.validation, data.test):
        for _, y, weights in part.as_numpy_iterator():
            np.testing.assert_array_equal(weights, 1 + 2 * y)


def test_no_such_directory(tmp_path):
    with pytest.raises(DataError, match="nowhere: no such directory"):
        load_data(tmp_path / "nowhere")
    (tmp_path / "some.png").write_text("")
    with pytest.raises(DataError, match=r"some\.png: not a directory"):
        load_data(tmp_path / "some.png")


@pytest.fixture
def parted(tmp_path, pets):
    """The folder `pets`, by parts: every fifth image in each."""

    def write(*parts, suffix="png"):
        folder = pets(suffix=suffix)
        for i, part in enumerate(parts):
            for name in ("cat", "dog"):
                (tmp_path / "parted" / part / name).mkdir(parents=True)
                for number in range(i, 20, 5):
                    file = Path(name, f"{number:02}.{suffix}")
                    (folder / file).rename(tmp_path / "parted" / part / file)
        return tmp_path / "parted"

    return write


@pytest.mark.parametrize("memory", [2**30, 0])
@pytest.mark.parametrize(
    ("parts", "sizes"),
    [
        (("train", "val", "test"), (8, 8, 8)),
        (("Train", "Valid"), (6, 8, 2)),
        (("train", "validation", "test"), (8, 8, 8)),
        (("train", "test"), (6, 2, 8)),
        (("train",), (4, 2, 2)),
    ],
)
def test_folders_of_the_parts(parted, parts, sizes, memory, monkeypatch, collect):
    monkeypatch.setattr(occam.zoo.data.split, "MEMORY_LIMIT", memory)
    folder = parted(*parts, suffix="webp" if len(parts) == 3 else "png")
    data = load_data(folder, validation_fraction=0.25)
    assert (data.class_names, *data.sizes.values()) == (("cat", "dog"), *sizes)
    if len(parts) == 3:
        expected = load_data(parted_as_arrays(folder, parts))
        for part in PARTS:
            one, other = collect(data.raw(part)), collect(expected.raw(part))
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])


def parted_as_arrays(folder, parts):
    arrays = {}
    for part in parts:
        files = sorted((folder / part).glob("*/*"))
        arrays[f"x_{part}"] = np.stack([np.asarray(Image.open(file)) for file in files])
        arrays[f"y_{part}"] = [file.parent.name for file in files]
    np.savez(folder / "arrays.npz", **arrays)
    return folder / "arrays.npz"


def test_a_class_may_be_missing_in_test(parted):
    folder = parted("train", "val", "test")
    for file in (folder / "test" / "dog").iterdir():
        file.unlink()
    (folder / "test" / "dog").rmdir()
    assert load_data(folder).sizes == {"train": 8, "validation": 8, "test": 4}


def test_a_class_may_be_called_train(pets):
    folder = pets()
    (folder / "cat").rename(folder / "train")
    assert load_data(folder).class_names == ("dog", "train")


def unknown_class(folder):
    (folder / "test" / "dog").rename(folder / "test" / "Dog")
    return "Dog: classes must be those of the training part, cat, dog. Received: 'Dog'"


def no_classes(folder):
    for name in ("cat", "dog"):
        (folder / "test" / name).rename(folder / f".{name}")
    return "test: expected a folder of images for each class. Received: none"


def images_beside_no_classes(folder):
    for name in ("cat", "dog"):
        for file in (folder / "train" / name).iterdir():
            file.rename(folder / "train" / f"{name}{file.name}")
        (folder / "train" / name).rmdir()
    return "train: expected a folder of images for each of at least 2 classes. Received: 0"


def mixed(folder):
    (folder / "bird").mkdir()
    return (
        "parted: expected either a folder for each class, or a folder train and optionally one val "
        "(or valid, validation) and one test, each with a folder for each class. Received: bird, "
        "test, train"
    )


def no_train(folder):
    (folder / "train").rename(folder / "val")
    return "each with a folder for each class. Received: test, val."


def twice(folder):
    (folder / "valid").mkdir()
    (folder / "val").mkdir()
    return "each with a folder for each class. Received: test, train, val, valid."


def empty_class(folder):
    for file in (folder / "test" / "dog").iterdir():
        file.unlink()
    return "dog: the class folder is empty"


@pytest.mark.parametrize(
    "spoil",
    [unknown_class, no_classes, images_beside_no_classes, mixed, no_train, twice, empty_class],
)
def test_errors_name_the_broken_part(parted, spoil):
    folder = parted("train", "test")
    message = spoil(folder)
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        load_data(folder)
    assert str(caught.value).startswith(str(folder))


@pytest.mark.parametrize("part", PARTS)
def test_any_reading_of_a_broken_image_names_it(parted, part, monkeypatch):
    """By `load_data`; by training and evaluation if the file was spoilt in between."""
    monkeypatch.setattr(occam.zoo.data.split, "MEMORY_LIMIT", 0)
    folder = parted("train", "validation", "test")
    data = load_data(folder, batch_size=4)
    model = create_model("mlp", input_shape=data.input_shape, num_classes=2, seed=0)
    file = folder / part / "dog" / f"{PARTS.index(part):02}.png"
    file.write_bytes(file.read_bytes()[:-30])
    message = re.escape(f"{file}: not a readable image")
    with pytest.raises(DataError, match=f"^{message}"):
        load_data(folder)
    file.unlink()
    with pytest.raises(DataError, match=f"^{message}"):
        train(model, data, epochs=1, verbose=0)
    with pytest.raises(DataError, match=f"^{message}"):
        data.save(folder / "saved.npz")
    if part == "train":
        with pytest.raises(DataError, match=f"^{message}"):
            _ = data.value_range
    # Keras' own loops and iteration raise TensorFlow's error, whose text begins with ours.
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"DataError: {message}"):
        list(data.raw(part))


def test_a_name_is_a_directory_unless_there_is_a_data_set_of_that_name(pets, monkeypatch):
    folder = pets()
    monkeypatch.chdir(folder.parent)
    assert load_data("pets").name == "pets"
    folder.rename("coco")
    assert load_data("./coco").class_names == ("cat", "dog")
    with pytest.raises(DataError, match="supervised keys"):
        load_data("coco")


READS_AHEAD = """
import contextlib, itertools, sys, time
import tensorflow as tf
from occam.zoo.data import folder, load_data, split
split.MEMORY_LIMIT = 0
data = load_data(sys.argv[1], batch_size=4)
pixels, calls, readable = folder._pixels, itertools.count(), int(sys.argv[2])

def read(*arguments):
    if next(calls) < 4:  # of the first batch
        return pixels(*arguments)
    time.sleep(0.1)
    if next(calls) < readable:
        return pixels(*arguments)
    raise folder.DataError("broken")

folder._pixels = read
batches = iter(data.epochs(seed=0))
with contextlib.suppress(tf.errors.InvalidArgumentError):  # a broken file may be among the first
    next(batches)
"""


@pytest.mark.parametrize("readable", [1000, 0], ids=["readable", "broken"])
def test_a_process_that_reads_ahead_ends(pets, readable):
    command = [sys.executable, "-c", READS_AHEAD, str(pets()), str(readable)]
    ended = subprocess.run(command, capture_output=True, check=False, timeout=180)
    assert ended.returncode == 0, ended.stderr
