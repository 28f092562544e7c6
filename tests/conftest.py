"""What every test may lean on: where the shared recordings and cases are, and profiles for Hypothesis.

A test that awaits is `async def`: pytest-trio gives it a run of its own, and with `autojump_clock` a clock that jumps
over every wait. `trio.run` stays where a test needs a run of its own making: where each example that Hypothesis draws
needs a clock that begins at 0, an order of tasks or an instrument; where one thing is used in several runs, one after
another; and where Ctrl-C is struck, which trio raises in its main task, and a test under pytest-trio is not that.
tests/test_async_tests.py holds the list of these files.
"""

from __future__ import annotations

import gc
import math
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, settings

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "default")


LIMIT_S = 60.0
"""No async test on real sockets takes this long: one that waits for ever fails."""


def run_within(limit_s: float, main: Callable[[], Any], *, clock: trio.abc.Clock | None = None, **options: Any) -> None:
    """Run a test as pytest-trio does, but with a limit where the clock is the real one."""

    async def bounded() -> None:
        with trio.fail_after(limit_s if clock is None else math.inf):
            await main()

    trio.run(bounded, clock=clock, **options)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        if "trio" in marks and marks & {"sockets", "servers"}:
            item.add_marker(pytest.mark.trio(run=partial(run_within, LIMIT_S)), append=False)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """One more than there are processors: the tests on sockets and of the command wait for a quarter of their time."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    ours = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return ours + 1


def pytest_collection_finish() -> None:
    """What was imported and collected is not looked at in every collection of garbage: it took a tenth of the time."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    gc.unfreeze()


def shared_path() -> Path | None:
    """Where the recordings and conformance cases are, or None: they are not part of the project."""
    default = Path(__file__).resolve().parent.parent.parent / "shared"
    path = Path(os.environ.get("RIVERRUN_SHARED", default))
    return path if path.is_dir() else None


def require_shared() -> Path:
    """The shared folder; skips the test where it is absent, and fails instead under CI."""
    path = shared_path()
    if path is not None:
        return path
    reason = "the shared recordings and cases are absent (set RIVERRUN_SHARED to their folder)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def shared() -> Path:
    """The shared folder, as `require_shared` gives it."""
    return require_shared()
