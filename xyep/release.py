"""The results of a release, for those who have the package and no checkout."""

import logging
import os
import shutil
from hashlib import sha256
from pathlib import Path
from zipfile import BadZipFile

from .paths import PACKAGE, data, fetched, project
from .version import __version__

#: Carries, names or shows results and makes none: no result follows from its code (`digest`).
MAKES_NO_RESULTS = True

#: As in pyproject.toml.
REPOSITORY = "https://github.com/xyep-developers/xyep"
#: Where the archives of releases are; the folder of a version is called v0.2.0.
RELEASES = f"{REPOSITORY}/releases/download"
#: Made by ``xyep data crate``: notebooks, results and figures, with an RO-Crate's description.
ARCHIVE = f"xyep-{__version__}-results.zip"


def fetch_results(address: str = f"{RELEASES}/v{__version__}") -> Path:
    """Download the results of this version, check every file, and return their folder.

    It lies in ``XYEP_DATA_DIR`` or the user's cache. The SHA-256 of the files come with the
    package. What is there already is checked, and fetched again only where it is damaged.

    Raises
    ------
    ConnectionError
        When the archive cannot be downloaded.
    ValueError
        When a file in it is not the one of this version; nothing of it is kept.
    """
    import pooch

    target = fetched()
    expected = _expected()
    if not _wrong(target, expected):
        return target
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    pooch.get_logger().setLevel(logging.WARNING)
    archive = data() / ARCHIVE
    archive.unlink(missing_ok=True)
    try:
        pooch.retrieve(
            f"{address.rstrip('/')}/{ARCHIVE}",
            known_hash=None,  # every file is checked instead
            fname=ARCHIVE,
            path=data(),
            processor=pooch.Unzip(extract_dir=partial.name),
        )
        wrong = _wrong(partial, expected)
        if wrong:
            raise ValueError(
                f"results: {len(wrong)} of {len(expected)} files are not those of xyep "
                f"{__version__}, first {wrong[0]}"
            )
        shutil.rmtree(target, ignore_errors=True)
        os.replace(partial, target)
    except (OSError, BadZipFile) as error:
        reason = str(error).splitlines()[0]
        raise ConnectionError(f"results: {address}/{ARCHIVE} cannot be had ({reason})") from None
    finally:
        archive.unlink(missing_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _expected() -> dict[str, str]:
    """File → SHA-256, from results/CHECKSUMS, of which a wheel has a copy."""
    path = PACKAGE / "CHECKSUMS"
    text = (path if path.is_file() else project() / "results" / "CHECKSUMS").read_text("utf-8")
    return {line[66:]: line[:64] for line in text.splitlines()}


def _wrong(folder: Path, expected: dict[str, str]) -> list[str]:
    """Files that are missing in a folder or are not what is expected."""
    return [
        name
        for name, digest in expected.items()
        if not (folder / name).is_file()
        or sha256((folder / name).read_bytes()).hexdigest() != digest
    ]
