"""Tasks: inputs and targets as phases, splits that do not overlap, data that is what it should be."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from xyep import tasks
from xyep.paths import data
from xyep.tasks import HALF_PI, MNIST_SHA256, Task, fetch_mnist, load_task, read_mnist_file


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
    task = load_task("digits", validation=0.2, seed=3)
    train, validation = task.splits["train"], task.splits["validation"]
    assert (
        len({load_task("digits", validation=v).digest for v in (0, 0.1, 0.2)}) == 3
    )  # the same samples, otherwise divided
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
    assert np.allclose(right[:, 1:], image[:, :-1], atol=1e-6) and np.allclose(
        right[:, 0], -np.pi / 2
    )
    assert np.allclose(up[:-1], image[1:], atol=1e-6) and np.allclose(up[-1], -np.pi / 2)
    assert np.allclose(half[1:], (image[1:] + image[:-1]) / 2, atol=1e-6)
    assert task.labels[n + 7] == plain.labels[7] and task.digest != plain.digest
    with pytest.raises(ValueError, match="shifts: found .* for iris"):
        load_task("iris", shifts=[(0, 1)])
    for wrong in ([(0, 1, 2)], 5, None):
        with pytest.raises((ValueError, TypeError), match="shifts"):
            load_task("digits", shifts=wrong)


def test_mnist():
    missing = [name for name in MNIST_SHA256 if not (data() / "mnist" / name).is_file()]
    if missing:
        pytest.skip(
            f"MNIST is not in {data() / 'mnist'} (fetch it with `xyep data fetch mnist`, or set XYEP_DATA_DIR)"
        )
    labels = read_mnist_file("t10k-labels-idx1-ubyte.gz")
    np.testing.assert_array_equal(labels[:5], [7, 2, 1, 0, 4])
    assert labels.shape == (10_000,) and read_mnist_file("t10k-images-idx3-ubyte.gz").shape == (
        10_000,
        28,
        28,
    )
    task = load_task("mnist")
    assert task.inputs.shape == (70_000, 784) and task.inputs.dtype == np.float32
    np.testing.assert_array_equal(task.splits["test"], np.arange(60_000, 70_000))
    assert len(task.splits["train"]) == 51_000 and len(task.splits["validation"]) == 9_000
    assert len(np.intersect1d(task.splits["train"], task.splits["validation"])) == 0
    np.testing.assert_array_equal(task.labels[:5], [5, 0, 4, 1, 9])
    np.testing.assert_array_equal(task.labels[60_000:60_005], [7, 2, 1, 0, 4])
    assert task.inputs.min() == pytest.approx(-HALF_PI) and task.inputs.max() == pytest.approx(
        HALF_PI
    )
    np.testing.assert_array_equal(task.classify(task.targets), task.labels)


def test_missing_and_corrupt_mnist(tmp_path, monkeypatch):
    monkeypatch.setenv("XYEP_DATA_DIR", str(tmp_path))
    name = "t10k-labels-idx1-ubyte.gz"
    with pytest.raises(FileNotFoundError, match="XYEP_DATA_DIR"):
        load_task("mnist")
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / name).write_bytes(
        gzip.compress(b"\0\0\x08\x01" + b"\0\0\0\x02" + b"\x07\x02")
    )
    with pytest.raises(ValueError, match="SHA-256.*corrupt"):
        read_mnist_file(name)


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
    """pooch fetches from a folder as from a mirror; the first mirror is corrupt, the second is right."""
    from hashlib import sha256

    import pooch

    names = {}
    for k, name in enumerate(MNIST_SHA256):
        content = {"bad": b"corrupt", "good": bytes([k]) * 9}
        names[name] = sha256(content["good"]).hexdigest()
        for mirror, raw in content.items():
            (tmp_path / mirror).mkdir(exist_ok=True)
            (tmp_path / mirror / name).write_bytes(raw)

    def copy(url, output, source):
        Path(output).write_bytes(Path(url.removeprefix("file://")).read_bytes())

    real = pooch.retrieve
    monkeypatch.setattr(
        pooch, "retrieve", lambda url, **keywords: real(url, downloader=copy, **keywords)
    )
    monkeypatch.setattr(tasks, "MNIST_SHA256", names)
    monkeypatch.setattr(
        tasks, "MNIST_MIRRORS", (f"file://{tmp_path}/bad/", f"file://{tmp_path}/good/")
    )
    monkeypatch.setenv("XYEP_DATA_DIR", str(tmp_path / "data"))
    folder = fetch_mnist()
    assert {f.name: sha256(f.read_bytes()).hexdigest() for f in folder.iterdir()} == names


def test_idx_files_are_read_as_they_are_defined(tmp_path, monkeypatch):
    """Two 2×3 images in the IDX format, admitted in place of the official file."""
    from hashlib import sha256

    pixels = np.arange(12, dtype=np.uint8)
    raw = gzip.compress(b"\0\0\x08\x03" + np.array([2, 2, 3], ">u4").tobytes() + pixels.tobytes())
    (tmp_path / "mnist").mkdir()
    name = "t10k-images-idx3-ubyte.gz"
    (tmp_path / "mnist" / name).write_bytes(raw)
    monkeypatch.setenv("XYEP_DATA_DIR", str(tmp_path))
    monkeypatch.setitem(MNIST_SHA256, name, sha256(raw).hexdigest())
    np.testing.assert_array_equal(read_mnist_file(name), pixels.reshape(2, 2, 3))


def test_a_task_of_ones_own():
    task = Task(
        "own",
        [[0.1], [0.2], [0.3]],
        [[1.0], [1.0], [-1.0]],
        [1, 1, 0],
        {"train": [0, 2], "test": [1]},
    )
    np.testing.assert_array_equal(task.train.inputs, [[0.1], [0.3]])
    np.testing.assert_array_equal(task.test.labels, [1])
    assert task.validation is task  # no such split
