"""The one digest: of values by content, of code by what it does and by what it reaches."""

import ast
import functools
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest

import xyep
from xyep import digest as module
from xyep.checks import check_integer, check_number
from xyep.digest import digest, forget, script_digest, script_sources, source_digest, sources

# ------------------------------------------------------------------------------------------- values


@dataclass(frozen=True)
class Setting:
    rate: float = 0.1
    steps: int = 3


@dataclass(frozen=True)
class Other:
    rate: float = 0.1
    steps: int = 3


class Pair(NamedTuple):
    a: int
    b: int


class Plain:
    def __init__(self, size):
        self.size = size


def area(r):
    return 3 * r * r


def scaled(factor):
    def cost(x):
        return factor * x

    return cost


DIFFERENT = [
    None,
    False,
    0,
    0.0,
    -0.0,
    1,
    True,
    1.0,
    2**70,
    1 + 0j,
    "1",
    "",
    b"1",
    "None",
    (),
    [1, 2],
    [[1], 2],
    [1, [2]],
    [12],
    ["a", "bc"],
    ["ab", "c"],
    {},
    {"a": 1},
    {"a": 1.0},
    {1: "a"},
    np.array(1),
    np.array([1, 2]),
    np.array([1.0, 2.0]),
    np.array([1.0, 2.0], np.float32),
    np.array([[1.0, 2.0]]),
    np.array([[1.0], [2.0]]),
    np.zeros((0, 3)),
    np.zeros((3, 0)),
    np.array(["1", "2"]),
    float("nan"),
    float("inf"),
    Setting(),
    Setting(0.2),
    Other(),
    Pair(1, 2),
    Plain(1),
    Plain(2),
    Setting,
    Other,
    area,
    scaled(1),
    scaled(2),
    check_integer,
    check_number,
    xyep.load_task("xor"),
    xyep.Adam(),
    xyep.SGD(),
    xyep.Adam(0.1),
]


def test_what_differs_has_another_digest():
    digests = [digest(value) for value in DIFFERENT]
    assert len(set(digests)) == len(DIFFERENT)
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in digests)
    assert digests == [digest(value) for value in DIFFERENT]  # and the same again


@pytest.mark.parametrize(
    "one, other",
    [
        ((1, 2), [1, 2]),
        (range(3), [0, 1, 2]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (np.float64(0.1), 0.1),
        (np.int32(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6.0).reshape(2, 3))),
        (np.arange(6.0), np.arange(6.0).astype(">f8")),
        (np.arange(6.0), np.arange(12.0)[::2] / 2),
        (Setting(), Setting(steps=3)),
        (Plain([1]), Plain((1,))),
        (scaled(2), scaled(2)),
    ],
)
def test_what_is_equal_has_the_same_digest(one, other):
    assert digest(one) == digest(other)
    assert digest([one, {"x": one}]) == digest([other, {"x": other}])


def test_digests_stay_the_same():
    """Over versions of Python, NumPy and machines; stored results are found by them."""
    values = [None, True, 3, -2.5, "φ", b"x", [1, (2,)], {"b": 1, "a": None}, np.arange(3.0)]
    assert digest(*values) == EXPECTED


EXPECTED = "10c6b1fa99a017a9f9738d355c6fc8c4bafaa2973c7b80bbcc2fbefa7d9da67e"


@pytest.mark.parametrize(
    "value",
    [
        object(),
        print,
        np,
        open,
        (n for n in range(3)),
        functools.partial(area, 1),
        Plain(1).__init__,
        {1, 2},
        np.random.default_rng(0),
        np.array([object()]),
        np.ma.masked_array([1.0], mask=[True]),
        {"deep": [sys.stdout]},
        Plain(print),
        re.compile("a"),
        iter([1]),
    ],
)
def test_what_cannot_be_told_apart_is_refused(value):
    with pytest.raises(TypeError, match="^digest: found .*needed"):
        digest(value)


def test_networks_and_tasks_are_their_content():
    one, other = xyep.layered([2, 3, 1]), xyep.layered([2, 3, 1])
    assert digest(one) == digest(other) != digest(xyep.layered([2, 4, 1]))
    assert digest(xyep.load_task("iris")) != digest(xyep.load_task("iris", seed=1))


# ------------------------------------------------------------------------------------------ sources

