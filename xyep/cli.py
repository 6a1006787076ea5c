"""Command line: ``xyep reproduce | verify | figures | data | bench``, or ``python -m xyep``."""

import argparse
import json
import os
import re
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from . import __version__
from .checks import check_integer
from .paper.scripts import OPTIONS, PROFILES, check_parameters, names, parameters

#: Numbers of YAML 1.2, which takes ``1e-3`` for one; the YAML of Python takes it for text.
NUMBER = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "xyep",
        description="Reproduce arXiv:2601.21945: XY networks trained by equilibrium propagation.",
    )
    parser.add_argument("--version", action="version", version=f"xyep {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for options in (
        _reproduce_options,
        _verify_options,
        _figures_options,
        _data_options,
        _bench_options,
    ):
        options(commands)
    return parser


def _reproduce_options(commands: Any) -> None:
    add = commands.add_parser(
        "reproduce", help="run notebooks: datasets, figures and executed notebooks"
    ).add_argument
    add(
        "notebooks",
        nargs="*",
        metavar="NOTEBOOK",
        help="such as 02_xor_training or 02; default all",
    )
    add(
        "--profile",
        choices=PROFILES,
        default="quick",
        help="how much to run (default %(default)s); mine: as the paper, with changes by -p",
    )
    add(
        "--workers",
        type=int,
        metavar="N",
        help="runs at a time; default one a core; results do not depend on it",
    )
    add(
        "--scheduler",
        metavar="ADDRESS",
        help="processes, threads (default of smoke and quick), or the address of a "
        "dask.distributed scheduler",
    )
    add(
        "-p",
        dest="parameters",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a notebook's parameter (YAML), such as -p epochs=500 or -p 'shells=[1, 4]'",
    )
    add(
        "--list",
        action="store_true",
        help="run nothing; say what is up to date, and what parameters there are",
    )


def _verify_options(commands: Any) -> None:
    add = commands.add_parser(
        "verify",
        help="check stored results: digests, a part of them computed anew, the printed verdicts",
        epilog="Exit code: 0 all is well, 1 something is wrong, 3 nothing is wrong as far as could "
        "be computed anew without data that are not at hand.",
    ).add_argument
    add(
        "claims",
        nargs="*",
        metavar="CLAIM",
        help="part of a statement, or the name of a figure or notebook; default everything",
    )
    add(
        "--all",
        action="store_true",
        help="compute all results anew, which takes as long as they took",
    )
    add(
        "--profile",
        choices=PROFILES[:-1],
        default="paper",
        help="whose results (default %(default)s)",
    )
    add("--workers", type=int, metavar="N", help="runs at a time; default one a core")


def _figures_options(commands: Any) -> None:
    add = commands.add_parser(
        "figures", help="redraw figures from stored results, without training"
    ).add_argument
    add("notebooks", nargs="*", metavar="NOTEBOOK", help="default all that have results")
    add(
        "--profile",
        choices=PROFILES,
        default="paper",
        help="whose results (default %(default)s)",
    )
    add(
        "--rc",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting as in a matplotlibrc file, such as image.cmap=cividis",
    )
    add("--only", metavar="FIGURE", help="one figure, such as 03_decay")
    add(
        "--to",
        metavar="FOLDER",
        help="where to draw (default: the profile's figures); needed with --rc",
    )
    add(
        "--check",
        action="store_true",
        help="write nothing; name what differs, pixel by pixel, from what is drawn now",
    )


def _data_options(commands: Any) -> None:
    add = commands.add_parser(
        "data",
        help="say which data sets are there; fetch mnist, or the results of this release; write "
        "results as netCDF, or all of them as an RO-Crate",
    ).add_argument
    add(
        "task",
        nargs="*",
        metavar="TASK",
        help="xor, iris, digits or mnist, default all; or: fetch mnist, fetch results [ADDRESS], "
        "export NOTEBOOK FILE, crate FILE",
    )
    add(
        "--profile",
        choices=PROFILES,
        default="paper",
        help="whose results are exported (default %(default)s)",
    )


def _bench_options(commands: Any) -> None:
    add = commands.add_parser("bench", help="run the benchmarks").add_argument
    add("--quick", action="store_true", help="few repeats")
    add("--only", metavar="NAME", help="one benchmark")


def _select(chosen: Sequence[str]) -> list[str]:
    """Notebooks by name or number, each once."""
    found = []
    for word in chosen or names():
        matches = [name for name in names() if name == word or name.startswith(f"{word}_")]
        if not matches:
            raise ValueError(f"NOTEBOOK: found {word!r}; one of {', '.join(names())} is needed")
        found += matches
    return list(dict.fromkeys(found))


