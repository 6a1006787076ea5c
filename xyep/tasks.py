"""Tasks: inputs and targets as phases, and the data sets that they are made of.

Everything here follows from the files and the seed with plain arithmetic and the random numbers of
`xyep.random`, so that a task is the same on every machine.
"""

import gzip
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import (
    check_array,
    check_choice,
    check_instance,
    check_integer,
    check_number,
    check_phases,
    found,
)
from .digest import digest as digest_of
from .paths import data
from .random import permutation

__all__ = ["Task", "fetch_mnist", "load_task", "one_hot", "read_idx"]

HALF_PI = np.pi / 2

#: Parts of a task, in their order.
SPLITS = ("train", "validation", "test")

#: Phases of a task lie within one turn of 0, but for rounding.
_TURN = 2 * np.pi * (1 + 1e-6)

_VALIDATION = 2**32  # counter of the random numbers that choose validation samples


@dataclass(frozen=True, eq=False, repr=False)
class Task:
    """Patterns to be classified.

    Targets are near +π/2 for the right class and near −π/2 for the others; a single output has two
    classes, 0 at −π/2 and 1 at +π/2. The class of an answer is argmax_o sin φ_o, or whether sin φ >
    0. `from_arrays` makes a task from features and classes in whatever units and words.

    Parameters
    ----------
    name : text
    inputs : (sample, input) phases in radians, within one turn of 0. Arrays of float32 are kept as
        they are, others become float64
    targets : (sample, output) phases in radians
    labels : (sample,) numbers of the classes; default and only possibility: ``classify(targets)``
    splits : sample numbers, or boolean masks, of "train", "test" and perhaps "validation", which
        share no sample. Without splits the task as a whole is all three, as for XOR
    classes : what the classes are called; default their numbers

    Raises
    ------
    TypeError, ValueError
        For what is no phase, labels that contradict the targets, and splits that are misnamed,
        empty, overlapping or out of range.

    >>> half = np.pi / 2
    >>> task = Task("and", half * np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]]),
    ...             half * np.array([[-1], [-1], [-1], [1]]))
    >>> task.labels, len(task.train)
    (array([0, 0, 0, 1]), 4)
    >>> task
    <Task and: 4 samples, all in train and test; 2 inputs, 1 output, 2 classes>
    """

    name: str
    inputs: np.ndarray
    targets: np.ndarray
    labels: np.ndarray = None  # type: ignore[assignment]  # never None once made
    splits: dict[str, np.ndarray] = field(default_factory=dict)
    classes: tuple[Any, ...] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        check_instance("name", self.name, str, "text")
        inputs = _phases("inputs", self.inputs, "input")
        targets = _phases("targets", self.targets, "output")
        n = len(inputs)
        if not n or not targets.shape[1]:
            raise ValueError(
                f"{'targets' if n else 'inputs'}: found shape "
                f"{(targets if n else inputs).shape}; at least one sample and output are needed"
            )
        if len(targets) != n:
            raise ValueError(
                f"targets: found {len(targets)} samples for {n} of inputs; as many are needed"
            )
        classes = _classes(self.classes, max(2, targets.shape[1]))
        for name, value in (
            ("inputs", inputs),
            ("targets", targets),
            ("labels", _labels(self.labels, targets)),
            ("splits", _checked_splits(self.splits, n)),
            ("classes", classes),
        ):
            object.__setattr__(self, name, value)

    @classmethod
    def from_arrays(
        cls,
        X: ArrayLike,
        y: ArrayLike,
        name: str = "own",
        test: float = 0.2,
        validation: float = 0.2,
        seed: int = 0,
    ) -> "Task":
        """A task from features and classes.

        Each feature is scaled linearly, so that its smallest and largest value in the training part
        become −π/2 and π/2; values beyond them in the other parts are cut off there. A feature that
        is constant in the training part becomes 0. Targets are ±π/2, one output for each class, or
        a single output for two classes (the second in order at +π/2).

        Parameters
        ----------
        X : (sample, feature) numbers; a pandas DataFrame is one
        y : (sample,) classes: numbers, text or booleans; their sorted values are `task.classes`
        test, validation : parts of each class that are set aside, drawn at random; validation 0
            sets none aside
        seed : of the random numbers

        >>> X, y = [[1.0, 5.0], [2.0, 5.0], [3.0, 5.0], [9.0, 5.0]] * 5, ["a", "a", "a", "b"] * 5
        >>> task = Task.from_arrays(X, y, name="own")
        >>> task
        <Task own: 20 samples, 12 train, 4 validation, 4 test; 2 inputs, 1 output, 2 classes>
        >>> task.classes, task.inputs[0] / np.pi
        (('a', 'b'), array([-0.5,  0. ]))
        """
        seed = check_integer("seed", seed, 0, 2**64 - 1)
        test = check_number("test", test, 0, 1, exclude=(0, 1))
        validation = check_number("validation", validation, 0, 1, exclude=(1,))
        if test + validation >= 1:
            raise ValueError(
                f"validation: found {validation} beside test {test}; a training part is needed, "
                "so their sum must be below 1"
            )
        features = _features(X)
        classes, labels = _classes_of(y, len(features))
        parts: dict[str, list[NDArray[Any]]] = {name: [] for name in SPLITS}
        for number, label in enumerate(classes):
            members = np.flatnonzero(labels == number)
            members = members[permutation(len(members), seed, number)]
            n_test, n_validation = (_share(part, len(members)) for part in (test, validation))
            if n_test + n_validation >= len(members):
                raise ValueError(
                    f"y: found {len(members)} samples of class {label!r}; more are needed for "
                    f"{n_test} in test, {n_validation} in validation and some in train"
                )
            parts["test"].append(members[:n_test])
            parts["validation"].append(members[n_test : n_test + n_validation])
            parts["train"].append(members[n_test + n_validation :])
        splits = {part: np.sort(np.concatenate(found)) for part, found in parts.items()}
        for part, asked in (("test", test), ("validation", validation)):
            if asked and not len(splits[part]):
                raise ValueError(
                    f"{part}: found {asked}, no sample of {len(labels)} in any class; "
                    "a larger part is needed"
                )
        if not validation:
            del splits["validation"]
        inputs = _scaled(features, splits["train"])
        targets = (
            HALF_PI * (2.0 * labels[:, None] - 1)
            if len(classes) == 2
            else one_hot(labels, len(classes), np.float64)
        )
        return cls(name, inputs, targets, labels, splits, classes)

    def numbers(self, name: str) -> NDArray[np.intp]:
        """Sample numbers of one split: "train", "validation" or "test".

        >>> load_task("xor").numbers("test")
        array([0, 1, 2, 3])
        """
        check_choice("name", name, SPLITS)
        if not self.splits:
            return np.arange(len(self))
        if name not in self.splits:
            raise ValueError(
                f"name: found {name!r}, and task {self.name} has {', '.join(self.splits)} only; "
                "a task with such a part is needed"
            )
        return self.splits[name]

    def part(self, name: str) -> "Task":
        """The samples of one split as a task of its own.

        >>> load_task("iris").part("test")
        <Task iris_test: 30 samples, all in train and test; 4 inputs, 3 outputs, 3 classes>
        """
        keep = self.numbers(name)
        if not self.splits:
            return self
        return Task(
            f"{self.name}_{name}",
            self.inputs[keep],
            self.targets[keep],
            self.labels[keep],
            classes=self.classes,
        )

    @property
    def train(self) -> "Task":
        """The training part as a task."""
        return self.part("train")

    @property
    def validation(self) -> "Task":
        """The validation part as a task; an error where none was set aside."""
        return self.part("validation")

    @property
    def test(self) -> "Task":
        """The test part as a task."""
        return self.part("test")

    @cached_property
    def digest(self) -> str:
        """SHA-256 of inputs, targets, labels and splits."""
        return digest_of(self.inputs, self.targets, self.labels, self.splits)

    def classify(self, output_phases: ArrayLike) -> NDArray[np.intp]:
        """(…, output) phases in radians → (…,) classes: argmax_o sin φ_o; of one output, sin φ > 0.

        >>> load_task("xor").classify([[0.1], [-0.1], [3.0]])
        array([1, 0, 1])
        """
        return _classify(np.asarray(output_phases))

    def __len__(self) -> int:
        return len(self.inputs)

    def __repr__(self) -> str:
        def count(n: int, word: str, plural: str = "") -> str:
            return f"{n} {word if n == 1 else plural or word + 's'}"

        parts = ", ".join(f"{len(keep)} {name}" for name, keep in self.splits.items())
        return (
            f"<Task {self.name}: {count(len(self), 'sample')}, {parts or 'all in train and test'}; "
            f"{count(self.inputs.shape[1], 'input')}, {count(self.targets.shape[1], 'output')}, "
            f"{count(len(self.classes), 'class', 'classes')}>"
        )


