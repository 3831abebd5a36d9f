# SPDX-License-Identifier: GPL-3.0-or-later
"""The cache: found again, whole or not at all, and within its limit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mocapanything_addon.jobs.cache import Cache, content_key, hash_files

REPOSITORY = Path(__file__).resolve().parents[2]


def put(cache: Cache, key: str, size: int = 100) -> None:
    cache.store(
        key, lambda folder: [(folder / n).write_bytes(key.encode() * size) for n in ("a", "b")] and None
    )


def read(cache: Cache, key: str, place: Path) -> bytes | None:
    return (place / "a").read_bytes() if cache.fetch(key, place) else None


def test_stores_and_fetches_a_copy(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "not there yet")
    assert not cache.fetch("k", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    put(cache, "k", 3)
    assert read(cache, "k", tmp_path / "out") == b"kkk"
    (tmp_path / "out" / "a").write_bytes(b"changed")
    assert read(cache, "k", tmp_path / "again") == b"kkk"


def test_first_entry_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    put(cache, "k", 1)
    put(cache, "k", 2)
    assert read(cache, "k", tmp_path / "out") == b"k"


def test_oldest_unused_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit_bytes=500)
    for number, key in enumerate("ab"):
        put(cache, key)
        os.utime(cache.folder / key, (1000.0 + number, 1000.0 + number))
    assert cache.fetch("a", tmp_path / "out")  # now "b" is the one not used for longest
    put(cache, "c")
    assert sorted(p.name for p in cache.folder.iterdir()) == ["a", "c"]
    assert cache.size == 400


def test_clear_and_discard(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    put(cache, "a")
    put(cache, "b")
    cache.discard("a")
    cache.discard("never there")
    assert [p.name for p in cache.folder.iterdir()] == ["b"]
    cache.clear()
    assert list(cache.folder.iterdir()) == []
    assert cache.size == 0


def test_failed_filling_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_bytes(b"half")
        raise ZeroDivisionError

    cache = Cache(tmp_path / "cache")
    with pytest.raises(ZeroDivisionError):
        cache.store("k", fail)
    assert list(cache.folder.iterdir()) == []


def test_leftovers_of_crashes_go_in_time(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    for name, age in ((".new-old", 2 * 86400.0), (".new-young", 0.0)):
        (cache.folder / name).mkdir(parents=True)
        os.utime(cache.folder / name, (time.time() - age,) * 2)
    put(cache, "k")
    assert sorted(p.name for p in cache.folder.iterdir()) == [".new-young", "k"]


def test_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file" / "cache")
    put(cache, "k")
    assert not cache.fetch("k", tmp_path / "out")
    assert cache.size == 0
    cache.clear()


def test_readers_never_see_half_an_entry(tmp_path: Path) -> None:
    """Threads store, fetch and drop the same entries; what is fetched is always whole."""
    cache = Cache(tmp_path / "cache", limit_bytes=1500)
    wrong: list[str] = []
    hits: list[str] = []
    end = time.monotonic() + 1.0

    def work(worker: int) -> None:
        for turn in range(100_000):
            if time.monotonic() > end:
                break
            key = "abcdefgh"[(turn + worker) % 8]
            put(cache, key)
            place = tmp_path / f"out {worker} {turn}"
            if cache.fetch(key, place):
                hits.append(key)
                content = {p.name: p.read_bytes() for p in place.iterdir()}
                if content != {"a": key.encode() * 100, "b": key.encode() * 100}:
                    wrong.append(key)
            if turn % 7 == worker:
                cache.discard(key)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(hits) > 10
    cache.clear()
    assert list(cache.folder.iterdir()) == []


@pytest.mark.worker
def test_two_processes_make_the_same_entry(tmp_path: Path) -> None:
    code = f"""
import sys, time
sys.path.insert(0, {str(REPOSITORY)!r})
from pathlib import Path
from mocapanything_addon.jobs.cache import Cache
cache = Cache(Path({str(tmp_path / "cache")!r}))
def fill(folder):
    (folder / "who").write_text(sys.argv[1])
    time.sleep(0.2)
cache.store("k", fill)
assert cache.fetch("k", Path({str(tmp_path)!r}) / sys.argv[1])
"""
    processes = [subprocess.Popen([sys.executable, "-c", code, name]) for name in ("one", "two")]
    assert [p.wait(20) for p in processes] == [0, 0]
    assert (tmp_path / "one" / "who").read_text() == (tmp_path / "two" / "who").read_text()
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["k"]


def test_keys_tell_parts_apart() -> None:
    keys = {
        content_key(*parts)
        for parts in (("ab", "c"), ("a", "bc"), ("abc",), (1,), ("1",), (None,), (1.0,), ())
    }
    assert len(keys) == 8
    assert content_key("a", 1) == content_key("a", 1)


def test_hash_of_files(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"x" * 3_000_000)
    (tmp_path / "two").write_bytes(b"x" * 3_000_000)
    assert hash_files(tmp_path / "one") == hash_files(tmp_path / "two")
    before = hash_files(tmp_path)
    assert before == hash_files(tmp_path)
    (tmp_path / "two").write_bytes(b"y")
    assert hash_files(tmp_path) != before
    (tmp_path / "two").write_bytes(b"x" * 3_000_000)
    assert hash_files(tmp_path) == before
    (tmp_path / "two").rename(tmp_path / "three")
    assert hash_files(tmp_path) != before
