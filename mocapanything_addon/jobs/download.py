# SPDX-License-Identifier: GPL-3.0-or-later
"""Download a file whose checksum is known, so that it is there whole or not at all."""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from .errors import CancelledError, CaptureError
from .files import make_folder, replacing_file
from .segmenters import MEGABYTE, ListedSegmenter

CHUNK_BYTES = 1 << 18
SILENCE_SECONDS = 30.0
"""A server that sends nothing for so long is given up."""
TRY_AGAIN = "Try again later, or download it with a browser and choose the file."


def download_file(
    url: str,
    path: Path,
    *,
    sha256: str,
    size: int,
    received: Callable[[int], None],
    is_cancelled: Callable[[], bool],
) -> None:
    """Fetch a file; what is at ``path`` already is replaced once the new one is whole.

    Args:
        url: Of the file.
        path: Where to, in an existing folder.
        sha256: Its checksum, hexadecimal.
        size: Its bytes.
        received: Called with the bytes that are here.
        is_cancelled: Asked between parts.

    Raises:
        CancelledError: It was.
        CaptureError: ``download_failed``, the server cannot be reached or does not have it;
            ``download_damaged``, what came is something else; or as ``replacing_file``.
    """
    digest, here = hashlib.sha256(), 0
    with replacing_file(path) as temporary, temporary.open("wb") as target:
        for part in _parts(url):
            if is_cancelled():
                raise CancelledError
            target.write(part)
            digest.update(part)
            here += len(part)
            received(here)
            if here > size:
                break
        if here < size:
            raise _failed(url, f"it ended after {here} of {size} bytes")
        if digest.hexdigest() != sha256:
            raise CaptureError(
                f"What came from {url} is not the file that was expected: its checksum is another one.",
                "Nothing of it was kept. A proxy may have answered in its place; try another network.",
                code="download_damaged",
            )


def _parts(url: str) -> Iterator[bytes]:
    """What a server sends. Raises CaptureError ``download_failed``."""
    request = urllib.request.Request(url, headers={"User-Agent": "MoCapAnything"})
    try:
        with urllib.request.urlopen(request, timeout=SILENCE_SECONDS) as answer:
            while part := answer.read(CHUNK_BYTES):
                yield part
    except urllib.error.HTTPError as error:
        raise _failed(url, f"the server says {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _failed(url, _words(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _failed(url, _words(error)) from error


class SegmenterDownload:
    """A download in a thread of its own: look at it from time to time, until :attr:`finished`."""

    def __init__(self, segmenter: ListedSegmenter, folder: Path) -> None:
        """Begin to download a segmenter into the folder of segmenters, made where it is missing."""
        self.segmenter = segmenter
        self.path = segmenter.path(folder)
        self.received = 0
        """Bytes that are here."""
        self.error: CaptureError | None = None
        """Why it failed, once it is finished."""
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="segmenter download", daemon=True)
        self._thread.start()

    @property
    def finished(self) -> bool:
        return not self._thread.is_alive()

    @property
    def fraction(self) -> float:
        """How much is here, 0 to 1."""
        return min(1.0, self.received / self.segmenter.size)

    @property
    def megabytes(self) -> tuple[int, int]:
        """How much is here, and how much there is."""
        return round(self.received / MEGABYTE), max(1, round(self.segmenter.size / MEGABYTE))

    def cancel(self) -> None:
        """Ask for the end; returns at once."""
        self._cancelled.set()

    def wait(self, seconds: float | None = None) -> None:
        """Block until it is finished, or for so long."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            make_folder(self.path.parent)
            # The format first: a model that is there is one that can be used.
            with replacing_file(self.path.with_suffix(".json")) as temporary:
                temporary.write_text(json.dumps(dict(self.segmenter.format)) + "\n", encoding="utf-8")
            download_file(
                self.segmenter.url,
                self.path,
                sha256=self.segmenter.sha256,
                size=self.segmenter.size,
                received=self._note,
                is_cancelled=self._cancelled.is_set,
            )
        except CaptureError as error:
            self.error = error
        except Exception as error:  # nobody else would hear of it
            self.error = CaptureError(
                f"The segmenter could not be downloaded: {type(error).__name__}: {error}.",
                code="download_failed",
            )

    def _note(self, received: int) -> None:
        self.received = received


def _failed(url: str, reason: str) -> CaptureError:
    return CaptureError(f"{url} could not be downloaded: {reason}.", TRY_AGAIN, code="download_failed")


def _words(reason: object) -> str:
    if isinstance(reason, TimeoutError):
        return "the server does not answer"
    strerror = getattr(reason, "strerror", None)
    return str(strerror or reason or type(reason).__name__).rstrip(".")
