"""What made a result: versions, commit, and data."""

import subprocess
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

from .paths import PACKAGE


@lru_cache
def package_version():
    try:
        return version("xyep")
    except PackageNotFoundError:
        return "not installed"


@lru_cache
def commit():
    """Commit of the checkout that the code runs from, with "+" where the package differs from it; empty outside a checkout."""

    def git(*arguments):
        return subprocess.run(["git", *arguments], cwd=PACKAGE, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def provenance():
    return {"version": package_version(), "commit": commit(), "paper": "arXiv:2601.21945"}
