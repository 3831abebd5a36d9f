# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads from a server on this machine: whole or not at all, and told why."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mocapanything_addon.jobs import download
from mocapanything_addon.jobs.download import SegmenterDownload
from mocapanything_addon.jobs.errors import BadInputError, CancelledError
from mocapanything_addon.jobs.segmenters import LISTED, ListedSegmenter, listed_segmenter

CONTENT = bytes(range(256)) * 8192
"""Two megabytes."""


class Server(BaseHTTPRequestHandler):
    """Serves the content, in the ways that servers do."""

    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
        elif self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/model")
            self.end_headers()
        else:
            content = {"/other": CONTENT[::-1], "/longer": CONTENT * 2, "/page": b"<html>Log in</html>"}
            self.send_response(200)
            self.send_header("Content-Length", str(len(content.get(self.path, CONTENT))))
            self.end_headers()
            self._send(content.get(self.path, CONTENT))

    def _send(self, content: bytes) -> None:
        try:
            if self.path == "/cut":
                content = content[: len(content) // 2]
            for start in range(0, len(content), 1 << 16):
                self.wfile.write(content[start : start + (1 << 16)])
                if self.path == "/slow":
                    time.sleep(0.05)
        except OSError:  # whoever asked has gone
            pass
        self.close_connection = True

    def log_message(self, *words: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def listed(address: str) -> ListedSegmenter:
    return ListedSegmenter(
        name="small",
        label="Small",
        url=f"{address}/model",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
        licence="CC0-1.0",
        source="made up",
        format={"size": 64},
    )


def fetch(segmenter: ListedSegmenter, folder: Path) -> SegmenterDownload:
    found = SegmenterDownload(segmenter, folder)
    found.wait(20.0)
    assert found.finished
    return found


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("page", ["model", "moved"])
def test_whole_file_is_there_with_its_format(listed, address, tmp_path, page):
    found = fetch(replace(listed, url=f"{address}/{page}"), tmp_path / "new" / "folder")
    assert found.error is None
    assert found.path.read_bytes() == CONTENT
    assert found.path.with_suffix(".json").read_text() == '{"size": 64}\n'
    assert files_in(found.path.parent) == ["small.json", "small.onnx"]
    assert found.fraction == 1.0
    assert found.megabytes == (2, 2)


@pytest.mark.parametrize(
    ("page", "code", "words"),
    [
        ("missing", "download_failed", "the server says 404"),
        ("cut", "download_failed", "ended after"),
        ("page", "download_failed", "ended after"),
        ("other", "download_damaged", "checksum"),
        ("longer", "download_damaged", "checksum"),
    ],
)
def test_what_is_not_the_file_is_not_kept(listed, address, tmp_path, page, code, words):
    found = fetch(replace(listed, url=f"{address}/{page}"), tmp_path)
    assert found.error is not None
    assert (found.error.code, words in str(found.error)) == (code, True)
    assert f"/{page}" in found.error.message
    assert not found.path.exists()
    assert files_in(tmp_path) == ["small.json"]


def test_server_that_is_not_there(listed, tmp_path):
    found = fetch(replace(listed, url="http://127.0.0.1:9/model"), tmp_path)
    assert found.error is not None
    assert found.error.code == "download_failed"
    assert "with a browser" in found.error.hint


def test_server_that_falls_silent(listed, address, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "SILENCE_SECONDS", 0.01)
    found = fetch(replace(listed, url=f"{address}/slow"), tmp_path)
    assert found.error is not None
    assert "does not answer" in str(found.error)


def test_cancel_keeps_nothing_and_what_was_there_stays(listed, address, tmp_path):
    fetch(listed, tmp_path)
    found = SegmenterDownload(replace(listed, url=f"{address}/slow"), tmp_path)
    while found.received == 0:
        time.sleep(0.01)
    assert 0.0 < found.fraction < 1.0
    found.cancel()
    found.wait(5.0)
    assert found.finished
    assert isinstance(found.error, CancelledError)
    assert found.path.read_bytes() == CONTENT
    assert files_in(tmp_path) == ["small.json", "small.onnx"]


def test_place_that_cannot_be_written(listed, tmp_path):
    (tmp_path / "file").write_text("in the way")
    found = fetch(listed, tmp_path / "file")
    assert isinstance(found.error, BadInputError)
    assert found.error.code == "not_a_folder"


def test_listed_segmenters_say_all_a_user_must_know():
    for name, listed in LISTED.items():
        assert name == listed.name
        assert listed.url.startswith("https://")
        assert len(bytes.fromhex(listed.sha256)) == 32
        assert listed.licence in listed.words
        assert "MB" in listed.words
    with pytest.raises(BadInputError, match=r"no segmenter named sam.*u2net"):
        listed_segmenter("sam")
