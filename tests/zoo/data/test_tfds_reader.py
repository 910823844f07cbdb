"""Data sets of TensorFlow Datasets: mocked where they are read, real where they are missing."""

import re
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds

from occam.zoo.data import DataError, load_data, split, tfds_reader


@pytest.fixture
def mocked(tmp_path):
    """Makes TFDS yield random examples of a data set, with real metadata for its splits."""

    def mock(name, splits=("train", "test"), num_examples=200):
        builder = tfds.builder(name, data_dir=tmp_path)
        sizes = [
            tfds.core.SplitInfo(
                name=s,
                shard_lengths=[num_examples],
                num_bytes=1,
                filename_template=template(builder),
            )
            for s in splits
        ]
        builder.info.set_splits(tfds.core.SplitDict(sizes))
        builder.data_path.mkdir(parents=True)
        builder.info.write_to_directory(builder.data_path)
        return tfds.testing.mock_data(num_examples, data_dir=str(tmp_path))

    return mock


def template(builder):
    return tfds.core.ShardedFileTemplate(
        data_dir=builder.data_path, dataset_name=builder.name, filetype_suffix="tfrecord"
    )


def test_images_and_labels(mocked, collect):
    with mocked("cifar10"):
        data = load_data("cifar10", batch_size=50)
        assert (data.input_shape, data.num_classes) == ((32, 32, 3), 10)
        assert data.sizes == {"train": 180, "validation": 20, "test": 200}
        features, labels = collect(data.raw("test"))
        assert (features.min(), features.max()) == (0.0, 254.0)  # as the mock draws them
        assert set(labels) == set(range(10))


def test_features_and_labels_without_a_test_part(mocked):
    with mocked("iris", splits=["train"], num_examples=150):
        data = load_data("iris", seed=1)
        assert (data.input_shape, data.num_classes) == ((4,), 3)
        assert data.sizes == {"train": 108, "validation": 12, "test": 30}


def test_images_are_resized(mocked):
    with mocked("cifar10"):
        assert load_data("cifar10", image_size=(6, 8)).input_shape == (6, 8, 3)


def test_images_of_several_sizes_need_image_size(mocked):
    with mocked("cats_vs_dogs"):
        message = r"image: expected examples of one shape\. Received: \(None, None, 3\)\. Images"
        with pytest.raises(DataError, match=message):
            load_data("cats_vs_dogs")


def test_streamed_and_in_memory_are_the_same(mocked, collect, monkeypatch):
    with mocked("cifar10"):
        arrays = load_data("cifar10", seed=2)
        monkeypatch.setattr(split, "MEMORY_LIMIT", 0)
        stream = load_data("cifar10", seed=2)
        assert (arrays.in_memory, stream.in_memory) == (True, False)
        for one, other in ((stream.validation, arrays.validation), (stream.test, arrays.test)):
            for received, expected in zip(collect(one), collect(other), strict=True):
                np.testing.assert_array_equal(received, expected)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("titanic", "expected supervised keys of one feature and one label. Received: ({'age'"),
        ("coco", "expected supervised keys of one feature and one label. Received: None"),
        (
            "wine_quality",
            "features: expected an image, a tensor of numbers or a text. Received: Fe",
        ),
        ("nsynth", "expected supervised keys of one feature and one label. Received: None"),
    ],
)
def test_unsuitable_data_sets_are_errors_before_a_download(name, message, tmp_path):
    with pytest.raises(DataError, match=re.escape(message)):
        load_data(name, data_dir=tmp_path)
    assert not list(tmp_path.rglob("downloads"))


def test_without_download_the_error_says_how_to_prepare(tmp_path):
    message = (
        f"cifar10: the data set is not in {tmp_path} and cannot be prepared here: download is "
        "False. On a machine with network run `tfds build cifar10 --data_dir DIR`, then copy "
        f"DIR/cifar10 to {tmp_path}/cifar10."
    )
    with pytest.raises(DataError, match=re.escape(message)):
        load_data("cifar10", data_dir=tmp_path, download=False)


def test_without_network_the_error_is_quick(tmp_path, monkeypatch, capfd):
    for variable in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # the discard port: refused at once
    start = time.monotonic()
    with pytest.raises(DataError, match=r"prepared here: no connection to www\.cs\.toronto\.edu\."):
        load_data("cifar10", data_dir=tmp_path)
    assert time.monotonic() - start < 5.0
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "cifr10",
            "ships (mlxtend, river, sklearn, sklego, statsmodels, tslearn, ucr). Did you mean "
            "cifar10, cifar100",
        ),
        (
            "digit",
            "'digit' is neither an embedded data set (breast_cancer, diabetes, digits, friedm",
        ),
        ("mnist:1.2.3", "mnist:1.2.3: no such configuration or version: "),
        ("emnist/latin", "emnist/latin: no such configuration or version: "),
        ("mnist1d/hard", "mnist1d/hard: no such configuration or version: "),
    ],
)
def test_unknown_names(name, message, tmp_path):
    with pytest.raises(DataError, match=re.escape(message)):
        load_data(name, data_dir=tmp_path)


def test_a_directory_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        DataError, match=r"digits:1\.0\.0: the data set is not in .*file and cannot be"
    ):
        load_data("digits:1.0.0", data_dir=tmp_path / "file")


