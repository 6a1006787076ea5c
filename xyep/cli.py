"""Command line: ``xyep reproduce | figures | data | bench``."""

import argparse
import sys
import time

from . import __version__
from .paper.notebooks import PROFILES


def _parser():
    parser = argparse.ArgumentParser(
        "xyep",
        description="Reproduce arXiv:2601.21945: XY networks trained by equilibrium propagation.",
    )
    parser.add_argument("--version", action="version", version=f"xyep {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    add = commands.add_parser(
        "reproduce", help="run notebooks: datasets, figures and executed notebooks"
    )
    add.add_argument(
        "notebooks",
        nargs="*",
        metavar="NOTEBOOK",
        help="such as 02_xor_training or 02; default all",
    )
    add.add_argument(
        "--profile", choices=PROFILES, default="quick", help="how much to run (default %(default)s)"
    )
    add.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="runs at a time; default one a core; results do not depend on it",
    )
    add.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="threads, processes (default), or the address of a dask.distributed scheduler",
    )
    add.add_argument(
        "-p",
        dest="parameters",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a notebook's parameter (YAML)",
    )

    add = commands.add_parser(
        "figures", help="redraw figures from stored results, without training"
    )
    add.add_argument(
        "notebooks", nargs="*", metavar="NOTEBOOK", help="default all that have results"
    )
    add.add_argument(
        "--profile", choices=PROFILES, default="paper", help="whose results (default %(default)s)"
    )
    add.add_argument(
        "--rc",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of matplotlib, such as image.cmap=cividis",
    )
    add.add_argument("--only", metavar="FIGURE", help="one figure, such as 03_decay")
    add.add_argument(
        "--to",
        metavar="FOLDER",
        help="where to draw (default: the profile's figures); needed with --rc",
    )

    add = commands.add_parser(
        "data", help="say which data sets are at hand, or fetch one: xyep data fetch mnist"
    )
    add.add_argument(
        "task",
        nargs="*",
        metavar="[fetch] TASK",
        help="xor, iris, digits or mnist; default all. Only mnist need be fetched",
    )

    add = commands.add_parser("bench", help="run the benchmarks")
    add.add_argument("--quick", action="store_true", help="few repeats")
    add.add_argument("--only", metavar="NAME", help="one benchmark")
    return parser


def _select(chosen):
    from .paper.notebooks import names

    found = []
    for word in chosen or names():
        matches = [name for name in names() if name == word or name.startswith(f"{word}_")]
        if not matches:
            raise ValueError(f"NOTEBOOK: found {word!r}; one of {', '.join(names())} is needed")
        found += matches
    return found


def _assignments(option, words):
    import yaml

    given = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"{option}: found {word!r}; NAME=VALUE is needed")
        try:
            given[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ValueError(
                f"{option}: found {word!r}; the value is no YAML ({str(error).splitlines()[0]})"
            ) from error
    return given


def _reproduce(args):
    from papermill.exceptions import PapermillExecutionError

    from .paper.notebooks import check_parameters, run

    given = _assignments("-p", args.parameters)
    if given and args.profile == "paper":
        raise ValueError(
            "-p: results of the paper profile are what README quotes; give --profile quick and all that shall differ"
        )
    chosen = _select(args.notebooks)
    for name in {"profile", "workers", "scheduler"} & set(given):
        raise ValueError(f"-p: found {name}; give it as --{name}")
    for name in chosen:
        check_parameters(name, given)
    started = time.monotonic()
    for name in chosen:
        print(f"{name}: running at profile {args.profile}", flush=True)
        try:
            target = run(
                name,
                args.profile,
                workers=args.workers,
                scheduler=args.scheduler,
                parameters=given,
                echo=_say,
            )
        except PapermillExecutionError as error:
            print(
                f"xyep reproduce: {name} failed; finished runs are kept and the next call goes on from them\n{error}",
                file=sys.stderr,
            )
            return 1
        print(f"  {target}")
    print(f"{len(chosen)} notebook{'s' * (len(chosen) > 1)} in {time.monotonic() - started:.0f} s")
    if args.profile == "paper":
        _write_report()


def _write_report():
    from .paper import report

    print(report.claims_text())
    for path in report.write():
        print(path)


def _say(text):
    print(f"  {text}", flush=True)


def _figures(args):
    from .paper.figures import draw
    from .paths import figures, results
    from .store import read_tree

    rc = _assignments("--rc", args.rc)
    if rc and not args.to:
        raise ValueError(
            "--rc: found without --to; name a folder, so that the committed figures stay as they are"
        )
    if args.only and not args.notebooks:
        args.notebooks = [args.only.partition("_")[0]]
    for name in _select(args.notebooks):
        store = results(args.profile, name)
        if not store.exists() and not args.notebooks:
            continue
        for path in draw(name, read_tree(store), args.to or figures(args.profile), args.only, rc):
            print(path)
    if args.profile == "paper" and not args.to:
        _write_report()


def _data(args):
    from .tasks import fetch_mnist, load_task

    if args.task[:1] == ["fetch"]:
        if args.task[1:] != ["mnist"]:
            raise ValueError(
                f"TASK: found {' '.join(args.task[1:])!r} to fetch; only 'mnist' is needed, the others come with the packages"
            )
        print(fetch_mnist())
        return 0
    missing = 0
    for name in args.task or ("xor", "iris", "digits", "mnist"):
        try:
            task = load_task(name)
            print(
                f"{name:8}{len(task):7} samples, {task.inputs.shape[1]} inputs, {task.targets.shape[1]} outputs, sha256 {task.digest[:16]}…"
            )
        except FileNotFoundError as error:
            print(f"{name:8}missing: {error}")
            missing += bool(args.task)
    return missing


def _bench(args):
    import runpy

    from .paths import project

    options = [*(["--quick"] if args.quick else []), *(["--only", args.only] if args.only else [])]
    sys.argv = ["run.py", *options]
    runpy.run_path(str(project() / "benchmarks" / "run.py"), run_name="__main__")


def main(argv=None):
    args = _parser().parse_args(argv)
    try:
        return {"reproduce": _reproduce, "figures": _figures, "data": _data, "bench": _bench}[
            args.command
        ](args) or 0
    except (ValueError, OSError) as error:
        print(f"xyep {args.command}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
