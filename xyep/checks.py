"""Checks of arguments: each error names the argument, what was found and what is needed."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np

_T = TypeVar("_T")


def found(value: object) -> str:
    """A value in a few words, for messages.

    >>> found(3), found("far"), found([1, 2])
    ('3', "'far'", 'list [1, 2]')
    """
    text = " ".join(repr(value).split())
    text = text if len(text) <= 60 else f"{text[:57]}..."
    plain = value is None or isinstance(value, (bool, int, float, str, type))
    return text if plain else f"{type(value).__name__} {text}"


def check_array(
    name: str,
    value: Any,
    shape: tuple[int | str | None, ...],
    dtype: Any = float,
    scalar: bool = False,
) -> np.ndarray:
    """`value` as a new, finite array of that dtype and shape.

    An entry of `shape` is a length, or a word or None for any length; `scalar` also allows a single
    number.

    Raises
    ------
    TypeError
        For booleans, text and objects, and for fractions where integers are needed.
    ValueError
        For another shape, masked entries, and values that are NaN, infinite or too large for
        `dtype`.

    >>> check_array("radii", [1, 2], ("circle",))
    array([1., 2.])
    >>> check_array("radii", [1, 2], (3,))
    Traceback (most recent call last):
        ...
    ValueError: radii: found shape (2,); (3,) is needed
    """
    dtype = np.dtype(dtype)
    kind = "integers" if dtype.kind in "iu" else "numbers"
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        n = int(np.ma.count_masked(value))
        raise ValueError(f"{name}: found {n} masked entries; {kind} without a mask are needed")
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):  # lists of different lengths
        raise TypeError(f"{name}: found {found(value)}; {kind} are needed") from None
    if array.dtype.kind not in "iuf" and array.size:
        what = found(value)
        if array.dtype.kind == "b":
            what = "booleans"
        elif array.dtype.kind == "O" and isinstance(value, np.ndarray):
            what = f"an array of objects such as {found(array.flat[0])}"
        raise TypeError(f"{name}: found {what}; {kind} are needed")
    with np.errstate(invalid="ignore", over="ignore"):  # both are reported below
        converted = array.astype(dtype)
    if dtype.kind in "iu" and not np.array_equal(converted, array):
        wrong = array[converted != array].flat[0]
        raise TypeError(
            f"{name}: found {wrong}, which is no whole number of {dtype.itemsize * 8} bits; "
            f"{kind} are needed"
        )
    if not (scalar and array.ndim == 0):
        fits = array.ndim == len(shape) and all(
            not isinstance(n, (int, np.integer)) or n == m for n, m in zip(shape, array.shape)
        )
        if not fits:
            wanted = ", ".join("any" if n is None else str(n) for n in shape)
            comma = "," if len(shape) == 1 else ""
            raise ValueError(f"{name}: found shape {array.shape}; ({wanted}{comma}) is needed")
    # a sum is finite where all are, but for overflow, and needs no array of flags
    if dtype.kind == "f" and not np.isfinite(_sum(converted)) and not np.isfinite(converted).all():
        wrong = np.argwhere(~np.isfinite(converted))
        where = f", the first at {wrong[0].tolist()}" if array.ndim else ""
        raise ValueError(
            f"{name}: found {len(wrong)} values that are NaN or infinite{where}; "
            "finite numbers are needed"
        )
    return converted


def _sum(array: np.ndarray) -> Any:
    with np.errstate(invalid="ignore", over="ignore"):
        return array.sum()


def check_phases(
    name: str,
    value: Any,
    shape: tuple[int | str | None, ...],
    dtype: Any = float,
    limit: float = 100.0,
) -> np.ndarray:
    """`value` as an array of phases in radians, of magnitude at most `limit`.

    Phases may wind, but degrees, pixels and what else is not in radians is found out by its size.

    >>> check_phases("inputs", [[0.0, 180.0]], ("sample", "input"))
    Traceback (most recent call last):
        ...
    ValueError: inputs: found 180.0 at [0, 1]; phases in radians (magnitude up to 100) are needed
    """
    phases = check_array(name, value, shape, dtype)
    if phases.size and max(phases.max(), -phases.min()) > limit:
        at = np.unravel_index(np.argmax(np.abs(phases)), phases.shape)
        where = f" at {[int(i) for i in at]}" if at else ""
        raise ValueError(
            f"{name}: found {phases[at]}{where}; phases in radians (magnitude up to {limit:.4g}) "
            "are needed"
        )
    return phases


def check_integer(name: str, value: Any, low: int, high: int | None = None) -> int:
    """`value` as an int in [low, high]; booleans are none.

    >>> check_integer("epochs", 0, 1)
    Traceback (most recent call last):
        ...
    ValueError: epochs: found 0; an integer of at least 1 is needed
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name}: found {found(value)}; an integer is needed")
    if value < low or (high is not None and value > high):
        allowed = f"of at least {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name}: found {found(value)}; an integer {allowed} is needed")
    return int(value)