def test_two_processes_may_prepare_a_data_set_at_once(tmp_path, monkeypatch):
    prepared = tfds_reader._download_and_prepare

    def prepare_and_lose(builder):
        prepared(builder)
        raise OSError("Directory not empty")

    monkeypatch.setattr(tfds_reader, "_download_and_prepare", prepare_and_lose)
    assert load_data("breast_cancer:1.0.0", data_dir=tmp_path).sizes["test"] == 114


@pytest.mark.parametrize("spoil", ["truncate", "flip", "empty", "unlink"])
def test_a_broken_file_is_named(tmp_path, spoil):
    load_data("digits:1.0.0", data_dir=tmp_path)
    file = next(tmp_path.rglob("digits-test.tfrecord*"))
    content = file.read_bytes()
    spoilt = {"truncate": content[:-20], "flip": content[:500] + b"abcd" + content[504:]}
    file.write_bytes(spoilt.get(spoil, b""))
    if spoil == "unlink":
        file.unlink()
    message = f"digits/1.0.0 in {tmp_path}/digits/1.0.0: cannot be read ("
    with pytest.raises(DataError, match=f"^{re.escape(message)}"):
        load_data("digits:1.0.0", data_dir=tmp_path)


class ColumnLabels(tfds.core.GeneratorBasedBuilder):
    """Labels of shape (1,)."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {"x": tfds.features.Tensor(shape=(3,), dtype=np.float32)}
        features["y"] = tfds.features.Tensor(shape=(1,), dtype=np.int64)
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features), supervised_keys=("x", "y")
        )

    def _split_generators(self, _):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for i in range(40):
            yield i, {"x": np.full(3, i, "float32"), "y": [i % 2]}


def test_labels_of_shape_1(tmp_path, collect):
    features, labels = collect(load_data("column_labels", data_dir=tmp_path).raw("test"))
    assert labels.tolist() == (features[:, 0] % 2).tolist()


class Targets(tfds.core.GeneratorBasedBuilder):
    """A target for each configuration."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name=name)
        for name in ("price", "pair", "tags", "flag", "count", "word")
    ]

    def _info(self):
        kinds = {"tags": np.int64, "flag": np.bool_, "count": np.int64}
        shapes = {"pair": (2,), "tags": (3,)}
        name = self.builder_config.name
        target = tfds.features.Tensor(shape=shapes.get(name, ()), dtype=kinds.get(name, np.float32))
        features = {
            "x": tfds.features.Text()
            if name == "word"
            else tfds.features.Tensor(shape=(3,), dtype=np.float32)
        }
        features["y"] = tfds.features.Text() if name == "word" else target
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("x", "y"),
            disable_shuffling=True,
        )

    def _split_generators(self, _):
        return {"train": self._generate_examples(40), "test": self._generate_examples(6)}

    def _generate_examples(self, size):
        name = self.builder_config.name
        for i in range(size):
            y = {
                "price": i / 8 + 1,
                "pair": [i / 8, -i / 4],
                "tags": [i % 2, 1, 0],
                "flag": i % 3 == 0,
                "count": 1000 * i,
                "word": "a",
            }[name]
            yield i, {"x": "b" if name == "word" else np.full(3, i, "float32"), "y": y}


@pytest.mark.parametrize(
    ("name", "kind", "target"),
    [
        ("price", "regression", lambda i: [i / 8 + 1]),
        ("pair", "regression", lambda i: [i / 8, -i / 4]),
        ("tags", "multilabel", lambda i: [i % 2, 1, 0]),
        ("flag", "classification", lambda i: i % 3 == 0),
    ],
)
@pytest.mark.parametrize("memory", [2**30, 0])
def test_targets_of_every_task(name, kind, target, memory, tmp_path, monkeypatch):
    monkeypatch.setattr(split, "MEMORY_LIMIT", memory)
    data = load_data(f"targets/{name}", data_dir=tmp_path)
    assert (data.task.kind, data.in_memory) == (kind, memory > 0)
    assert f"{kind} (found from the targets; pass task=... to change)" in data.describe()
    for part in data.sizes:
        for x, y in data.raw(part).as_numpy_iterator():
            np.testing.assert_array_equal(y, [target(i) for i in x[:, 0]])


def test_a_task_that_is_told(tmp_path):
    data = load_data("targets/count", data_dir=tmp_path, task="regression")
    assert (data.task.kind, data.task_found) == ("regression", False)


def test_a_target_that_is_no_number(tmp_path):
    message = (
        "y: expected a number, or a vector of numbers, as the target of each example. Received"
    )
    with pytest.raises(DataError, match=re.escape(message)):
        load_data("targets/word", data_dir=tmp_path)


def test_texts(mocked):
    with mocked("imdb_reviews"):
        data = load_data("imdb_reviews")
        assert (data.class_names, len(data.input_shape)) == (("neg", "pos"), 1)
        assert data.vocabulary_size


KILLED = """
import os, signal, sys
from occam.zoo.data import load_data
from occam.zoo.data.embedded.digits import Digits
generate = Digits._generate_examples
def half(self, images, labels):
    yield from generate(self, images[:100], labels[:100])
    os.kill(os.getpid(), signal.SIGKILL)
Digits._generate_examples = half
load_data("digits:1.0.0", data_dir=sys.argv[1])
"""


def test_a_killed_preparation_is_repeated(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == -9
    assert list((tmp_path / "digits").glob("incomplete.*"))
    assert load_data("digits:1.0.0", data_dir=tmp_path).sizes["train"] == 1293
