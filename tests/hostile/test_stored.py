"""What an answer of one letter may cost a store, and whoever opens it again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.attack import LATE_S_MAX, MIB, ROOT, TRIES
from tests.hostile.ticker import bare_ticker

SIZE = 64 * 1024


def cost_of(path: Path, signatures: int) -> dict[str, float]:
    """Store so many signatures in a process of its own, and open them."""
    command = [sys.executable, "-m", "tests.hostile.stored", str(path), str(signatures), str(SIZE)]
    with bare_ticker() as late:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        cost: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {**cost, "late_s": max(cost["late_s"] - late[0], 0.0)}


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
@pytest.mark.parametrize("signatures", [500, pytest.param(5000, marks=pytest.mark.deep)])
def test_an_answer_of_one_letter_takes_a_store_a_few_mib_and_is_opened_at_once(tmp_path: Path, signatures: int) -> None:
    costs = [cost_of(tmp_path / f"{number}.db", signatures) for number in range(TRIES)]
    assert all(cost["stored_bytes"] < 8 * MIB for cost in costs), costs
    assert min(cost["grown_bytes"] for cost in costs) < 32 * MIB
    assert min(cost["late_s"] for cost in costs) < LATE_S_MAX, costs