def _assignments(option: str, words: Sequence[str]) -> dict[str, str]:
    given = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            raise ValueError(f"{option}: found {word!r}; NAME=VALUE is needed")
        given[name.strip()] = value.strip()
    return given


def _value(text: str) -> Any:
    """A value in YAML, with the numbers of YAML 1.2, and text for what YAML takes for a comment."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_implicit_resolver("tag:yaml.org,2002:float", NUMBER, list("-+.0123456789"))
    try:
        value = yaml.load(text, Loader)
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"-p: found {text!r}; a value in YAML is needed ({reason})") from None
    return text if value is None and text.startswith("#") else value


def _reproduce(args: argparse.Namespace) -> int:
    from .paper.notebooks import NotebookError, executed, run

    given = {name: _value(text) for name, text in _assignments("-p", args.parameters).items()}
    chosen = _select(args.notebooks)
    if args.list:
        return _list(chosen, args.profile)
    if given and args.profile == "paper":
        raise ValueError(
            "-p: the findings quote the results of the paper profile; give --profile mine, "
            "which has the same parameters, with all that shall differ"
        )
    for name in OPTIONS:
        if name in given:
            raise ValueError(f"-p: found {name}; give it as --{name}")
    if args.workers is not None:
        check_integer("--workers", args.workers, 1)
    for notebook in chosen:
        check_parameters(notebook, given)
    began, ran = time.monotonic(), 0
    for notebook in chosen:
        started = time.monotonic()
        try:
            done = run(
                notebook,
                args.profile,
                workers=args.workers,
                scheduler=args.scheduler,
                changed=given,
                echo=_say,
            )
        except NotebookError as error:
            print(f"xyep reproduce: {notebook} failed: {error}", file=sys.stderr)
            print("Finished runs are kept, and the next call goes on from them.", file=sys.stderr)
            return 1
        ran += done
        how = f"done in {time.monotonic() - started:.0f} s" if done else "up to date"
        print(f"{notebook}: {how}: {executed(notebook, args.profile)}", flush=True)
    print(f"{ran} of {len(chosen)} notebooks run, in {time.monotonic() - began:.0f} s")
    if args.profile == "paper":
        from .paper.verify import write_checksums

        written = write_checksums()
        if written:
            print(written)
        if ran:
            _write_report()
    return 0


def _list(chosen: Sequence[str], profile: str) -> int:
    from .paper.notebooks import profile_parameters, up_to_date

    for notebook in chosen:
        changes = profile_parameters(notebook, profile)
        state = "up to date" if up_to_date(notebook, profile, changes) else "to be run"
        print(f"{notebook}, profile {profile}: {state}")
        for name, (default, comment) in parameters(notebook).items():
            if name not in OPTIONS:
                text = f"{name}={changes.get(name, default)!r}" + f"  # {comment}" * bool(comment)
                print(textwrap.fill(text, 98, initial_indent="  ", subsequent_indent="      "))
    return 0


def _write_report() -> None:
    from .paper import report

    for path in report.write():
        print(path)


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


def _figures(args: argparse.Namespace) -> int:
    from .paper import report
    from .paper.figures import check_rc, differences, draw
    from .paths import figures, results
    from .store import read_tree

    rc = _assignments("--rc", args.rc)
    check_rc(rc)
    if args.check and (rc or args.to):
        raise ValueError("--check: found with --rc or --to; it compares the figures of a profile")
    if rc and not args.to:
        raise ValueError(
            "--rc: found without --to; name a folder, so that the committed figures stay"
        )
    if args.only and not args.notebooks:
        args.notebooks = [args.only.partition("_")[0]]
    chosen = _select(args.notebooks)
    if not args.notebooks:
        chosen = [name for name in chosen if results(args.profile, name).exists()]
    stale: list[str] = []
    for name in chosen:
        tree = read_tree(results(args.profile, name))
        if args.check:
            stale += differences(name, tree, figures(args.profile), args.only)
            continue
        for path in draw(name, tree, args.to or figures(args.profile), args.only, rc):
            print(path)
    whole = args.profile == "paper" and not args.to
    if args.check:
        stale += report.stale() if whole and not args.only else []
        print("\n".join(stale) or f"{', '.join(chosen)}: all figures are what is drawn now")
        if stale:
            print("`xyep figures` draws them", file=sys.stderr)
        return int(bool(stale))
    if whole:
        _write_report()
    return 0


def _verify(args: argparse.Namespace) -> int:
    from .paper.verify import table, verify

    if args.workers is not None:
        check_integer("--workers", args.workers, 1)
    began = time.monotonic()
    found, number = verify(args.claims, args.profile, args.all, args.workers, _say)
    print(table(found))
    wrong = [claim for claim in found if claim.problems]
    left = [claim for claim in found if claim.missing and not claim.problems]
    print(
        f"{len(found) - len(wrong) - len(left)} of {len(found)} as they should be; "
        f"{number} parts of the results computed anew, in {time.monotonic() - began:.0f} s"
    )
    return 1 if wrong else 3 if left else 0


def _export(words: Sequence[str], profile: str) -> None:
    """Write a notebook's results as one netCDF file, a group a node."""
    from importlib.util import find_spec

    from .paths import results
    from .store import read_tree

    if len(words) != 2:
        found = " ".join(words) or "nothing"
        raise ValueError(f"export: found {found}; NOTEBOOK and FILE are needed")
    (notebook, *_), file = _select(words[:1]), Path(words[1]).expanduser()
    if file.exists() or not file.parent.is_dir():
        why = "is there already" if file.exists() else "would lie in a folder that is not there"
        raise ValueError(f"export: {file} {why}; another FILE is needed")
    engines = [name for name in ("h5netcdf", "netCDF4") if find_spec(name)]
    if not engines:
        raise ImportError("export: netCDF needs h5netcdf or netCDF4; install xyep[netcdf]")
    tree = read_tree(results(profile, notebook))
    for node in tree.subtree:  # lists and mappings as JSON, as netCDF has none
        node.attrs = {
            n: v if isinstance(v, (str, int, float)) else json.dumps(v)
            for n, v in node.attrs.items()
        }
    partial = file.with_name(f"{file.name}.partial")
    try:
        tree.to_netcdf(partial, engine="h5netcdf" if engines[0] == "h5netcdf" else "netcdf4")
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)
    print(file)


