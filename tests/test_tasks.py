"""Tasks: inputs and targets as phases, splits without common samples, data as they should be."""

import gzip
import re
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from xyep import datasets
from xyep.datasets import MNIST_SHA256, fetch_mnist, load_task, read_idx
from xyep.paths import data
from xyep.tasks import HALF_PI, SPLITS, Task, one_hot


def check_splits(task, n):
    parts = [task.splits[name] for name in ("train", "validation", "test")]
    together = np.concatenate(parts)
    assert len(together) == n == len(task) and len(np.unique(together)) == n
    for name, keep in zip(("train", "validation", "test"), parts):
        part = getattr(task, name)
        np.testing.assert_array_equal(part.inputs, task.inputs[keep])
        np.testing.assert_array_equal(part.labels, task.labels[keep])
        assert len(part) == len(keep) > 0 and part.name == f"{task.name}_{name}"


def check_one_hot(task, classes):
    assert task.targets.shape == (len(task), classes)
    np.testing.assert_allclose(
        np.sort(task.targets, axis=1), [[-HALF_PI] * (classes - 1) + [HALF_PI]] * len(task)
    )
    np.testing.assert_array_equal(task.classify(task.targets), task.labels)
    assert np.abs(task.inputs).max() <= HALF_PI + 1e-6


def test_xor_is_its_truth_table():
    task = load_task("xor")
    table = {tuple(np.sign(x)): np.sign(t) for x, (t,) in zip(task.inputs, task.targets)}
    assert table == {(-1, -1): -1, (-1, 1): 1, (1, -1): 1, (1, 1): -1}
    np.testing.assert_array_equal(np.abs(task.inputs), HALF_PI)
    np.testing.assert_array_equal(np.abs(task.targets), HALF_PI)
    np.testing.assert_array_equal(task.labels, [0, 1, 1, 0])
    np.testing.assert_array_equal(task.classify(task.targets), task.labels)
    assert task.train is task.test is task and len(task) == 4


def test_classify():
    task = load_task("xor")
    np.testing.assert_array_equal(
        task.classify(np.array([[0.1], [-0.1], [np.pi - 0.1], [np.pi + 0.1]])), [1, 0, 1, 0]
    )
    np.testing.assert_array_equal(
        task.classify(np.array([[1.5, -1.5, 0.2], [3.0, 0.3, -0.5]])), [0, 1]
    )
    assert task.classify(np.zeros((4, 5, 3))).shape == (4, 5)


def test_iris_folds():
    seen = []
    for fold in range(5):
        task = load_task("iris", fold=fold, seed=3)
        check_splits(task, 150)
        check_one_hot(task, 3)
        np.testing.assert_array_equal(np.bincount(task.test.labels), [10, 10, 10])
        assert len(task.validation) == 18  # 15 % of 120
        # the scale comes from the training part alone
        np.testing.assert_allclose(task.train.inputs.min(axis=0), -HALF_PI)
        np.testing.assert_allclose(task.train.inputs.max(axis=0), HALF_PI)
        seen.append(task.splits["test"])
    np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.arange(150))


def test_seeds_and_folds_make_different_tasks():
    base = load_task("iris", seed=1)
    np.testing.assert_array_equal(base.splits["train"], load_task("iris", seed=1).splits["train"])
    assert base.digest == load_task("iris", seed=1).digest
    others = [
        load_task("iris", seed=1, fold=1),
        load_task("iris", seed=2),
        load_task("iris", seed=1, validation=0.3),
    ]
    assert len({base.digest, *(task.digest for task in others)}) == 4


def test_digits():
    task = load_task("digits", validation=0.2)
    check_splits(task, 1797)
    check_one_hot(task, 10)
    assert task.inputs.shape == (1797, 64)
    np.testing.assert_array_equal(task.splits["test"], np.arange(1437, 1797))
    assert len(task.validation) == round(0.2 * 1437)
    assert task.inputs.min() == pytest.approx(-HALF_PI) and task.inputs.max() == pytest.approx(
        HALF_PI
    )


def test_validation_digits_are_the_last_of_the_training_part():
    task = load_task("digits", validation=0.2)
    train, validation = task.splits["train"], task.splits["validation"]
    # the same samples, otherwise divided
    assert len({load_task("digits", validation=v).digest for v in (0, 0.1, 0.2)}) == 3
    assert (
        train[-1] + 1 == validation[0]
        and validation[-1] == 1436
        and np.all(np.diff(validation) == 1)
    )


