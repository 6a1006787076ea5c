"""The one digest: SHA-256 of values, and of the code that a module reaches.

Results, networks, tasks, notebooks and compiled kernels are all told apart by it. A digest of code
is blind to comments, docstrings and line ends, and sees each constant of each module that is
reached by imports:

>>> digest(1, "a", [0.5, None]) == digest(1, "a", (0.5, None))
True
>>> digest(1) == digest(1.0)
False
>>> "xyep.checks" in sources("xyep.tasks"), "xyep.training" in sources("xyep.tasks")
(True, False)

Imports are read from the text and nothing is executed. An `__init__` re-exports much; only what is
asked of it is followed: `from package import name` leads to the module that defines the name.
Modules whose names are made up while running (``import_module(name)``) are not seen.
"""

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

__all__ = ["digest", "forget", "script_digest", "source_digest", "sources"]

# ------------------------------------------------------------------------------------------- values


def digest(*values: Any) -> str:
    """SHA-256 of values, as 64 hexadecimal digits: equal on every machine and version of Python.

    Understood are None, booleans, numbers, text, bytes, NumPy arrays (by data type, shape and
    content), lists, tuples and ranges (all equal where their items are), dictionaries (in any
    order), instances of dataclasses (by class and fields), objects that have a text `digest` of
    their own (networks and tasks), functions and classes (by name and the code of their module, see
    `source_digest`), and other objects of classes written in Python (by class and what pickle keeps
    of them). Of classes and functions that were typed into a notebook only their own text counts.

    Raises
    ------
    TypeError
        For anything else, such as an open file.

    >>> digest({"beta": 0.1, "seed": 0})[:16] == digest({"seed": 0, "beta": 0.1})[:16]
    True
    >>> digest(print)
    Traceback (most recent call last):
        ...
    TypeError: digest: found a builtin_function_or_method; a value told apart by content is needed
    """
    return _sequence(values).hex()


def _hash(tag: str, *parts: Any) -> bytes:
    """Digest of parts whose ends cannot be mistaken."""
    found = sha256(tag.encode())
    for part in parts:
        found.update(b"%d:" % memoryview(part).nbytes)
        found.update(part)
    return found.digest()


def _sequence(values: Any) -> bytes:
    return _hash("sequence", *map(_value, values))


def _value(value: Any) -> bytes:
    if isinstance(value, np.generic) and not isinstance(value, np.void):
        value = value.item()
    if value is None or isinstance(value, (bool, int)):
        return _hash(type(value).__name__, _ascii(value if value is None else int(value)))
    if isinstance(value, float):
        return _hash("float", value.hex().encode())
    if isinstance(value, complex):
        return _hash("complex", value.real.hex().encode(), value.imag.hex().encode())
    if isinstance(value, str):
        return _hash("str", value.encode("utf-8", "surrogatepass"))
    if isinstance(value, (bytes, bytearray)):
        return _hash("bytes", bytes(value))
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, (list, tuple, range)) and not hasattr(value, "_fields"):
        return _sequence(value)
    if isinstance(value, Mapping):
        return _hash("dict", *sorted(_value(k) + _value(v) for k, v in value.items()))
    if isinstance(value, (type, FunctionType)) or hasattr(value, "py_func"):
        return _code(value)
    return _object(value)


def _ascii(value: Any) -> bytes:
    """Text of a constant; repr would follow the Unicode tables of each Python."""
    return hex(value).encode() if type(value) is int else ascii(value).encode()


def _array(array: np.ndarray) -> bytes:
    if array.dtype.kind not in "biufcSU" or isinstance(array, np.ma.MaskedArray):
        raise TypeError(
            f"digest: found {type(array).__name__} of {array.dtype}; "
            "an array of numbers or text is needed"
        )
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)
    kind = f"{array.dtype.kind}{array.dtype.itemsize} {array.shape}"
    content = array.reshape(-1).view(np.uint8) if array.size else b""
    return _hash("array", kind.encode(), content)


def _object(value: Any) -> bytes:
    cls = type(value)
    name = f"{cls.__module__}.{cls.__qualname__}"
    if isinstance(getattr(value, "digest", None), str):
        return _hash("digest", cls.__name__.encode(), value.digest.encode())
    if dataclasses.is_dataclass(value):
        content = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    elif hasattr(value, "_fields"):
        content = dict(zip(value._fields, value))
    else:
        content = _state(value)
    # the code of xyep's own classes belongs to the functions that use them; that of others is seen
    # here only
    known = cls.__module__.partition(".")[0] == __name__.partition(".")[0]
    return _hash("object", name.encode() if known else _code(cls), _value(content))