def _crate(words: Sequence[str]) -> None:
    from importlib.util import find_spec

    from .paper.crate import write_crate

    if len(words) != 1:
        raise ValueError(f"crate: found {' '.join(words) or 'nothing'}; one FILE is needed")
    if not find_spec("rocrate"):
        raise ImportError("crate: rocrate is needed; install xyep[crate]")
    print(write_crate(words[0]))


def _fetch(words: Sequence[str]) -> Path:
    from .datasets import fetch_mnist
    from .release import fetch_results

    if list(words) == ["mnist"]:
        return fetch_mnist()
    if words[:1] == ["results"] and len(words) < 3:
        return fetch_results(*words[1:])
    raise ValueError(
        f"fetch: found {' '.join(words) or 'nothing'}; mnist or results is needed, the other data "
        "sets come with the packages"
    )


def _data(args: argparse.Namespace) -> int:
    from .datasets import load_task

    if args.task[:1] == ["export"]:
        _export(args.task[1:], args.profile)
        return 0
    if args.task[:1] == ["crate"]:
        _crate(args.task[1:])
        return 0
    if args.task[:1] == ["fetch"]:
        print(_fetch(args.task[1:]))
        return 0
    missing = 0
    for name in args.task or ("xor", "iris", "digits", "mnist"):
        try:
            task = load_task(name)
            print(
                f"{name:8}{len(task):7} samples, {task.inputs.shape[1]} inputs, "
                f"{task.targets.shape[1]} outputs, sha256 {task.digest[:16]}…"
            )
        except FileNotFoundError as error:
            print(f"{name:8}missing: {error}")
            missing += bool(args.task)
    return missing


def _bench(args: argparse.Namespace) -> int:
    import runpy

    from .paths import project

    options = [*(["--quick"] if args.quick else []), *(["--only", args.only] if args.only else [])]
    sys.argv = ["run.py", *options]
    runpy.run_path(str(project() / "benchmarks" / "run.py"), run_name="__main__")
    return 0


COMMANDS = {
    "reproduce": _reproduce,
    "verify": _verify,
    "figures": _figures,
    "data": _data,
    "bench": _bench,
}


def _terminated(number: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt("terminated")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, 1 if something failed, 2 for wrong arguments."""
    args = _parser().parse_args(argv)
    here = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, _terminated) if here else None
    try:
        return COMMANDS[args.command](args)
    except (ValueError, OSError, ImportError) as error:
        print(f"xyep {args.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        what = str(error) or "interrupted"
        kept = "; finished runs are kept, and the next call goes on from them"
        print(f"xyep {args.command}: {what}{kept * (args.command == 'reproduce')}", file=sys.stderr)
        return 130
    finally:
        if here:
            signal.signal(signal.SIGTERM, before)
