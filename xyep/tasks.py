"""Tasks: inputs and targets as phases."""

import gzip
import hashlib
from dataclasses import dataclass, field

import numpy as np

from .checks import check_array, check_choice, check_integer, check_number
from .paths import data

HALF_PI = np.pi / 2


@dataclass(frozen=True)
class Task:
    """Patterns to be learned.

    inputs : (sample, input) and targets : (sample, output) phases in radians; labels : (sample,) classes
    splits : sample numbers of "train", "validation" and "test"; without splits all three are the whole task

    Targets are +π/2 for the right class and −π/2 for the others, or ±π/2 for the two classes of a single output; the class of an
    answer is argmax_o sin φ_o, or the sign of sin φ.
    """

    name: str
    inputs: np.ndarray
    targets: np.ndarray
    labels: np.ndarray
    splits: dict = field(default_factory=dict)
    digest: str = ""

    def __post_init__(self):
        for name, shape in (("inputs", ("sample", "input")), ("targets", ("sample", "output"))):
            value = getattr(self, name)
            if getattr(value, "dtype", None) != np.float32 or value.ndim != 2:
                value = check_array(name, value, shape)
            elif not np.isfinite(
                value.sum()
            ):  # large data come in float32 and are not copied to be checked
                check_array(name, value[~np.isfinite(value).all(axis=1)], shape)
            object.__setattr__(self, name, value)
        n = len(self.inputs)
        check_array("targets", self.targets[:1], (min(n, 1), "output"))
        object.__setattr__(self, "labels", check_array("labels", self.labels, (n,), dtype=np.intp))
        if len(self.targets) != n:
            raise ValueError(
                f"targets: found {len(self.targets)} samples for {n} of inputs; as many are needed"
            )
        if not self.digest:
            digest = hashlib.sha256()
            for part in (self.inputs, self.targets, self.labels, *self.splits.values()):
                digest.update(np.ascontiguousarray(part))
            digest.update(str([(name, len(part)) for name, part in self.splits.items()]).encode())
            object.__setattr__(self, "digest", digest.hexdigest())

    def numbers(self, name):
        """Sample numbers of one split."""
        check_choice("name", name, ("train", "validation", "test"))
        return np.asarray(self.splits[name]) if name in self.splits else np.arange(len(self))

    def part(self, name):
        """The samples of one split as a task."""
        keep = self.numbers(name)
        if name not in self.splits:
            return self
        return Task(f"{self.name}_{name}", self.inputs[keep], self.targets[keep], self.labels[keep])

    @property
    def train(self):
        return self.part("train")

    @property
    def validation(self):
        return self.part("validation")

    @property
    def test(self):
        return self.part("test")

    def classify(self, output_phases):
        """(…, output) phases → (…,) classes."""
        sine = np.sin(output_phases)
        return (sine[..., 0] > 0).astype(int) if sine.shape[-1] == 1 else sine.argmax(axis=-1)

    def __len__(self):
        return len(self.inputs)


def load_task(name, *, seed=0, fold=0, folds=5, validation=0.15, shifts=()):
    """One of the paper's tasks, or a small stand-in.

    "xor" : four patterns of ±π/2, target +π/2 where the inputs differ; all are training and test data
    "iris" : 150 flowers, features scaled linearly to ±π/2 over the training part, 3 classes; stratified `folds`, `fold` is the test
    "digits" : 8×8 digits bundled with scikit-learn, first 1437 train and validation, last 360 test. Writers follow each other, so the
        validation samples are the last of the training part: mostly other writers, as in the test
    "mnist" : the official files from ``XYEP_DATA_DIR``

    `validation` is the fraction of the training samples set aside, but for digits by the generator seeded with `seed`; 0 sets none aside.
    `shifts`, for images: (rows, columns) by which copies of the training images are moved (linear interpolation, black beyond the border),
    which are added to the training part: ``[(0, 1), (0, -0.5)]``.
    """
    loaders = {"xor": _xor, "iris": _iris, "digits": _digits, "mnist": _mnist}
    check_choice("name", name, tuple(loaders))
    seed = check_integer("seed", seed, 0)
    shifts = check_array("shifts", shifts if np.size(shifts) else np.zeros((0, 2)), ("shift", 2))
    if len(shifts) and name not in ("digits", "mnist"):
        raise ValueError(
            f"shifts: found {shifts.tolist()} for {name}; only images, digits or mnist, can be moved"
        )
    if name == "xor":
        return _xor()
    if name == "iris":
        folds = check_integer("folds", folds, 2, 50)
        return _iris(seed, check_integer("fold", fold, 0, folds - 1), folds, validation)
    task = loaders[name](seed, validation)
    return _moved(task, shifts) if len(shifts) else task


def _xor():
    inputs = HALF_PI * np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    labels = np.array([0, 1, 1, 0])
    return Task("xor", inputs, HALF_PI * (2.0 * labels[:, None] - 1), labels)


def one_hot(labels, classes):
    return np.where(
        labels[:, None] == np.arange(classes), np.float32(HALF_PI), np.float32(-HALF_PI)
    )