def _state(value: Any) -> Any:
    """What pickle would keep of an object written in Python, if that is all there is."""
    try:
        make, (cls, *arguments), *state = value.__reduce_ex__(2)
    except Exception:  # whatever an object raises that cannot be taken apart
        raise _unknown(value) from None
    if (
        getattr(make, "__name__", "") != "__newobj__"
        or cls.__module__ == "builtins"
        or any(state[1:])
    ):
        raise _unknown(value)
    return [arguments, state[0] if state else None]


def _unknown(value: Any) -> TypeError:
    name = type(value).__name__
    return TypeError(f"digest: found a {name}; a value told apart by content is needed")


def _code(value: Any) -> bytes:
    """Name of a function or class, the code of its module, and what a function closes over."""
    value = getattr(value, "py_func", value)  # of a function compiled by numba
    name = f"{value.__module__}.{value.__qualname__}".encode()
    if value.__module__ == "builtins":
        return _hash("builtin", name)
    if _path(value.__module__) is not None:
        text = source_digest(value.__module__).encode()
    else:
        try:
            text = textwrap.dedent(inspect.getsource(value)).encode()
        except (OSError, TypeError):
            raise _unknown(value) from None
        try:
            text = _dump(ast.parse(text)).encode()
        except SyntaxError:  # a lambda in the middle of a call
            pass
    cells = [cell.cell_contents for cell in getattr(value, "__closure__", None) or ()]
    return _hash("code", name, text, _sequence(cell for cell in cells if cell is not value))


# ------------------------------------------------------------------------------------------ sources


def source_digest(module: str) -> str:
    """SHA-256 of a module's code and of all modules of its package that it reaches by imports.

    Imports inside functions count, those under ``if TYPE_CHECKING`` do not.

    Raises
    ------
    ModuleNotFoundError
        When there is no source of that name.

    >>> source_digest("xyep.checks") == source_digest("xyep.tasks")
    False
    """
    return _digest_of(_closure(_start(module)))


def sources(module: str) -> tuple[str, ...]:
    """The modules that `source_digest` reads, in order of their names.

    >>> sources("xyep.checks")
    ('xyep.checks',)
    """
    return _names(_closure(_start(module)))


def script_digest(path: str | Path, package: str = "xyep") -> str:
    """SHA-256 of a script's text (line ends apart) and of the modules of `package` that it reaches.

    The text itself counts, comments included: in a notebook's py:percent source they are what is
    read. After ``import xyep``, ``xyep.name`` leads to the module that defines the name, and to no
    other.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     script = pathlib.Path(folder, "one.py")
    ...     _ = script.write_text("import xyep\\nxyep.Adam()")
    ...     script_digest(script) == script_digest(script)
    True
    """
    raw = Path(path).read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    reached = _closure(frozenset(_reached(ast.parse(raw), "", package)))
    return _hash("script", raw, _digest_of(reached).encode()).hex()


def script_sources(path: str | Path, package: str = "xyep") -> tuple[str, ...]:
    """The modules that `script_digest` reads."""
    return _names(_closure(frozenset(_reached(ast.parse(Path(path).read_bytes()), "", package))))


def forget() -> None:
    """Read all sources anew at the next call; each is read once in a process otherwise."""
    for cached in (_path, _tree, _own, _exports, _neighbours, _closure):
        cached.cache_clear()


class _Node(NamedTuple):
    """Something that code depends on.

    `how` is "module": all of a module; "code": what an `__init__` itself defines, with the imports
    that it uses for that; "all": the same with all its imports; or "link": the name under which an
    `__init__` passes something on.
    """

    how: str
    name: str


class _Import(NamedTuple):
    """``from module import attribute as name``; ``import module as name`` without attribute."""

    name: str
    module: str
    attribute: str | None


def _start(module: str) -> frozenset[_Node]:
    path = _path(module)
    if path is None:
        raise ModuleNotFoundError(
            f"module: found {module!r}, of which there is no Python source; "
            "a module's full name is needed"
        )
    return frozenset({_Node("all" if _is_package(module) else "module", module)})


