# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of a process's memory is what it took."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.memory import Watch

TAKES = """
import sys
sys.stdin.readline()
held = bytearray(b"x") * 200_000_000
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="reads /proc")
def test_memory_is_told_by_stage_and_its_peak_in_all():
    with subprocess.Popen(
        [sys.executable, "-c", TAKES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        watch = Watch(process.pid)
        watch.start()
        watch.step()
        watch.stage = "large"
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
        watch.step()
        process.stdin.write("\n")
        process.stdin.flush()
    watch.join(5.0)
    assert not watch.is_alive()
    megabytes = 200e6 / 2**20
    small, large = watch.highest["start"], watch.highest["large"]
    assert small[0] < megabytes < large[1] <= large[0] <= watch.peak < 2.0 * megabytes