def test_shifted_images_are_added_to_the_training_part_only():
    plain = load_task("digits", validation=0.2)
    task = load_task("digits", validation=0.2, shifts=[(0, 1), (-1, 0), (0.5, 0)])
    n, train = len(plain), len(plain.splits["train"])
    assert len(task) == n + 3 * train and len(task.splits["train"]) == 4 * train
    for name in ("validation", "test"):
        assert np.array_equal(task.splits[name], plain.splits[name])
    image = plain.inputs[7].reshape(8, 8)
    right, up, half = (task.inputs[n + k * train + 7].reshape(8, 8) for k in range(3))
    black = np.float32(-HALF_PI)
    assert np.array_equal(right[:, 1:], image[:, :-1]) and np.all(right[:, 0] == black)
    assert np.array_equal(up[:-1], image[1:]) and np.all(up[-1] == black)
    assert np.allclose(half[1:], (image[1:] + image[:-1]) / 2, atol=1e-6)
    assert task.labels[n + 7] == plain.labels[7] and task.digest != plain.digest


@pytest.mark.parametrize(
    "by", [(0, 1), (-2, 3), (0.5, 0), (-0.25, 1.75), (2.5, -2.5), (0, 0), (4, -4.9), (0.1, -0.9)]
)
def test_moved_images_are_those_of_scipy(by):
    from scipy.ndimage import shift

    images = np.random.default_rng(2).uniform(-HALF_PI, HALF_PI, (3, 5, 6)).astype(np.float32)
    expected = shift(images, (0, *by), order=1, cval=-HALF_PI)
    moved = datasets._moved(images, by)
    assert moved.dtype == np.float32
    np.testing.assert_allclose(moved, expected, atol=1e-6)


# ---------------------------------------------------------------------------------- files of images


def idx(array, code=8):
    """A file in the IDX format, written by its definition."""
    sizes = np.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, code, array.ndim]) + sizes + array.tobytes()


@pytest.mark.parametrize(
    "code, dtype", [(8, ">u1"), (9, ">i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")]
)
def test_idx_files_are_read_as_they_are_defined(tmp_path, code, dtype):
    array = np.arange(12).reshape(2, 2, 3).astype(dtype)
    (tmp_path / "plain").write_bytes(idx(array, code))
    (tmp_path / "packed.gz").write_bytes(gzip.compress(idx(array, code)))
    for path in ("plain", "packed.gz", "packed"):
        read = read_idx(tmp_path / path)
        np.testing.assert_array_equal(read, array)
        assert read.dtype == array.dtype.newbyteorder("=")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>not found</html>",
        idx(np.zeros((2, 3), np.uint8))[:-1],
        idx(np.zeros((2, 3), np.uint8)) + b"more",
        idx(np.zeros(3, np.uint8), code=10),
        gzip.compress(idx(np.zeros((20, 30), np.uint8)))[:-12],
        bytes([0, 0, 8, 200]),
        b"\x1f\x8b",
    ],
)
def test_files_that_are_no_idx_files(tmp_path, raw):
    (tmp_path / "file").write_bytes(raw)
    with pytest.raises(ValueError, match=r"path: found .*file.*need"):
        read_idx(tmp_path / "file")


def written(folder, n_train=40, n_test=20, classes=11, first=1):
    """Four files as Fashion-MNIST or EMNIST has them, with labels from `first`."""
    rng = np.random.default_rng(3)
    folder.mkdir(parents=True)
    for part, n in (("train", n_train), ("t10k", n_test)):
        pixels = rng.integers(0, 256, (n, 4, 5), np.uint8)
        labels = (np.arange(n) % classes + first).astype(np.uint8)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(pixels))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return folder


