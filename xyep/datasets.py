"""The data sets of the paper as tasks: XOR, Iris, digits, MNIST and its relatives.

Everything here follows from the files and the seed with plain arithmetic and the random numbers of
`xyep.random`, so that a task is the same on every machine.
"""

import gzip
import os
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checks import (
    check_array,
    check_choice,
    check_instance,
    check_integer,
    check_number,
    found,
)
from .paths import data
from .random import permutation
from .tasks import HALF_PI, VALIDATION, Task, one_hot, scaled, share

__all__ = ["fetch_mnist", "load_task", "read_idx"]

# -------------------------------------------------------------------------------------- known tasks


def load_task(
    name: str,
    *,
    seed: int | None = None,
    fold: int | None = None,
    folds: int | None = None,
    validation: float | None = None,
    shifts: Sequence[Sequence[float]] | NDArray[Any] | None = None,
    folder: str | Path | None = None,
) -> Task:
    """One of the paper's tasks, a small stand-in, or a folder of images.

    "xor" : four patterns of ±π/2, target +π/2 where the inputs differ; all are training and test
    "iris" : 150 flowers (Fisher's rows, as scikit-learn has them), features scaled linearly to ±π/2
        over the training part, 3 classes; `folds` of equal classes, of which `fold` is the test
    "digits" : 8×8 digits bundled with scikit-learn, first 1437 train and validation, last 360 test.
        Writers follow each other, so the validation samples are the last of the training part:
        mostly other writers, as in the test
    "mnist" : the official files, checked, from ``XYEP_DATA_DIR`` (``xyep data fetch mnist``)
    "idx" : `folder` with four files named like MNIST's, such as Fashion-MNIST, KMNIST or EMNIST

    Parameters
    ----------
    seed : iris, mnist, idx: of the random choice of folds and validation samples; default 0
    fold, folds : iris: default 0 of 5
    validation : all but xor: part of the training samples set aside, 0 to below 1; default 0.15
    shifts : images: (rows, columns) by which copies of the training images are moved, all added to
        the training part: ``[(0, 1), (0, -0.5)]``. Fractions of a pixel are interpolated linearly,
        and what comes from beyond the border is black
    folder : idx: where the files are, plain or compressed

    Raises
    ------
    ValueError, TypeError
        For wrong arguments, and for those that would change nothing in this task.
    FileNotFoundError
        For missing files; says where they were looked for.

    >>> load_task("xor")
    <Task xor: 4 samples, all in train and test; 2 inputs, 1 output, 2 classes>
    >>> load_task("iris", fold=2, validation=0)
    <Task iris: 150 samples, 120 train, 30 test; 4 inputs, 3 outputs, 3 classes>
    >>> load_task("xor", seed=3)
    Traceback (most recent call last):
        ...
    ValueError: seed: found 3 for xor, where it changes nothing; none is needed
    """
    images = ("validation", "shifts")
    takes = {
        "xor": (),
        "iris": ("seed", "fold", "folds", "validation"),
        "digits": images,
        "mnist": ("seed", *images),
        "idx": ("seed", "folder", *images),
    }
    check_choice("name", name, takes)
    given = {
        "seed": seed,
        "fold": fold,
        "folds": folds,
        "validation": validation,
        "shifts": shifts,
        "folder": folder,
    }
    for option, value in given.items():
        if value is not None and option not in takes[name]:
            raise ValueError(
                f"{option}: found {found(value)} for {name}, where it changes nothing; "
                "none is needed"
            )
    seed = check_integer("seed", 0 if seed is None else seed, 0, 2**64 - 1)
    part = check_number("validation", 0.15 if validation is None else validation, 0, 1, (1,))
    if name == "xor":
        return _xor()
    if name == "iris":
        folds = check_integer("folds", 5 if folds is None else folds, 2, 50)
        return _iris(
            seed, check_integer("fold", 0 if fold is None else fold, 0, folds - 1), folds, part
        )
    if name == "digits":
        return _digits(part, shifts)
    if name == "mnist":
        files = [_mnist_file(file) for file in MNIST_SHA256]
        return _idx_task("mnist", files, seed, part, shifts)
    if folder is None:
        raise TypeError("folder: found None; for idx, the folder of the four files is needed")
    root = Path(check_instance("folder", folder, (str, os.PathLike), "a path")).expanduser()
    files = [read_idx(root / file) for file in MNIST_SHA256]
    names = [place for place in root.resolve().parts[1:] if place != "raw"] or ["images"]
    return _idx_task(names[-1], files, seed, part, shifts)


def _xor() -> Task:
    inputs = HALF_PI * np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    return Task("xor", inputs, HALF_PI * np.array([[-1.0], [1.0], [1.0], [-1.0]]))


