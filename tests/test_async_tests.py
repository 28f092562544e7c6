"""Tests that await are async, under pytest-trio: where a run of a test's own making is left, it has its reason."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import trio

from tests.conftest import LIMIT_S, run_within

TESTS = Path(__file__).parent

PROGRAM = "is a program of its own"
EXAMPLES = "each example that is drawn begins a clock at 0"
SEVERAL = "one thing is used in several runs, one after another"
READER = "sets up, or reads back, what a process of its own leaves"

OWN_RUNS = {
    "bench/chaos_clients.py": "its tests are of one proxy each, and wait on sockets alone",
    "cli/test_files_of_others.py": READER,
    "crash/child.py": PROGRAM,
    "crash/interrupted.py": PROGRAM,
    "crash/test_interrupts.py": READER,
    "engine/own_source.py": EXAMPLES,
    "engine/test_reattach_bytes.py": EXAMPLES,
    "engine/test_turnstile.py": SEVERAL,
    "hostile/stored.py": PROGRAM,
    "hostile/victim.py": PROGRAM,
    "law_runs.py": EXAMPLES,
    "laws/test_cancellation.py": "a run for each step at which it is cancelled",
    "servers/test_llama.py": "a fixture of the session's can not await",
    "sockets/test_flow.py": SEVERAL,
    "stores/test_sqlite.py": SEVERAL,
    "stores/test_sqlite_hostile.py": "the file is written before the test that breaks and reads it",
    "stores/test_stores.py": EXAMPLES,
    "test_costs.py": "counts what a whole run costs",
    "test_docs.py": "the page's own code makes the run",
    "test_readme.py": "the page's own code makes the run",
    "testing/test_clock.py": "the order of tasks is the subject",
}


def runs_trio(path: Path) -> bool:
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    return any(ast.unparse(call.func) == "trio.run" for call in calls)


def test_a_file_of_tests_that_makes_its_own_run_is_listed_with_its_reason() -> None:
    files = {path.relative_to(TESTS).as_posix() for path in TESTS.rglob("*.py") if runs_trio(path)}
    assert files - {"conftest.py"} == set(OWN_RUNS)


def test_a_test_on_sockets_that_waits_for_ever_fails() -> None:
    with pytest.raises(trio.TooSlowError):
        run_within(0.01, trio.sleep_forever)


@pytest.mark.sockets
async def test_a_test_on_sockets_is_run_with_the_limit() -> None:
    assert trio.current_effective_deadline() <= trio.current_time() + LIMIT_S