def test_a_folder_of_images(tmp_path):
    folder = written(tmp_path / "Letters" / "raw")
    task = load_task("idx", folder=folder, validation=0.25, seed=1)
    check_splits(task, 60)
    check_one_hot(task, 11)
    assert task.name == "Letters" and task.inputs.shape == (60, 20)
    assert task.classes == tuple(range(1, 12)) and task.inputs.dtype == np.float32
    np.testing.assert_array_equal(task.splits["test"], np.arange(40, 60))
    pixels = read_idx(folder / "train-images-idx3-ubyte")
    np.testing.assert_allclose(
        task.inputs[:40], np.pi * pixels.reshape(40, 20) / 255 - HALF_PI, atol=1e-6
    )
    moved = load_task("idx", folder=str(folder), validation=0, shifts=[(0, 1)])
    assert len(moved) == 100 and moved.digest != task.digest


def test_mnist_files_of_other_content_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("XYEP_DATA_DIR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="XYEP_DATA_DIR: found no train-images"):
        load_task("mnist")
    written(tmp_path / "mnist")
    with pytest.raises(ValueError, match='content of SHA-256.*needed for MNIST.*load_task."idx"'):
        load_task("mnist")


@pytest.mark.parametrize("place", ["mnist", "MNIST/raw", "."])
@pytest.mark.parametrize("packed", [True, False])
def test_mnist_is_found_where_others_put_it(tmp_path, monkeypatch, place, packed):
    """torchvision's layout, the folder itself, unpacked or packed anew: only the content counts."""
    raw = {name: idx(np.full(3, k, np.uint8)) for k, name in enumerate(MNIST_SHA256)}
    digests = {name: sha256(content).hexdigest() for name, content in raw.items()}
    monkeypatch.setattr(datasets, "MNIST_SHA256", digests)
    monkeypatch.setenv("XYEP_DATA_DIR", str(tmp_path))
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in raw.items():
        content = gzip.compress(content, 1) if packed else content
        (folder / (name + ".gz" * packed)).write_bytes(content)
    for k, name in enumerate(raw):
        np.testing.assert_array_equal(datasets._mnist_file(name), [k] * 3)
    assert fetch_mnist() == (tmp_path / place).resolve()  # nothing to fetch


def test_home_is_understood_in_the_data_folder(monkeypatch):
    monkeypatch.setenv("XYEP_DATA_DIR", "~/somewhere")
    assert data() == (Path.home() / "somewhere").resolve()


def test_mnist():
    try:
        labels = datasets._mnist_file("t10k-labels-idx1-ubyte")
    except FileNotFoundError:
        pytest.skip("MNIST is not at hand (`xyep data fetch mnist`, or set XYEP_DATA_DIR)")
    np.testing.assert_array_equal(labels[:5], [7, 2, 1, 0, 4])
    assert labels.shape == (10_000,)
    task = load_task("mnist")
    assert task.inputs.shape == (70_000, 784) and task.inputs.dtype == np.float32
    np.testing.assert_array_equal(task.splits["test"], np.arange(60_000, 70_000))
    assert len(task.splits["train"]) == 51_000 and len(task.splits["validation"]) == 9_000
    assert len(np.intersect1d(task.splits["train"], task.splits["validation"])) == 0
    np.testing.assert_array_equal(task.labels[:5], [5, 0, 4, 1, 9])
    np.testing.assert_array_equal(task.labels[60_000:60_005], [7, 2, 1, 0, 4])
    assert task.inputs.min() == pytest.approx(-HALF_PI)
    assert task.inputs.max() == pytest.approx(HALF_PI)
    np.testing.assert_array_equal(task.classify(task.targets), task.labels)


def test_mnist_that_cannot_be_fetched_says_where_to_put_it(tmp_path, monkeypatch):
    import pooch
    import requests

    def offline(url, **keywords):
        raise requests.ConnectionError("no network")

    monkeypatch.setattr(pooch, "retrieve", offline)
    monkeypatch.setenv("XYEP_DATA_DIR", str(tmp_path))
    with pytest.raises(ConnectionError, match="put them into .*mnist.*XYEP_DATA_DIR"):
        fetch_mnist()


def test_fetched_files_are_checked(tmp_path, monkeypatch):
    """The first mirror is corrupt, the second is right; a damaged file at hand is replaced."""
    import pooch

    digests = {}
    for k, name in enumerate(MNIST_SHA256):
        good = idx(np.full(3, k, np.uint8))
        digests[name] = sha256(good).hexdigest()
        for mirror, raw in (("bad", b"corrupt"), ("good", gzip.compress(good))):
            (tmp_path / mirror).mkdir(exist_ok=True)
            (tmp_path / mirror / f"{name}.gz").write_bytes(raw)

    def copy(url, output, source):
        Path(output).write_bytes(Path(url.removeprefix("file://")).read_bytes())

    real = pooch.retrieve
    monkeypatch.setattr(
        pooch, "retrieve", lambda url, **keywords: real(url, downloader=copy, **keywords)
    )
    monkeypatch.setattr(datasets, "MNIST_SHA256", digests)
    monkeypatch.setattr(
        datasets, "MNIST_MIRRORS", (f"file://{tmp_path}/bad/", f"file://{tmp_path}/good/")
    )
    monkeypatch.setenv("XYEP_DATA_DIR", str(tmp_path / "data"))
    damaged = tmp_path / "data" / "mnist" / next(iter(digests))
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"half a fi")
    folder = fetch_mnist()
    found = {f.name: sha256(gzip.decompress(f.read_bytes())).hexdigest() for f in folder.iterdir()}
    assert found == {f"{name}.gz": digest for name, digest in digests.items()}