def _from_right(phases: np.ndarray) -> np.ndarray:
    """|φ − π/2| in [0, π]: the smaller, the larger is sin φ, and no library's sine is needed."""
    return np.abs(np.remainder(phases + HALF_PI, 2 * np.pi) - np.pi)


def _classify(phases: np.ndarray) -> NDArray[np.intp]:
    angle = _from_right(phases)
    if phases.shape[-1] == 1:
        return (angle[..., 0] < HALF_PI).astype(np.intp)
    return angle.argmin(axis=-1)


# --------------------------------------------------------------------------------- checks of a task


def _frozen(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


def _phases(name: str, value: Any, word: str) -> np.ndarray:
    """Phases within one turn; large data come in float32 and are not copied to be checked."""
    if type(value) is np.ndarray and value.dtype == np.float32 and value.ndim == 2:
        if not value.size or max(value.max(), -value.min()) <= _TURN:  # false for NaN, too
            return _frozen(value)
    shape = np.shape(value) if hasattr(value, "shape") else None
    if shape is not None and len(shape) == 1:
        raise ValueError(
            f"{name}: found shape {shape}; phases of shape (sample, {word}) are needed, and "
            "Task.from_arrays(X, y) makes them from features and classes"
        )
    dtype = np.float32 if getattr(value, "dtype", None) == np.float32 else float
    return _frozen(check_phases(name, value, ("sample", word), dtype, limit=_TURN))


def _labels(labels: Any, targets: np.ndarray) -> NDArray[np.intp]:
    """The classes that the targets give; `labels`, where there are any, must be these."""
    angle = _from_right(targets)
    unclear = np.abs(angle - HALF_PI) < 1e-3  # such as the zeros of np.eye
    if unclear.any():
        at = np.unravel_index(unclear.argmax(), unclear.shape)
        raise ValueError(
            f"targets: found {targets[at]:.4g} at {[int(i) for i in at]}, which is no class; "
            "phases near π/2 (the right class) or −π/2 are needed, as Task.from_arrays makes them"
        )
    derived = _classify(targets)
    right = (angle < HALF_PI).sum(axis=1)
    if targets.shape[1] > 1 and np.any(right != 1):
        sample = int(np.argmax(right != 1))
        raise ValueError(
            f"targets: found {right[sample]} outputs near π/2 in sample {sample}; exactly "
            "one, that of the right class, is needed"
        )
    if labels is not None:
        if np.asarray(labels).dtype == bool:
            labels = np.asarray(labels).astype(np.intp)
        given = check_array("labels", labels, (len(targets),), np.intp)
        if not np.array_equal(given, derived):
            sample = int(np.argmax(given != derived))
            raise ValueError(
                f"labels: found {given[sample]} at sample {sample}, where the targets are those "
                f"of class {derived[sample]}; numbers of the classes, from 0, are needed (or None)"
            )
    return _frozen(derived)


def _classes(classes: Any, n: int) -> tuple[Any, ...]:
    if classes is None:
        return tuple(range(n))
    if isinstance(classes, str) or not isinstance(classes, Iterable):
        raise TypeError(f"classes: found {found(classes)}; a sequence of {n} names is needed")
    classes = tuple(classes)
    if len(classes) != n or len(set(classes)) != n:
        raise ValueError(
            f"classes: found {found(classes)}; {n} different names are needed, one a class"
        )
    return classes


def _checked_splits(splits: Any, n: int) -> dict[str, np.ndarray]:
    """Sample numbers of each part, none in two parts."""
    check_instance("splits", splits, Mapping, 'a dictionary such as {"train": …, "test": …}')
    for name in splits:
        if name not in SPLITS:
            raise ValueError(
                f"splits: found the part {name!r}; one of {', '.join(map(repr, SPLITS))} is needed"
            )
    checked: dict[str, np.ndarray] = {}
    for name in SPLITS:
        if name in splits:
            checked[name] = _frozen(_split_numbers(f'splits["{name}"]', splits[name], n))
        elif splits and name != "validation":
            raise ValueError(
                f"splits: found {', '.join(map(repr, splits))} only; {name!r} is needed, too, or "
                "no splits at all where the same samples are trained and tested"
            )
    if all(len(part) == n for part in checked.values()):
        return checked  # the whole task is each part
    seen: dict[int, str] = {}
    for name, part in checked.items():
        for sample in part.tolist():
            if sample in seen:
                raise ValueError(
                    f"splits: found sample {sample} in {seen[sample]} and {name}; parts without "
                    "common samples are needed"
                )
            seen[sample] = name
    return checked


def _split_numbers(name: str, value: Any, n: int) -> NDArray[np.intp]:
    array = np.asarray(value)
    if array.dtype == bool:
        if array.shape != (n,):
            raise ValueError(f"{name}: found a mask of shape {array.shape}; ({n},) is needed")
        numbers = np.flatnonzero(array)
    else:
        numbers = check_array(name, value, ("sample",), np.intp)
    if not len(numbers):
        raise ValueError(f"{name}: found no samples; at least one is needed")
    low, high = int(numbers.min()), int(numbers.max())
    if low < 0 or high >= n:
        raise ValueError(
            f"{name}: found {low if low < 0 else high}; sample numbers from 0 to {n - 1} are needed"
        )
    counts = np.bincount(numbers)
    if counts.max() > 1:
        raise ValueError(
            f"{name}: found sample {counts.argmax()} {counts.max()} times; each once is needed"
        )
    return numbers


# --------------------------------------------------------------------- tasks from features, classes


def _features(X: Any) -> NDArray[np.float64]:
    """(sample, feature) finite numbers; errors name row and column."""
    names = [str(name) for name in getattr(X, "columns", ())]
    array = np.ma.filled(X.astype(float), np.nan) if isinstance(X, np.ma.MaskedArray) else X
    try:
        array = np.asarray(array)
    except (TypeError, ValueError):
        raise TypeError(
            f"X: found {found(X)}; numbers of shape (sample, feature) are needed"
        ) from None
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(
            f"X: found shape {array.shape}; (sample, feature) is needed"
            + (", as X.reshape(len(X), -1) makes it" if array.ndim > 2 else "")
        )

    def where(row: int, column: int) -> str:
        return f"row {row}, column {names[column] if names else column}"

    if array.dtype.kind not in "biuf":
        numbers = np.empty(array.shape)
        for at, value in np.ndenumerate(array):
            try:
                if isinstance(value, (str, bytes, complex)) or value is None:
                    raise TypeError
                numbers[at] = value
            except (TypeError, ValueError):
                missing = value is None or type(value).__name__ in ("NAType", "NaTType")
                raise (ValueError if missing else TypeError)(
                    f"X: found {'no value' if missing else found(value)} in {where(*at)}; "
                    "numbers are needed"
                ) from None
        array = numbers
    array = array.astype(np.float64)
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        raise ValueError(
            f"X: found {len(wrong)} values that are missing, NaN or infinite, the first in "
            f"{where(*wrong[0])}; finite numbers are needed"
        )
    return array


def _classes_of(y: Any, n: int) -> tuple[tuple[Any, ...], NDArray[np.intp]]:
    """Sorted classes, as Python's values, and the class number of each sample."""
    if isinstance(y, np.ma.MaskedArray) and np.ma.is_masked(y):
        row = int(np.flatnonzero(np.ma.getmaskarray(y))[0])
        raise ValueError(f"y: found no value in row {row}; a class is needed")
    array = np.asarray(y)
    if array.shape == (n, 1):
        array = array[:, 0]
    if array.shape != (n,):
        raise ValueError(
            f"y: found shape {array.shape} for {n} samples of X; a class for each is needed"
        )
    values = array.tolist()
    for row, value in enumerate(values):
        if value is None or value != value or type(value).__name__ == "NAType":
            raise ValueError(f"y: found no value in row {row}; a class is needed")
        if isinstance(value, float) and value != round(value):
            raise TypeError(f"y: found {value} in row {row}; classes, not measures, are needed")
    try:
        classes = tuple(sorted(set(values)))
    except TypeError:
        kinds = sorted({type(value).__name__ for value in values})
        raise TypeError(
            f"y: found {' and '.join(kinds)}; classes that can be told apart and sorted are needed"
        ) from None
    if len(classes) < 2:
        raise ValueError(f"y: found only {found(classes[0])}; two classes or more are needed")
    number = {label: k for k, label in enumerate(classes)}
    return classes, np.array([number[value] for value in values], np.intp)


def _share(part: float, n: int) -> int:
    """A part of n samples, rounded to the nearest."""
    return int(part * n + 0.5)


def _scaled(features: NDArray[Any], train: NDArray[Any]) -> NDArray[np.float64]:
    """Features scaled linearly to ±π/2 over the training samples, and cut off there."""
    low, high = features[train].min(axis=0), features[train].max(axis=0)
    middle, half = low / 2 + high / 2, high / 2 - low / 2  # halves, as a sum may overflow
    scale = np.where(half > 0, half, np.inf)
    return HALF_PI * np.clip((features - middle) / scale, -1, 1)


def one_hot(labels: ArrayLike, classes: int, dtype: Any = np.float32) -> np.ndarray:
    """(sample, class) phases: +π/2 for the class of each sample, −π/2 for the others.

    >>> one_hot([2, 0], 3) / np.pi
    array([[-0.5, -0.5,  0.5],
           [ 0.5, -0.5, -0.5]], dtype=float32)
    """
    classes = check_integer("classes", classes, 2)
    labels = check_array("labels", labels, ("sample",), np.intp)
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise ValueError(f"labels: found {wrong}; class numbers from 0 to {classes - 1} are needed")
    plus = np.dtype(dtype).type(HALF_PI)
    return np.where(labels[:, None] == np.arange(classes), plus, -plus)


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
    "mnist" : the official files, checked, from ``XYEP_DATA_DIR`` (see `fetch_mnist`)
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
        np.arange(len(train))[::-1] if seed is None else permutation(len(train), seed, _VALIDATION)
    )
    cut = _share(part, len(train))
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
        _scaled(features, train),
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
