# SPDX-License-Identifier: GPL-3.0-or-later
"""Write files and folders so that nothing half-written ever stands under its final name."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import BadInputError, CaptureError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def writing_error(error: OSError, path: Path) -> CaptureError:
    """What to tell the user when ``path`` could not be written."""
    if error.errno in _FULL:
        return CaptureError(
            f"The disk is full: {path} could not be written.",
            "Make room there, or choose another place.",
            code="disk_full",
        )
    if error.errno in _FORBIDDEN:
        return BadInputError(
            f"{path} cannot be written: no permission.",
            "Choose a place you may write to.",
            code="not_writable",
        )
    return CaptureError(f"{path} cannot be written: {error.strerror or error}.", code="cannot_write")


def make_folder(path: Path) -> Path:
    """The folder, made with its parents where it is missing. Raises as :func:`writing_error` says."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise BadInputError(
            f"{path} cannot be a folder: a file stands in its way.", code="not_a_folder"
        ) from error
    except OSError as error:
        raise writing_error(error, path) from error
    return path


@contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path`` to write to: becomes ``path`` if the block ends well, else is removed.

    The temporary name keeps the suffix, which many writers go by. Raises as :func:`writing_error` says.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem[:40]}-", suffix=path.suffix, dir=path.parent)
    except FileNotFoundError as error:
        raise BadInputError(f"The folder {path.parent} does not exist.", code="folder_missing") from error
    except OSError as error:
        raise writing_error(error, path) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _default_mode(temporary)
        temporary.replace(path)
    except OSError as error:
        raise writing_error(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside ``path`` to fill: becomes ``path`` if the block ends well, else is removed.

    Raises FileExistsError where ``path`` is there already and not empty, else as :func:`writing_error` says.
    """
    make_folder(path.parent)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}-", dir=path.parent))
    except OSError as error:
        raise writing_error(error, path) from error
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.is_dir():
            path.rmdir()  # Windows does not rename over an empty folder
        temporary.rename(path)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            raise FileExistsError(error.errno, "exists already", str(path)) from error
        raise writing_error(error, path) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _default_mode(path: Path) -> None:
    """``mkstemp`` makes files only their owner can read; give the one that stays the usual permissions."""
    path.chmod(0o666 & ~_umask())