# ------------------------------------------------------------------------------- tasks of one's own

X, T = [[0.1], [0.2], [0.3], [0.4]], [[1.0], [1.0], [-1.0], [1.0]]
EYE = HALF_PI * (2 * np.eye(3) - 1)


def test_a_task_of_ones_own():
    task = Task("own", X, T, [1, 1, 0, 1], {"train": [0, 2], "test": [1]})
    np.testing.assert_array_equal(task.train.inputs, [[0.1], [0.3]])
    np.testing.assert_array_equal(task.test.labels, [1])
    assert list(task.splits) == ["train", "test"] and task.classes == (0, 1)
    with pytest.raises(ValueError, match="found 'validation'.*train, test only"):
        task.validation  # noqa: B018, asked for its error alone
    assert repr(task) == "<Task own: 4 samples, 2 train, 1 test; 1 input, 1 output, 2 classes>"


def test_labels_are_those_of_the_targets():
    np.testing.assert_array_equal(Task("own", X, T).labels, [1, 1, 0, 1])
    np.testing.assert_array_equal(Task("own", X, T, [True, True, False, True]).labels, [1, 1, 0, 1])
    np.testing.assert_array_equal(Task("own", X[:3], EYE).labels, [0, 1, 2])
    assert Task("own", X, T).digest == Task("other", X, T, [1, 1, 0, 1]).digest


def test_masks_are_splits():
    mask = np.array([True, False, True, False])
    task = Task("own", X, T, splits={"test": ~mask, "train": mask})
    same = Task("own", X, T, splits={"train": [0, 2], "test": [1, 3]})
    assert task.digest == same.digest and list(task.splits) == ["train", "test"]
    np.testing.assert_array_equal(task.numbers("test"), [1, 3])


def test_the_whole_task_may_be_each_part():
    task = Task("own", X, T, splits={name: range(4) for name in SPLITS})
    assert len(task.train) == len(task.test) == len(task.validation) == 4