def _digest_of(nodes: frozenset[_Node]) -> str:
    kept = (node for node in nodes if node.how == "link" or not _is_carrier(node.name))
    parts = sorted((how, name, "" if how == "link" else _own(name)) for how, name in kept)
    return _hash("sources", *(part.encode() for three in parts for part in three)).hex()


def _names(nodes: frozenset[_Node]) -> tuple[str, ...]:
    return tuple(sorted({name for how, name in nodes if how != "link" and not _is_carrier(name)}))


@cache
def _closure(start: frozenset[_Node]) -> frozenset[_Node]:
    found, new = set(start), list(start)
    while new:
        fresh = _neighbours(new.pop()) - found
        found |= fresh
        new += fresh
    return frozenset(found)


@cache
def _path(module: str) -> Path | None:
    """File of a module, or None; parents are not imported to find it."""
    parent, _, last = module.rpartition(".")
    if not parent:
        try:
            spec = find_spec(module)
        except ValueError:  # __main__
            return None
        origin = spec and spec.origin
        return Path(origin) if origin and origin.endswith(".py") else None
    folder = _path(parent)
    if folder is None or folder.name != "__init__.py":
        return None
    candidates = folder.parent / last / "__init__.py", folder.parent / f"{last}.py"
    return next((path for path in candidates if path.is_file()), None)


def _is_package(module: str) -> bool:
    path = _path(module)
    return path is not None and path.name == "__init__.py"


@cache
def _tree(module: str) -> ast.Module:
    path = _path(module)
    assert path is not None
    return ast.parse(path.read_bytes(), str(path))


@cache
def _own(module: str) -> str:
    """Digest of one module's code; of an `__init__` without what it only passes on."""
    tree = _tree(module)
    body = tree.body
    if _is_package(module):
        body = [s for s in body if not isinstance(s, (ast.Import, ast.ImportFrom))]
    body = [s for s in body if not _is_all(s)]
    return _hash("module", _dump(ast.Module(body, [])).encode()).hex()


def _is_all(statement: ast.stmt) -> bool:
    """``__all__ = …`` computes nothing."""
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets)


@cache
def _neighbours(node: _Node) -> frozenset[_Node]:
    if node.how == "link":
        return frozenset()
    tree, top = _tree(node.name), node.name.partition(".")[0]
    reached = _reached(tree, node.name, top, everything=node.how != "code")
    return frozenset(reached)


@cache
def _is_carrier(module: str) -> bool:
    """Whether a module says of itself that no result follows from it."""
    if _path(module) is None:
        return False
    return any(
        isinstance(statement, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == "MAKES_NO_RESULTS" for t in statement.targets)
        for statement in _tree(module).body
    )


def _reached(tree: ast.Module, module: str, top: str, everything: bool = True) -> set[_Node]:
    """What the code of one module or script depends on directly, within the package `top`."""
    uses = set(_uses(tree))
    roots = {use[0] for use in uses}
    init = _is_package(module) if module else False
    found: set[_Node] = set()
    for name, source, attribute in _imports(tree, module):
        if source.partition(".")[0] != top or not (everything or name in roots):
            continue
        if init:
            found.add(_Node("link", f"{module}.{name} is {source}.{attribute}"))
        targets = (
            {_Node("package" if _is_package(source) else "module", source)}
            if attribute is None
            else _follow(source, attribute)
        )
        for how, target in targets:
            if how != "package":
                found.add(_Node(how, target))
            elif init and everything:
                found.add(_Node("all", target))
            else:  # what is asked of it: name.attribute.attribute
                for use in uses:
                    if use[0] == name:
                        found |= _ask(target, use[1:])
    return {node for node in found if node.how == "link" or _path(node.name) is not None}


def _ask(package: str, attributes: tuple[str, ...]) -> set[_Node]:
    """What ``package.attribute.attribute`` depends on; without attributes, all of the package."""
    if not attributes:
        return {_Node("all", package)}
    found = set()
    for node in _follow(package, attributes[0]):
        found |= _ask(node.name, attributes[1:]) if node.how == "package" else {node}
    return found


