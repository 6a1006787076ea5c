"""Checks of arguments: each error names the argument, what was found and what is allowed."""

from dataclasses import fields

import numpy as np


def check_array(name, value, shape, dtype=float, scalar=False):
    """`value` as a finite array of that dtype and shape.

    An entry of `shape` is a length, or a word or None for any length; `scalar` also allows a single number.
    """
    kind = "integers" if dtype is np.intp else "numbers"
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError
        with np.errstate(invalid="ignore"):  # NaN among integers is reported below
            converted = array.astype(dtype)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name}: found {type(value).__name__} {str(value)[:60]!r}; {kind} are needed"
        ) from None
    if dtype is np.intp and not np.array_equal(converted, array):
        raise TypeError(
            f"{name}: found numbers that are not whole, such as {array[converted != array].flat[0]}; integers are needed"
        )
    if not (scalar and array.ndim == 0):
        fits = array.ndim == len(shape) and all(
            not isinstance(n, (int, np.integer)) or n == m for n, m in zip(shape, array.shape)
        )
        if not fits:
            wanted = ", ".join("any" if n is None else str(n) for n in shape)
            raise ValueError(
                f"{name}: found shape {array.shape}; ({wanted}{',' if len(shape) == 1 else ''}) is needed"
            )
    if not np.isfinite(converted).all():
        raise ValueError(
            f"{name}: found {np.count_nonzero(~np.isfinite(converted))} values that are NaN or infinite; all must be finite"
        )
    return converted


def check_integer(name, value, low, high=None):
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name}: found {value!r}; an integer is needed")
    if value < low or (high is not None and value > high):
        allowed = f"at least {low}" if high is None else f"between {low} and {high}"
        raise ValueError(f"{name}: found {value}; an integer of {allowed} is needed")
    return int(value)


def check_number(name, value, low=-np.inf, high=np.inf, exclude=()):
    """`value` as a float in [low, high]; `exclude` lists points that are not allowed."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name}: found {value!r}; a number is needed")
    if not low <= value <= high or value in exclude or not np.isfinite(value):
        without = f" except {', '.join(map(str, exclude))}" if exclude else ""
        raise ValueError(
            f"{name}: found {value}; a finite number in [{low}, {high}]{without} is needed"
        )
    return float(value)


def check_choice(name, value, allowed):
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(
            f"{name}: found {value!r}; one of {', '.join(map(repr, allowed))} is needed"
        )
    return value


def check_options(name, cls, options):
    """Keyword arguments for the dataclass `cls`, all of them known."""
    allowed = [f.name for f in fields(cls) if f.init]
    for option in options:
        if option not in allowed:
            raise TypeError(f"{name}: unknown option {option!r}; allowed are {', '.join(allowed)}")
    return options
