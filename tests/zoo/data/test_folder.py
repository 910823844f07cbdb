import re

import numpy as np
import pytest
from PIL import Image

import occam.zoo.data.memory
from occam.zoo.data import DataError, load_data


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


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "PNG"])
def test_class_folders(pets, suffix, collect):
    data = load_data(pets(suffix=suffix), batch_size=8)
    assert (data.input_shape, data.class_names) == ((6, 5, 3), ("cat", "dog"))
    assert data.sizes == {"train": 28, "validation": 4, "test": 8}
    for part in data.sizes:
        images, labels = collect(data.raw(part))
        np.testing.assert_array_equal(images[:, 0, 0, 0], 255 * labels)


@pytest.mark.parametrize("suffix", ["jpg", "jpeg"])
def test_jpeg(pets, suffix):
    assert load_data(pets(suffix=suffix)).input_shape == (6, 5, 3)


@pytest.mark.parametrize(
    ("mode", "channels"), [("L", 1), ("1", 1), ("LA", 1), ("P", 3), ("RGBA", 3)]
)
def test_grey_images_have_one_channel(pets, mode, channels):
    assert load_data(pets(mode)).input_shape == (6, 5, channels)


def test_one_coloured_image_gives_all_three_channels(pets):
    folder = pets("L")
    Image.new("RGB", (5, 6)).save(folder / "dog" / "coloured.png")
    assert load_data(folder).input_shape == (6, 5, 3)


def test_hidden_files_and_what_lies_beside_the_folders_are_left_out(pets):
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


def test_too_large_for_memory_it_is_streamed_and_the_same(pets, collect, monkeypatch):
    folder = pets()
    arrays = load_data(folder, seed=3)
    monkeypatch.setattr(occam.zoo.data.memory, "MEMORY_LIMIT", 0)
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
    file = folder / "dog" / "03.png"
    file.write_bytes(file.read_bytes()[:-30])
    return "03.png: not a readable image"


def other_suffix(folder):
    (folder / "dog" / "a.tiff").write_text("")
    return "a.tiff: a class folder may hold only images (.bmp, .gif, .jpeg, .jpg, .png) and hidden"


def nested(folder):
    (folder / "dog" / "puppy").mkdir()
    return "puppy: a class folder may hold only images"


def sixteen_bits(folder):
    Image.fromarray(np.zeros((6, 5), "uint16")).save(folder / "dog" / "03.png")
    return "03.png: expected 8 bits a channel. Received: mode I;16"


def one_class(folder):
    (folder / "dog").rename(folder.parent / "dog")
    return "expected a folder of images for each of at least 2 classes. Received: 1"


@pytest.mark.parametrize(
    "spoil", [empty, not_an_image, truncated, other_suffix, nested, sixteen_bits, one_class]
)
def test_spoilt_folders_name_the_file(pets, spoil):
    folder = pets()
    message = spoil(folder)
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        load_data(folder)
    assert str(caught.value).startswith(str(folder))


def test_no_such_directory(tmp_path):
    with pytest.raises(DataError, match="nowhere: no such directory"):
        load_data(tmp_path / "nowhere")


def test_a_plain_name_is_a_directory_unless_a_data_set_is_called_so(pets, monkeypatch):
    folder = pets()
    monkeypatch.chdir(folder.parent)
    assert load_data("pets").name == "pets"
    folder.rename("coco")
    assert load_data("./coco").class_names == ("cat", "dog")
    with pytest.raises(DataError, match="supervised keys"):
        load_data("coco")