def test_arrays_of_a_task_are_not_written_to_and_not_copied_in_float32():
    inputs = np.zeros((4, 1), np.float32)
    task = Task("own", inputs, T)
    assert np.shares_memory(task.inputs, inputs) and task.inputs.dtype == np.float32
    for array in (task.inputs, task.targets, task.labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    inputs[0] = 1  # the caller's array stays the caller's


def features(n=60):
    rng = np.random.default_rng(4)
    return rng.normal([3.0, -200.0, 7.0], [1.0, 50.0, 0.0], (n, 3)), np.arange(n) % 3


@pytest.mark.parametrize(
    "names", [(0, 1, 2), ("a", "b", "c"), (-1, 0, 5), (1.0, 2.0, 3.0), (10, 20, 30)]
)
def test_classes_are_kept(names):
    features_, number = features()
    task = Task.from_arrays(features_, np.array(names)[number], name="own")
    assert task.classes == names and type(task.classes[0]) is type(names[0])
    np.testing.assert_array_equal(task.labels, number)
    check_one_hot(task, 3)
    check_splits(task, 60)
    for part, n in (("train", 12), ("validation", 4), ("test", 4)):
        np.testing.assert_array_equal(np.bincount(task.part(part).labels), [n] * 3)
    assert task.train.classes == names


def test_features_are_scaled_on_the_training_part():
    task = Task.from_arrays(*features(), seed=2)
    train = task.train.inputs
    np.testing.assert_allclose(train.min(axis=0), [-HALF_PI, -HALF_PI, 0], atol=1e-12)
    np.testing.assert_allclose(train.max(axis=0), [HALF_PI, HALF_PI, 0], atol=1e-12)
    assert np.abs(task.inputs).max() <= HALF_PI
    wild = features()[0]
    wild[task.splits["test"]] *= 1000  # says nothing about the scale
    again = Task.from_arrays(wild, features()[1], seed=2)
    np.testing.assert_array_equal(again.train.inputs, train)


def test_two_classes_have_one_output():
    task = Task.from_arrays(features()[0], features()[1] > 0, validation=0)
    assert task.targets.shape == (60, 1) and task.classes == (False, True)
    assert list(task.splits) == ["train", "test"]
    np.testing.assert_array_equal(task.classify(task.targets), features()[1] > 0)


def test_data_frames_are_features():
    pd = pytest.importorskip("pandas")
    values, number = features()
    frame = pd.DataFrame(values, columns=["length", "width", "price"])
    species = pd.Series(np.array(["b", "a", "c"])[number]).astype("category")
    plain = Task.from_arrays(values, np.array(["b", "a", "c"])[number])
    task = Task.from_arrays(frame, species)
    assert task.digest == plain.digest and task.classes == ("a", "b", "c")
    assert Task.from_arrays(frame.astype(object), species.to_frame()).digest == plain.digest
    frame.iloc[7, 1] = np.nan
    with pytest.raises(ValueError, match="X: found 1 values.*row 7, column width"):
        Task.from_arrays(frame, species)
    with pytest.raises(TypeError, match="X: found 'red' in row 3, column colour"):
        Task.from_arrays(
            frame.assign(colour=["blue"] * 3 + ["red"] * 57)[["colour"]].replace("blue", 1), species
        )
    species[4] = None
    with pytest.raises(ValueError, match="y: found no value in row 4"):
        Task.from_arrays(values, species)


def test_seeds_draw_other_parts():
    digests = {Task.from_arrays(*features(), seed=seed).digest for seed in (0, 1, 2**64 - 1)}
    assert len(digests) == 3
    assert Task.from_arrays(*features()).digest in digests


def test_wine_is_a_task():
    from sklearn.datasets import load_wine

    wine = load_wine(as_frame=True)
    task = Task.from_arrays(wine.data, wine.target, name="wine")
    assert repr(task) == (
        "<Task wine: 178 samples, 106 train, 36 validation, 36 test; 13 inputs, 3 outputs, "
        "3 classes>"
    )


def changed(n=10, **cells):
    """Features with other values in some cells."""
    array = np.zeros((n, 2), object)
    for at, value in cells.items():
        array[int(at[1]), int(at[3])] = value
    return array


Y = [0, 1] * 5
MASKED = np.ma.masked_array(np.zeros((10, 2)), mask=[[False, True]] + [[False, False]] * 9)
BAD = [
    # Task
    ("name", lambda: Task(5, X, T), TypeError),
    ("inputs", lambda: Task("own", [[1000.0]] * 4, T), ValueError),
    ("inputs", lambda: Task("own", np.full((4, 1), 300, np.float32), T), ValueError),
    ("inputs", lambda: Task("own", np.full((4, 1), np.nan, np.float32), T), ValueError),
    ("inputs", lambda: Task("own", [0.1, 0.2, 0.3, 0.4], T), ValueError),
    ("inputs", lambda: Task("own", np.zeros(4), T), ValueError),
    ("inputs", lambda: Task("own", [["a"]] * 4, T), TypeError),
    ("inputs", lambda: Task("own", np.ma.masked_equal(X, 0.2), T), ValueError),
    ("inputs", lambda: Task("own", np.array(X) > 0.2, T), TypeError),
    ("inputs", lambda: Task("own", np.zeros((0, 2)), np.zeros((0, 1))), ValueError),
    ("inputs", lambda: Task("own", np.array(X, object) + 1j, T), TypeError),
    ("targets", lambda: Task("own", X, [1.0, 1.0, -1.0, 1.0]), ValueError),
    ("targets", lambda: Task("own", X, np.array([1, 1, 0, 1])), ValueError),
    ("targets", lambda: Task("own", X, [[1.0], [1.0], [0.0], [1.0]]), ValueError),
    ("targets", lambda: Task("own", X[:3], np.eye(3)), ValueError),
    ("targets", lambda: Task("own", X[:3], -EYE), ValueError),
    ("targets", lambda: Task("own", X[:3], np.full((3, 3), -1.0)), ValueError),
    ("targets", lambda: Task("own", X, np.zeros((4, 0))), ValueError),
    ("targets", lambda: Task("own", X, T[:3]), ValueError),
    ("targets", lambda: Task("own", X, [[90.0], [90.0], [-90.0], [90.0]]), ValueError),
    ("labels", lambda: Task("own", X, T, [1, 2, 2, 1]), ValueError),
    ("labels", lambda: Task("own", X, T, [1, 1, -1, 1]), ValueError),
    ("labels", lambda: Task("own", X, T, [0, 0, 1, 0]), ValueError),
    ("labels", lambda: Task("own", X, T, ["1", "1", "0", "1"]), TypeError),
    ("labels", lambda: Task("own", X, T, [1, 1, 0]), ValueError),
    ("labels", lambda: Task("own", X, T, T), ValueError),
    ("splits", lambda: Task("own", X, T, splits={"Train": [0], "test": [1]}), ValueError),
    ("splits", lambda: Task("own", X, T, splits={"train": [0], "valid": [1]}), ValueError),
    ("splits", lambda: Task("own", X, T, splits={"train": [0, 1]}), ValueError),
    ("splits", lambda: Task("own", X, T, splits={"test": [0, 1]}), ValueError),
    ("splits", lambda: Task("own", X, T, splits=[0, 1]), TypeError),
    ("splits", lambda: Task("own", X, T, splits=None), TypeError),
    ("splits", lambda: Task("own", X, T, splits={"train": [0, 1], "test": [1, 2]}), ValueError),
    ("splits", lambda: Task("own", X, T, splits={"train": [0, 0], "test": [1]}), ValueError),
    ("splits", lambda: Task("own", X, T, splits={"train": [0, 9], "test": [1]}), ValueError),
    ("splits", lambda: Task("own", X, T, splits={"train": [0, -1], "test": [1]}), ValueError),
    ("splits", lambda: Task("own", X, T, splits={"train": [], "test": [1]}), ValueError),
    ("splits", lambda: Task("own", X, T, splits={"train": [0.5], "test": [1]}), TypeError),
    ("splits", lambda: Task("own", X, T, splits={"train": None, "test": [1]}), TypeError),
    ("splits", lambda: Task("own", X, T, splits={"train": "all", "test": [1]}), TypeError),
    ("splits", lambda: Task("own", X, T, splits={"train": [True], "test": [1]}), ValueError),
    ("splits", lambda: Task("own", X, T, splits={"train": [False] * 4, "test": [1]}), ValueError),
    ("classes", lambda: Task("own", X, T, classes=("a",)), ValueError),
    ("classes", lambda: Task("own", X, T, classes=("a", "a")), ValueError),
    ("classes", lambda: Task("own", X, T, classes="ab"), TypeError),
    # from_arrays
    ("X", lambda: Task.from_arrays(np.zeros(10), Y), ValueError),
    ("X", lambda: Task.from_arrays(np.zeros((10, 4, 4)), Y), ValueError),
    ("X", lambda: Task.from_arrays(np.zeros((10, 0)), Y), ValueError),
    ("X", lambda: Task.from_arrays([[1, 2], [3]], Y), TypeError),
    ("X", lambda: Task.from_arrays(changed(r3c1="red"), Y), TypeError),
    ("X", lambda: Task.from_arrays(changed(r3c1=None), Y), ValueError),
    ("X", lambda: Task.from_arrays(changed(r3c1=np.nan), Y), ValueError),
    ("X", lambda: Task.from_arrays(changed(r3c1=np.inf), Y), ValueError),
    ("X", lambda: Task.from_arrays(changed(r3c1=1j), Y), TypeError),
    ("X", lambda: Task.from_arrays(MASKED, Y), ValueError),
    ("y", lambda: Task.from_arrays(np.zeros((10, 2)), Y[:9]), ValueError),
    ("y", lambda: Task.from_arrays(np.zeros((10, 2)), [0.0, np.nan] * 5), ValueError),
    ("y", lambda: Task.from_arrays(np.zeros((10, 2)), ["a", None] * 5), ValueError),
    ("y", lambda: Task.from_arrays(np.zeros((10, 2)), np.linspace(0, 1, 10)), TypeError),
    ("y", lambda: Task.from_arrays(np.zeros((10, 2)), np.array(["a", 1], object)[Y]), TypeError),
    ("y", lambda: Task.from_arrays(np.zeros((10, 2)), [1] * 10), ValueError),
    ("y", lambda: Task.from_arrays(np.zeros((10, 2)), np.eye(10)), ValueError),
    ("y", lambda: Task.from_arrays(np.zeros((3, 2)), [0, 0, 1], test=0.5), ValueError),
    ("y", lambda: Task.from_arrays(np.zeros((10, 2)), np.ma.masked_equal(Y, 1)), ValueError),
    ("test", lambda: Task.from_arrays(np.zeros((10, 2)), Y, test=0), ValueError),
    ("test", lambda: Task.from_arrays(np.zeros((10, 2)), Y, test=3), ValueError),
    ("test", lambda: Task.from_arrays(np.zeros((10, 2)), Y, test=0.01), ValueError),
    ("validation", lambda: Task.from_arrays(np.zeros((10, 2)), Y, validation=0.01), ValueError),
    ("validation", lambda: Task.from_arrays(np.zeros((10, 2)), Y, validation=0.8), ValueError),
    ("validation", lambda: Task.from_arrays(np.zeros((10, 2)), Y, validation="no"), TypeError),
    ("seed", lambda: Task.from_arrays(np.zeros((10, 2)), Y, seed=-1), ValueError),
    ("seed", lambda: Task.from_arrays(np.zeros((10, 2)), Y, seed=2**64), ValueError),
    ("name", lambda: Task.from_arrays(np.zeros((10, 2)), Y, name=None), TypeError),
    # load_task
    ("name", lambda: load_task("XOR"), ValueError),
    ("name", lambda: load_task(None), ValueError),
    ("name", lambda: load_task("xor").part("valid"), ValueError),
    ("seed", lambda: load_task("xor", seed=0), ValueError),
    ("seed", lambda: load_task("digits", seed=1), ValueError),
    ("seed", lambda: load_task("iris", seed=1.0), TypeError),
    ("seed", lambda: load_task("iris", seed=2**64), ValueError),
    ("fold", lambda: load_task("digits", fold=1), ValueError),
    ("fold", lambda: load_task("iris", fold=5), ValueError),
    ("folds", lambda: load_task("iris", folds=True), TypeError),
    ("validation", lambda: load_task("xor", validation=0.1), ValueError),
    ("validation", lambda: load_task("iris", validation=0.001), ValueError),
    ("validation", lambda: load_task("digits", validation=1), ValueError),
    ("shifts", lambda: load_task("iris", shifts=[(0, 1)]), ValueError),
    ("shifts", lambda: load_task("digits", shifts=[(0, 1, 2)]), ValueError),
    ("shifts", lambda: load_task("digits", shifts=5), ValueError),
    ("shifts", lambda: load_task("digits", shifts=[(0, 8)]), ValueError),
    ("shifts", lambda: load_task("digits", shifts="left"), TypeError),
    ("folder", lambda: load_task("idx"), TypeError),
    ("folder", lambda: load_task("idx", folder=5), TypeError),
    ("folder", lambda: load_task("mnist", folder="here"), ValueError),
    ("path", lambda: load_task("idx", folder="nowhere"), FileNotFoundError),
    ("path", lambda: read_idx(None), TypeError),
    # one_hot
    ("labels", lambda: one_hot([0, 3], 3), ValueError),
    ("labels", lambda: one_hot([-1, 0], 3), ValueError),
    ("labels", lambda: one_hot([0.5, 0], 3), TypeError),
    ("classes", lambda: one_hot([0, 0], 1), ValueError),
]


@pytest.mark.parametrize("argument, call, error", BAD)
def test_bad_input(argument, call, error):
    with pytest.raises(error, match=rf"(?s)^{re.escape(argument)}\b.*found .*need"):
        call()
