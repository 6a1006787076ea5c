"""Files and folders that are replaced as a whole, by one writer at a time.

At every moment, and so after every kill and on a full disk, either the old or the new content is
found. A folder is written beside its place, as ``.<name>.part-…``, renamed to ``.<name>.new`` once
it is complete, and then takes its place in two renames, the old one going over ``.<name>.old``.
Whatever a dead process left of that is finished or removed by the next call.

A lock, ``.<name>.lock``, is held by the operating system for a process and ends with it; the file
itself means nothing.
"""

import contextlib
import errno
import glob
import os
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

#: Carries, names or shows results and makes none: no result follows from its code (`digest`).
MAKES_NO_RESULTS = True

#: Errors of systems that have no locks, as some network drives; writing then goes on without.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


class StoreError(ValueError):
    """A store cannot be read or written; what is in it has not been touched.

    >>> import xyep
    >>> xyep.read_tree("no_such_folder/x.zarr")
    Traceback (most recent call last):
        ...
    xyep.files.StoreError: store: ...
    """


def beside(path: Path, kind: str) -> Path:
    """The hidden companion of a path, of kind part, new, old or lock.

    >>> beside(Path("results/a.zarr"), "new").as_posix()
    'results/.a.zarr.new'
    """
    return path.with_name(f".{path.name}.{kind}")


def make_folder(folder: Path, store: Path) -> None:
    """Make a folder that `store` needs, with those above it."""
    with writing(store):
        folder.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def writing(store: Path) -> Iterator[None]:
    """Errors of the system become a `StoreError` that names the store."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"store: cannot write {store}: {error.strerror or error}; what was complete is kept"
        ) from error


@contextlib.contextmanager
def locked(store: Path) -> Iterator[None]:
    """Be the only writer of `store`; a `StoreError` at once if another one is at it."""
    path = beside(store, "lock")
    make_folder(path.parent, store)
    with writing(store):
        lock = _acquire(path, store)
        os.ftruncate(lock, 0)
        os.write(lock, f"process {os.getpid()} on {socket.gethostname()}".encode())
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows removes no open file
            path.unlink()
        _unlock(lock)
        os.close(lock)
        if os.name == "nt":
            with contextlib.suppress(OSError):
                path.unlink()


def is_locked(store: Path) -> bool:
    """Whether a process that lives is writing `store`."""
    if not beside(store, "lock").exists():
        return False
    try:
        with locked(store):
            return False
    except StoreError:
        return True


def _acquire(path: Path, store: Path) -> int:
    """The open lock file, held by this process."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(lock)
            # who held it before may have removed the file that was opened here
            if os.name == "nt" or os.path.samestat(os.fstat(lock), os.stat(path)):
                return lock
        except BlockingIOError:
            holder = _holder(lock)
            os.close(lock)
            raise StoreError(
                f"store: {store} is being written by {holder}; wait until it ends, or choose "
                "another path"
            ) from None
        except FileNotFoundError:
            pass
        os.close(lock)


def _holder(lock: int) -> str:
    """Who holds the lock; it writes its name a moment after it has taken it."""
    for _ in range(100):
        os.lseek(lock, 0, os.SEEK_SET)
        if name := os.read(lock, 300).decode(errors="replace"):
            return name
        time.sleep(0.005)
    return "another process"


if os.name == "nt":
    import msvcrt

    _FAR = 1 << 30  # beyond the text, which others may then read

    def _lock(lock: int) -> None:
        try:
            os.lseek(lock, _FAR, os.SEEK_SET)
            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError as error:
            raise BlockingIOError from error
        finally:
            os.lseek(lock, 0, os.SEEK_SET)

    def _unlock(lock: int) -> None:
        os.lseek(lock, _FAR, os.SEEK_SET)
        msvcrt.locking(lock, msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined]

else:
    import fcntl

    def _lock(lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise

    def _unlock(lock: int) -> None:
        # said aloud, as a forked child may have the same file open
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_UN)


def replace_file(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file that is always either the old or the new one."""
    part = beside(path, "part")
    try:
        with open(part, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def replace_folder(path: Path, write: Callable[[Path], Any]) -> None:
    """Fill a folder by `write` and put it in the place of `path`, which the caller has locked."""
    recover(path)
    # a name of its own: threads of a writer that was interrupted may still be at the last one
    part = beside(path, f"part-{secrets.token_hex(4)}")
    try:
        write(part)
        _sync(part)
        part.rename(beside(path, "new"))
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    recover(path)


def recover(path: Path) -> None:
    """Finish what was begun with a folder that the caller has locked; remove what is left over."""
    for part in _parts(path):
        remove(part)
    new, old = beside(path, "new"), beside(path, "old")
    if new.exists():
        if path.exists():
            remove(old)
            path.rename(old)
        new.rename(path)
        _sync_entries(path.parent)
    remove(old)


def _parts(path: Path) -> list[Path]:
    """Folders that were not completed."""
    return list(path.parent.glob(glob.escape(beside(path, "part-").name) + "*"))


def settled(path: Path) -> Path:
    """Where the newest complete content of `path` lies, for one who reads."""
    if _parts(path) or any(beside(path, kind).exists() for kind in ("new", "old", "lock")):
        # without a word if another process is at it, or if nothing can be written here
        with contextlib.suppress(StoreError, OSError), locked(path):
            recover(path)
    new = beside(path, "new")
    return new if new.exists() and not path.exists() else path


def remove(folder: Path) -> None:
    """Remove a folder, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)


def _sync(folder: Path) -> None:
    """Have the disk keep all files of a folder before it is renamed."""
    for where, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(where, name), "rb+") as file:
                os.fsync(file.fileno())
        _sync_entries(Path(where))


def _sync_entries(folder: Path) -> None:
    if os.name == "nt":  # which opens no folder
        return
    entries = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(entries)
    except OSError as error:
        if error.errno != errno.EINVAL:  # of systems that sync no folder
            raise
    finally:
        os.close(entries)
