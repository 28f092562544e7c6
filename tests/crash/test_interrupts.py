"""Ctrl-C, really: whatever it meets, each run in the store can be read, and what it holds is a part of the answer."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

import riverrun as rr
from riverrun.engine.core.journal import restore
from riverrun.engine.core.policy import Limits
from tests.crash.interrupted import WORDS

pytestmark = pytest.mark.crash

ROOT = Path(__file__).parents[2]
RUNS = int(os.environ.get("RIVERRUN_INTERRUPTS", "60"))
"""How many runs the deep test interrupts of each kind: 500 take four and a half minutes."""
PAUSE_S = 0.2
"""As long as the answer takes at the least."""
ANSWER = "".join(f"{word} " for word in range(WORDS))


def interrupted(path: Path, kind: str, runs: int) -> int:
    """Run so often, each run met by a signal; how many ended by it."""
    command = [sys.executable, "-m", "tests.crash.interrupted", str(path), kind, str(runs), str(PAUSE_S)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.count("interrupted")


def texts_in(path: Path) -> Iterator[str]:
    """The text of each run stored; raises where one can not be read."""

    async def read() -> list[tuple[bytes, ...]]:
        async with rr.SQLiteStore(path) as store:
            return [(await store.open_journal(run_id)).entries for run_id in await store.list_runs()]

    for entries in trio.run(read):
        restored = restore(entries, Limits())
        yield "" if restored is None else restored.accumulator.text


@pytest.mark.parametrize("kind", ["cold", "warm"])
@pytest.mark.parametrize("runs", [12, pytest.param(RUNS, marks=pytest.mark.deep)])
def test_whatever_an_interrupt_meets_what_is_stored_is_read_and_is_a_part_of_the_answer(
    tmp_path: Path, kind: str, runs: int
) -> None:
    path = tmp_path / "runs.db"
    assert interrupted(path, kind, runs) >= runs // 4
    texts = list(texts_in(path))
    assert all(ANSWER.startswith(text) for text in texts)
    assert any(texts)