def _split(train, fraction, seed=None):
    """Training and validation samples: drawn at random or, without a seed, the first and the last ones."""
    fraction = check_number("validation", fraction, 0, 1, exclude=(1,))
    shuffled = train[::-1] if seed is None else np.random.default_rng([seed, 2]).permutation(train)
    cut = round(fraction * len(train))
    return np.sort(shuffled[cut:]), np.sort(shuffled[:cut])


def _splits(train, validation, test):
    return (
        {"train": train} | ({"validation": validation} if len(validation) else {}) | {"test": test}
    )


def _iris(seed, fold, folds, fraction):
    from sklearn.datasets import load_iris
    from sklearn.model_selection import StratifiedKFold

    features, labels = load_iris(return_X_y=True)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    rest, test = list(splitter.split(features, labels))[fold]
    train, validation = _split(rest, fraction, seed)
    low, high = features[train].min(axis=0), features[train].max(axis=0)
    inputs = HALF_PI * np.clip(2 * (features - low) / (high - low) - 1, -1, 1)
    return Task("iris", inputs, one_hot(labels, 3), labels, _splits(train, validation, test))


def _images(name, pixels, white, labels, n_train, seed, fraction):
    """Images of integer pixels, from 0 to −π/2 to `white` at π/2."""
    inputs = pixels.reshape(len(pixels), -1).astype(np.float32)
    inputs *= np.float32(np.pi / white)
    inputs -= np.float32(HALF_PI)
    train, validation = _split(np.arange(n_train), fraction, seed)
    return Task(
        name,
        inputs,
        one_hot(labels, 10),
        labels.astype(int),
        _splits(train, validation, np.arange(n_train, len(pixels))),
    )


def _digits(seed, fraction):
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    return _images("digits", pixels, 16, labels, 1437, None, fraction)


def _moved(task, shifts):
    """The task with copies of its training images, each moved by all `shifts`, added to the training part."""
    from scipy.ndimage import shift

    train, side = task.splits["train"], round(task.inputs.shape[1] ** 0.5)
    images = task.inputs[train].reshape(-1, side, side)
    copies = [
        shift(images, (0, *by), order=1, cval=-HALF_PI).reshape(len(train), -1) for by in shifts
    ]
    source = np.concatenate([np.arange(len(task)), np.tile(train, len(shifts))])
    splits = task.splits | {"train": np.concatenate([train, np.arange(len(task), len(source))])}
    return Task(
        task.name,
        np.concatenate([task.inputs, *copies]),
        task.targets[source],
        task.labels[source],
        splits,
    )


MNIST_SHA256 = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}


#: Public mirrors of the files, tried in turn.
MNIST_MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)


def fetch_mnist():
    """Download the official files that are not at hand to ``XYEP_DATA_DIR`` or the user's cache, and check all; returns their folder.

    Raises
    ------
    ConnectionError
        When no mirror can be reached: says where to put the files by hand.
    """
    import pooch
    import requests

    folder = data() / "mnist"
    for name, digest in MNIST_SHA256.items():
        failed = []
        for mirror in MNIST_MIRRORS:
            try:
                pooch.retrieve(
                    mirror + name, known_hash=f"sha256:{digest}", fname=name, path=folder
                )
                break
            except (
                requests.RequestException,
                ValueError,
            ) as error:  # pooch raises ValueError where the digest differs
                failed.append(f"{mirror}: {type(error).__name__}")
        else:
            raise ConnectionError(
                f"mnist: {name} could not be fetched ({'; '.join(failed)}); download the four files elsewhere and put them into {folder}, "
                "or point XYEP_DATA_DIR to a folder that holds mnist/"
            )
    return folder


def read_mnist_file(name):
    """One of the four official files as an array, its SHA-256 checked."""
    path = data() / "mnist" / name
    if not path.is_file():
        raise FileNotFoundError(
            f"XYEP_DATA_DIR: {path.parent} lacks {name}; run `xyep data fetch mnist`, or point it to a folder with mnist/"
        )
    raw = path.read_bytes()
    digest = hashlib.sha256(raw).hexdigest()
    if digest != MNIST_SHA256[name]:
        raise ValueError(
            f"{path}: SHA-256 is {digest}, not {MNIST_SHA256[name]}; the file is corrupt: delete it and fetch it again"
        )
    values = gzip.decompress(raw)
    n_dims = values[3]
    shape = np.frombuffer(values, ">u4", n_dims, offset=4)
    return np.frombuffer(values, np.uint8, offset=4 + 4 * n_dims).reshape(shape)


def _mnist(seed, fraction):
    images = [read_mnist_file(f"{part}-images-idx3-ubyte.gz") for part in ("train", "t10k")]
    labels = [read_mnist_file(f"{part}-labels-idx1-ubyte.gz") for part in ("train", "t10k")]
    return _images(
        "mnist", np.concatenate(images), 255, np.concatenate(labels), 60_000, seed, fraction
    )