def _follow(module: str, name: str, seen: frozenset[tuple[str, str]] = frozenset()) -> set[_Node]:
    """Where ``from module import name`` leads to."""
    if not _is_package(module):
        return {_Node("module", module)}
    if (module, name) in seen:
        return set()
    if name == "*":
        return {_Node("all", module)}
    seen |= {(module, name)}
    found: set[_Node] = set()
    child = f"{module}.{name}"
    if _path(child) is not None:
        found.add(_Node("package" if _is_package(child) else "module", child))
    imports, defined = _exports(module)
    for _, source, attribute in (
        found_import for found_import in imports if found_import.name == name
    ):
        found.add(_Node("link", f"{child} is {source}.{attribute}"))
        if source.partition(".")[0] != module.partition(".")[0]:
            continue
        if attribute is None:
            found.add(_Node("package" if _is_package(source) else "module", source))
        else:
            found |= _follow(source, attribute, seen)
    if name in defined or (name.startswith("__") and not found):
        found.add(_Node("code", module))
    return found or {_Node("all", module)}


@cache
def _exports(package: str) -> tuple[tuple[_Import, ...], frozenset[str]]:
    """Names that an `__init__` imports, and names that its own code binds."""
    tree = _tree(package)
    defined = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            defined.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            defined.add(node.id)
    return tuple(_imports(tree, package)), frozenset(defined)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes, but for what is imported for a type checker only."""
    yield node
    if isinstance(node, ast.If) and "TYPE_CHECKING" in (
        getattr(node.test, "id", ""),
        getattr(node.test, "attr", ""),
    ):
        for child in node.orelse:
            yield from _walk(child)
        return
    for child in ast.iter_child_nodes(node):
        yield from _walk(child)


def _imports(tree: ast.Module, module: str) -> Iterator[_Import]:
    parts = module.split(".")
    for node in _walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    yield _Import(alias.asname, alias.name, None)
                else:
                    top = alias.name.partition(".")[0]
                    yield _Import(top, top, None)
                    if not _is_package(alias.name):
                        yield _Import(top, alias.name, None)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                # one dot is the package itself for an __init__, the folder of any other module
                up = node.level - _is_package(module)
                source = ".".join(parts[: len(parts) - up] + ([source] if source else []))
            for alias in node.names:
                yield _Import(alias.asname or alias.name, source, alias.name)


def _uses(tree: ast.Module) -> Iterator[tuple[str, ...]]:
    """Names that are read, each with the attributes asked of it: ``a.b.c`` is (a, b, c)."""
    inside = set()
    for node in _walk(tree):
        chain: list[str] = []
        at = node
        while isinstance(at, ast.Attribute):
            chain.insert(0, at.attr)
            at = at.value
        if isinstance(at, ast.Name) and isinstance(at.ctx, ast.Load) and id(at) not in inside:
            inside.add(id(at))
            yield (at.id, *chain)


# ------------------------------------------------------------------------------------- syntax trees

#: Fields that say nothing about what code does, or that only some versions of Python have.
_SILENT = {"ctx", "type_comment", "type_ignores", "kind"}


def _dump(node: Any) -> str:
    """Text of a syntax tree, equal for all versions of Python (ast.dump is not)."""
    if isinstance(node, ast.Constant):
        return f"Constant({type(node.value).__name__} {_ascii(node.value).decode()})"
    if isinstance(node, ast.JoinedStr):
        return f"JoinedStr({_pieces(node)})"
    if isinstance(node, ast.AST):
        fields = ((name, getattr(node, name, None)) for name in node._fields if name not in _SILENT)
        inner = (
            f"{name}={_dump(value)}" for name, value in fields if value is not None and value != []
        )
        return f"{type(node).__name__}({', '.join(inner)})"
    if isinstance(node, list):
        return f"[{', '.join(_dump(item) for item in node if not _is_text(item))}]"
    return ascii(node)


def _is_text(node: Any) -> bool:
    """A docstring, or any other text that stands alone as a statement."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _pieces(node: ast.JoinedStr) -> str:
    """Parts of an f-string; versions of Python cut its plain text in different pieces."""
    merged: list[Any] = []
    for value in node.values:
        piece = value.value if isinstance(value, ast.Constant) else value
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            piece = merged.pop() + piece
        merged.append(piece)
    return ", ".join(
        ascii(piece) if isinstance(piece, str) else _dump(piece) for piece in merged if piece != ""
    )