FILES = {
    "__init__": """
        '''Names.'''
        from .leaf import FACTOR, double as twice
        from .lonely import unused
        from . import inner
        __version__ = "1"
        __all__ = ["FACTOR"]
        """,
    "leaf": """
        FACTOR = 2.0
        def double(x):
            return FACTOR * x
        """,
    "lonely": "def unused():\n    return 1",
    "lazy": """
        def act():
            from .leaf import double
            return double(1)
        """,
    "typed": """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from .lonely import unused
        """,
    "by_package": "from . import FACTOR",
    "by_name": "from made import twice",
    "by_attribute": "import made\nx = made.twice(3)",
    "by_module": "import made.leaf as leaf\nfrom . import inner as i\ny = i.deep.CONSTANT",
    "by_bare": "import made\nx = vars(made)",
    "version": "from . import __version__",
    "round_a": "from . import round_b",
    "round_b": "from .round_a import __name__",
    "inner/__init__": "from ..lonely import unused\nfrom .deep import CONSTANT\nLOCAL = 1",
    "inner/deep": "from ..leaf import FACTOR\nCONSTANT = 3",
    "inner/uses": "from . import LOCAL\nfrom .. import lazy",
}

REACHED = {
    "leaf": [],
    "lazy": ["leaf"],
    "typed": [],
    "by_package": ["leaf"],
    "by_name": ["leaf"],
    "by_attribute": ["leaf"],
    "by_module": ["inner.deep", "leaf"],
    "by_bare": ["", "inner", "inner.deep", "leaf", "lonely"],
    "version": [""],
    "round_a": ["round_b"],
    "inner.deep": ["leaf"],
    "inner.uses": ["inner", "lazy", "leaf"],
}


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A package of its own, which is not imported; call it to write a module anew."""
    monkeypatch.syspath_prepend(tmp_path)
    forget()

    def write(name, text):
        path = tmp_path / "made" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = text if isinstance(text, bytes) else dedented(text).encode()
        path.write_bytes(raw)
        forget()

    for name, text in FILES.items():
        write(name, text)
    yield write
    assert "made" not in sys.modules  # nothing was executed
    forget()


def dedented(text):
    lines = text.strip("\n").split("\n")
    indent = len(lines[0]) - len(lines[0].lstrip())
    return "\n".join(line[indent:] for line in lines)


def full(names):
    return tuple(sorted("made" + (f".{name}" if name else "") for name in names))


@pytest.mark.parametrize("name", REACHED)
def test_modules_reached_by_imports(made, name):
    assert sources(f"made.{name}") == full([name, *REACHED[name]])


def test_a_constant_is_seen_by_exactly_those_who_reach_it(made):
    def all_of():
        return {name: source_digest(f"made.{name}") for name in REACHED}

    before = all_of()
    made("leaf", FILES["leaf"].replace("2.0", "3.0"))
    after = all_of()
    changed = {name for name in REACHED if before[name] != after[name]}
    assert changed == {name for name in REACHED if name == "leaf" or "leaf" in REACHED[name]}
    made("leaf", FILES["leaf"])
    assert all_of() == before
    made("lonely", "def unused():\n    return 2")
    changed = {name for name, found in all_of().items() if found != before[name]}
    assert changed == {"by_bare"}


SAME = [
    "# a comment\nFACTOR = 2.0\n\n\ndef double(x):\n    return FACTOR * x  # twice\n",
    "'''A docstring.'''\nFACTOR = 2.0\n'''What it is.'''\n"
    "def double(x):\n    'Twice.'\n    return FACTOR * x",
    "FACTOR = 2.0\r\ndef double(x):\r\n    return FACTOR * x\r\n",
    "FACTOR = 2.0\rdef double(x):\r    return FACTOR * x\r",
    "\ufeffFACTOR = 2.0\ndef double(x):\n        return (FACTOR *\n                x)\n",
    "__all__ = ['double']\nFACTOR = 2.00\ndef double( x ): return FACTOR*x",
]

OTHER = [
    "FACTOR = 2\ndef double(x):\n    return FACTOR * x",
    "FACTOR = 2.0\ndef double(x):\n    return x * FACTOR",
    "FACTOR = 2.0\ndef double(x, y=None):\n    return FACTOR * x",
    "FACTOR = 2.0\ndef double(x):\n    return FACTOR * x\ndouble(1)",
    "def double(x):\n    return FACTOR * x\nFACTOR = 2.0",
]


@pytest.mark.parametrize("text", SAME)
def test_comments_docstrings_and_line_ends_are_not_seen(made, text):
    before = source_digest("made.lazy")
    made("leaf", text.encode())
    assert source_digest("made.lazy") == before


@pytest.mark.parametrize("text", OTHER)
def test_what_code_does_is_seen(made, text):
    before = source_digest("made.lazy")
    made("leaf", text.encode())
    assert source_digest("made.lazy") != before


def test_line_ends_within_text_are_not_seen(made):
    made("leaf", b"TEXT = '''one\ntwo'''")
    before = source_digest("made.leaf")
    made("leaf", b"TEXT = '''one\r\ntwo'''")
    assert source_digest("made.leaf") == before


def test_a_name_passed_on_under_another_name_is_seen(made):
    made("leaf", FILES["leaf"] + "\n        def treble(x):\n            return 3 * x\n")
    before = {name: source_digest(f"made.{name}") for name in ("by_name", "by_package")}
    made("__init__", FILES["__init__"].replace("double as twice", "treble as twice"))
    assert source_digest("made.by_name") != before["by_name"]
    assert source_digest("made.by_package") == before["by_package"]


def test_functions_and_classes_are_digested_with_their_modules():
    before = digest(check_integer)
    assert before != digest(check_number) and digest(check_integer) == before
    assert digest(xyep.Network) != digest(xyep.Task)


def test_modules_without_source():
    for name in ("made_nowhere", "xyep.nothing", "numpy.nothing", "sys"):
        with pytest.raises(ModuleNotFoundError, match="module: found .*needed"):
            source_digest(name)


def test_nothing_of_the_paper_is_reached_from_below():
    below = sources("xyep.training")
    assert "xyep.training" in below and not any("paper" in name for name in below)
    assert sources("xyep.checks") == ("xyep.checks",)


# ------------------------------------------------------------------------------------------ scripts


def test_a_script_reaches_what_it_asks_for(made, tmp_path):
    script = tmp_path / "notebook.py"

    def write(text):
        script.write_bytes(text.encode())
        return script_digest(script, "made"), script_sources(script, "made")

    first, reached = write("# %% [markdown]\n# Words\n# %%\nimport made\nmade.twice(3)\n")
    assert reached == full(["leaf"])
    assert (
        write("# %% [markdown]\r\n# Words\r\n# %%\r\nimport made\r\nmade.twice(3)\r\n")[0] == first
    )
    assert write("# %% [markdown]\n# Other\n# %%\nimport made\nmade.twice(3)\n")[0] != first
    assert write("from made import inner\ninner.deep.CONSTANT")[1] == full(["inner.deep", "leaf"])
    assert write("from made.inner import LOCAL")[1] == full(["inner"])
    assert write("import numpy")[1] == ()
    before = write("import made\nmade.twice(3)\n")[0]
    made("lonely", "x = 2")
    assert script_digest(script, "made") == before
    made("leaf", "x = 2")
    assert script_digest(script, "made") != before


def test_a_script_of_xyep_reaches_one_module(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import xyep\nxyep.checks.check_flag\n")
    assert script_sources(script) == ("xyep.checks",)
    script.write_text("import xyep\ntask = xyep.load_task('xor')\n")
    assert "xyep.tasks" in script_sources(script)
    assert "xyep" not in script_sources(script)
    assert "xyep.network" not in script_sources(script)


# ------------------------------------------------------------------------------- versions of Python


def dump(text):
    return module._dump(ast.parse(text))


def test_syntax_trees_of_other_versions_have_the_same_text():
    """Fields that some versions have and others not, and the cuts of f-strings, say nothing."""
    tree = ast.parse(
        "def f(x: int = 1) -> None:\n    return f'{x!r:>{3}} and more'\nclass A:\n    ..."
    )
    before = module._dump(tree)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            node.type_params = []  # from 3.12
        if isinstance(node, ast.FunctionDef):
            node.type_comment = None
        if isinstance(node, ast.Constant):
            node.kind = None
        if isinstance(node, ast.JoinedStr):  # cut elsewhere
            node.values = [
                piece
                for value in node.values
                for piece in (
                    [ast.Constant(value.value[:2]), ast.Constant(""), ast.Constant(value.value[2:])]
                    if isinstance(value, ast.Constant)
                    else [value]
                )
            ]
        for name in ("lineno", "col_offset", "end_lineno", "end_col_offset"):
            if hasattr(node, name):
                setattr(node, name, 7)
    assert module._dump(tree) == before
    assert "lineno" not in before and "ctx" not in before


@pytest.mark.parametrize(
    "one, other",
    [
        ("x = 1", "x = True"),
        ("x = 1", "x = 1.0"),
        ("x = 'a'", "x = b'a'"),
        ("f(*a)", "f(a)"),
        ("{**a}", "{a: a}"),
        ("def f(*, a, b=1): pass", "def f(*, a=1, b): pass"),
        ("a = b = 1", "a = 1; b = 1"),
        ("x = f'{a}b'", "x = f'b{a}'"),
        ("x = f'{a!r}'", "x = f'{a}'"),
        ("x: int", "x: float"),
        ("from a import b", "from .a import b"),
        ("return_ = None", "return_ = ..."),
        ("x = 0.0", "x = -0.0"),
        ("for x in y: pass", "for x in y: break"),
    ],
)
def test_different_code_has_different_text(one, other):
    assert dump(one) != dump(other)


def test_letters_of_all_tables_are_written_as_numbers():
    assert dump("x = 'φ\U0001fae8'").isascii()


def test_another_process_finds_the_same():
    code = (
        "from xyep.digest import *; print(source_digest('xyep.checks'), digest({'a': '\\u03c6'}))"
    )
    printed = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert printed == [source_digest("xyep.checks"), digest({"a": "φ"})]