def _set_aside(
    train: NDArray[Any], part: float, seed: int | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Training and validation samples: random or, without a seed, the first and the last ones."""
    order = (
        np.arange(len(train))[::-1] if seed is None else permutation(len(train), seed, VALIDATION)
    )
    cut = share(part, len(train))
    if part and cut in (0, len(train)):
        raise ValueError(
            f"validation: found {part}, {cut} of {len(train)} samples; some in each part are needed"
        )
    return np.sort(train[order[cut:]]), np.sort(train[order[:cut]])


def _splits(
    train: NDArray[Any], validation: NDArray[Any], test: NDArray[Any]
) -> dict[str, np.ndarray]:
    parts = {"train": train, "validation": validation, "test": test}
    return {name: numbers for name, numbers in parts.items() if len(numbers)}


def _iris(seed: int, fold: int, folds: int, part: float) -> Task:
    from sklearn.datasets import load_iris

    bundle = load_iris()
    features, labels = bundle.data, bundle.target
    in_fold = np.empty(len(labels), np.intp)
    for number in range(3):
        members = np.flatnonzero(labels == number)
        in_fold[members[permutation(len(members), seed, number)]] = np.arange(len(members)) % folds
    train, validation = _set_aside(np.flatnonzero(in_fold != fold), part, seed)
    return Task(
        "iris",
        scaled(features, train),
        one_hot(labels, 3, np.float64),
        labels,
        _splits(train, validation, np.flatnonzero(in_fold == fold)),
        tuple(str(name) for name in bundle.target_names),
    )


def _images(
    name: str,
    pixels: NDArray[Any],
    white: int,
    labels: NDArray[Any],
    n_train: int,
    seed: int | None,
    part: float,
    shifts: Any,
) -> Task:
    """Images of pixels from 0, at −π/2, to `white`, at π/2; the first `n_train` to learn from."""
    n, *size = pixels.shape
    images = pixels.astype(np.float32)
    images *= np.float32(np.pi / white)
    images -= np.float32(HALF_PI)
    train, validation = _set_aside(np.arange(n_train), part, seed)
    splits = _splits(train, validation, np.arange(n_train, n))
    moves = _moves(shifts, size)
    if len(moves):
        source, known = np.concatenate([np.arange(n), np.tile(train, len(moves))]), images
        images = np.empty((len(source), *size), np.float32)
        images[:n] = known
        for copy, move in zip(images[n:].reshape(len(moves), len(train), *size), moves):
            copy[...] = _moved(known[train], move)
        labels = labels[source]
        splits["train"] = np.concatenate([train, np.arange(n, len(source))])
    classes, labels = np.unique(labels, return_inverse=True)
    return Task(
        name,
        images.reshape(len(images), -1),
        one_hot(labels, len(classes)),
        labels,
        splits,
        tuple(classes.tolist()),
    )


def _moves(shifts: Any, size: list[int]) -> NDArray[np.float64]:
    if shifts is None:
        return np.zeros((0, 2))
    moves = check_array("shifts", shifts if np.size(shifts) else np.zeros((0, 2)), ("shift", 2))
    far = np.abs(moves) >= size
    if far.any():
        raise ValueError(
            f"shifts: found {moves[far.any(axis=1)][0].tolist()} for images of "
            f"{size[0]}×{size[1]}; shorter ones are needed"
        )
    return moves


def _moved(images: NDArray[np.float32], by: Iterable[float]) -> NDArray[np.float32]:
    """(image, row, column) moved by (rows, columns): image(x − by), linear between pixels."""
    for axis, shift in enumerate(by, 1):
        if not shift:
            continue
        images = np.moveaxis(_moved_rows(np.moveaxis(images, axis, 0), float(shift)), 0, axis)
    return images


def _moved_rows(rows: NDArray[np.float32], shift: float) -> NDArray[np.float32]:
    """Moved along the first axis; black where a pixel would come from beyond the border."""
    n, whole = len(rows), int(np.floor(shift))
    weight = np.float32(
        shift - whole
    )  # row i is (1 − weight) of row i − whole, weight of the one before
    moved = np.full_like(rows, -HALF_PI)
    first, last = max(0, whole + bool(weight)), min(n, n + whole)
    moved[first:last] = rows[first - whole : last - whole]
    if weight:
        before = rows[first - whole - 1 : last - whole - 1]
        moved[first:last] = (1 - weight) * moved[first:last] + weight * before
    return moved


def _digits(part: float, shifts: Any) -> Task:
    from sklearn.datasets import load_digits

    bundle = load_digits()
    return _images("digits", bundle.images, 16, bundle.target, 1437, None, part, shifts)


# ---------------------------------------------------------------------------------- files of images


#: SHA-256 of what is in the four files, compressed or not.
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

#: Public mirrors of the files, tried in turn.
MNIST_MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)

_IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_idx(path: str | Path) -> np.ndarray:
    """The array in a file in the IDX format (of MNIST and its relatives), plain or compressed.

    Without a file of that name, one with .gz is read.

    Raises
    ------
    FileNotFoundError, ValueError
        For a missing file, and for one that is not, or not wholly, in this format.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "labels-idx1-ubyte")
    ...     _ = file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
    ...     read_idx(file)
    array([5, 0, 4], dtype=uint8)
    """
    path = Path(check_instance("path", path, (str, os.PathLike), "a path")).expanduser()
    return _parsed_idx(_content(path), path)


def _content(path: Path) -> bytes:
    """Bytes of a file, or of the one with .gz, decompressed."""
    candidates = (path, path.with_name(path.name + ".gz"))
    place = next((p for p in candidates if p.is_file()), None)
    if place is None:
        raise FileNotFoundError(f"path: found neither {path} nor {path.name}.gz; a file is needed")
    raw = place.read_bytes()
    if raw[:2] != b"\x1f\x8b":
        return raw
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(
            f"path: found {place} damaged ({error}); the whole file is needed: fetch it again"
        ) from None


def _parsed_idx(raw: bytes, path: Path) -> np.ndarray:
    n_dims = raw[3] if len(raw) > 3 else 0
    start = 4 + 4 * n_dims
    if len(raw) < start or raw[:2] != b"\0\0" or raw[2] not in _IDX_TYPES or not n_dims:
        raise ValueError(f"path: found {path} to begin with {raw[:8]!r}; an IDX file is needed")
    shape = tuple(int(n) for n in np.frombuffer(raw, ">u4", n_dims, offset=4))
    dtype = np.dtype(_IDX_TYPES[raw[2]])
    needed = start + dtype.itemsize * int(np.prod(shape, dtype=object))
    if len(raw) != needed:
        raise ValueError(
            f"path: found {len(raw)} bytes in {path}; {needed} are needed for shape {shape}"
        )
    array = np.frombuffer(raw, dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="))


def _mnist_folders() -> tuple[Path, ...]:
    """Where the files may lie: in mnist/, as torchvision puts them, or in the folder itself."""
    root = data()
    return root / "mnist", root / "MNIST" / "raw", root


def _mnist_file(name: str) -> np.ndarray:
    """One of the four official files as an array, its content checked."""
    folders = _mnist_folders()
    for folder in folders:
        path = folder / name
        if path.is_file() or path.with_name(f"{name}.gz").is_file():
            raw = _content(path)
            digest = sha256(raw).hexdigest()
            if digest != MNIST_SHA256[name]:
                raise ValueError(
                    f"{path}: found content of SHA-256 {digest}; {MNIST_SHA256[name]} is needed "
                    'for MNIST: fetch it again, or use load_task("idx", folder=…) for other data'
                )
            return _parsed_idx(raw, path)
    raise FileNotFoundError(
        f"XYEP_DATA_DIR: found no {name} or {name}.gz in {', '.join(map(str, folders))}; run "
        "`xyep data fetch mnist`, or point it to a folder that has the files of MNIST"
    )


def _idx_task(name: str, files: list[np.ndarray], seed: int, part: float, shifts: Any) -> Task:
    """The task of training images, training labels, test images and test labels."""
    pixels, labels, test_pixels, test_labels = files
    for word, images, their in (("train", pixels, labels), ("t10k", test_pixels, test_labels)):
        if images.ndim != 3 or images.dtype != np.uint8 or their.shape != images.shape[:1]:
            raise ValueError(
                f"folder: found {word} images of {images.dtype} and shape {images.shape}, labels "
                f"of shape {their.shape}; (image, row, column) of uint8 and (image,) are needed"
            )
    if pixels.shape[1:] != test_pixels.shape[1:]:
        raise ValueError(
            f"folder: found training images of {pixels.shape[1:]} and test images of "
            f"{test_pixels.shape[1:]}; the same size is needed"
        )
    return _images(
        name,
        np.concatenate([pixels, test_pixels]),
        255,
        np.concatenate([labels, test_labels]).astype(np.intp),
        len(pixels),
        seed,
        part,
        shifts,
    )


def fetch_mnist() -> Path:
    """Download the official files that are not at hand; returns the folder of the first.

    They are looked for in ``XYEP_DATA_DIR`` or the user's cache: in mnist/, in MNIST/raw/ or in the
    folder itself, compressed or not; what is missing or damaged is put into mnist/.

    Raises
    ------
    ConnectionError
        When no mirror can be reached: says where to put the files by hand.
    """
    folder = data() / "mnist"
    for name in MNIST_SHA256:
        try:
            _mnist_file(name)
        except (FileNotFoundError, ValueError):
            _fetch(name, folder)
    first = next(iter(MNIST_SHA256))
    return next(
        place
        for place in _mnist_folders()
        if (place / first).is_file() or (place / f"{first}.gz").is_file()
    )


def _fetch(name: str, folder: Path) -> None:
    import pooch
    import requests

    failed = []
    for mirror in MNIST_MIRRORS:
        part = folder / f"{name}.part"
        part.unlink(missing_ok=True)
        try:
            pooch.retrieve(f"{mirror}{name}.gz", known_hash=None, fname=part.name, path=folder)
            if sha256(_content(part)).hexdigest() != MNIST_SHA256[name]:
                raise ValueError("another content")
        except (requests.RequestException, ValueError) as error:
            part.unlink(missing_ok=True)
            failed.append(f"{mirror}: {type(error).__name__}")
            continue
        (folder / name).unlink(missing_ok=True)  # a damaged one
        part.replace(folder / f"{name}.gz")
        return
    raise ConnectionError(
        f"mnist: {name}.gz could not be fetched ({'; '.join(failed)}); download the four files "
        f"elsewhere and put them into {folder}, or point XYEP_DATA_DIR to a folder that has them"
    )