def check_number(
    name: str,
    value: Any,
    low: float = -np.inf,
    high: float = np.inf,
    exclude: Iterable[float] = (),
) -> float:
    """`value` as a finite float in [low, high]; `exclude` lists points that are not allowed.

    >>> check_number("beta", 0, -1, 1, exclude=(0,))
    Traceback (most recent call last):
        ...
    ValueError: beta: found 0; a finite number in [-1, 1] except 0 is needed
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(
        value, (int, float, np.integer, np.floating)
    ):
        raise TypeError(f"{name}: found {found(value)}; a number is needed")
    try:
        number = float(value)
    except OverflowError:
        number = np.inf
    exclude = tuple(exclude)
    if not low <= number <= high or number in exclude or not np.isfinite(number):
        without = f" except {', '.join(map(str, exclude))}" if exclude else ""
        ends = f" in [{low}, {high}]" if np.isfinite(low) and np.isfinite(high) else ""
        if not ends and np.isfinite(low):
            ends = f" of at least {low}"
        if not ends and np.isfinite(high):
            ends = f" of at most {high}"
        shown = found(value.item() if isinstance(value, np.generic) else value)
        raise ValueError(f"{name}: found {shown}; a finite number{ends}{without} is needed")
    return number


def check_choice(name: str, value: Any, allowed: Iterable[str]) -> str:
    """`value`, which is one of the allowed words.

    >>> check_choice("method", "slow", ("fast", "gradient_flow"))
    Traceback (most recent call last):
        ...
    ValueError: method: found 'slow'; one of 'fast', 'gradient_flow' is needed
    """
    allowed = tuple(allowed)
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(
            f"{name}: found {found(value)}; one of {', '.join(map(repr, allowed))} is needed"
        )
    return value


def check_flag(name: str, value: Any) -> bool:
    """`value`, which is True or False; text and numbers are neither.

    >>> check_flag("periodic", "no")
    Traceback (most recent call last):
        ...
    TypeError: periodic: found 'no'; True or False is needed
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}: found {found(value)}; True or False is needed")
    return bool(value)


def check_instance(
    name: str, value: Any, types: type[_T] | tuple[type, ...], wanted: str | None = None
) -> _T:
    """`value`, which is an instance of one of the types; `wanted` says in words what is needed.

    >>> check_instance("seed", "far", int)
    Traceback (most recent call last):
        ...
    TypeError: seed: found 'far'; an int is needed
    """
    if not isinstance(value, types) or isinstance(value, type):
        several = types if isinstance(types, tuple) else (types,)
        if wanted is None:
            names = [cls.__name__ for cls in several]
            article = "an" if names[0][0].lower() in "aeiou" else "a"
            wanted = f"{article} {' or '.join(names)}"
        called = ""
        if isinstance(value, type):
            called = f" (an object, as {value.__name__}(...) makes it, not the class)"
        raise TypeError(f"{name}: found {found(value)}; {wanted} is needed{called}")
    return value  # type: ignore[return-value]  # isinstance with a tuple does not narrow the type


def check_options(name: str, cls: type, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Keyword arguments for the dataclass `cls`, all of them known.

    >>> from xyep.optimizers import SGD
    >>> check_options("optimizer", SGD, {"rate": 0.1})
    Traceback (most recent call last):
        ...
    TypeError: optimizer: found the option 'rate'; one of learning_rate, momentum is needed
    """
    allowed = [f.name for f in fields(cls) if f.init]
    for option in options:
        if option not in allowed:
            raise TypeError(
                f"{name}: found the option {option!r}; one of {', '.join(allowed)} is needed"
            )
    return options
