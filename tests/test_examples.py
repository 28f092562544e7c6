"""Every example runs as a user would run it: in a process of its own, without a key, with warnings as errors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from riverrun.engine.testing import RIVERS, WEATHER

pytestmark = pytest.mark.sockets

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
LINES_MAX = 60


def run_example(name: str) -> tuple[str, str]:
    """Run one; its standard output and standard error."""
    keyless = {key: value for key, value in os.environ.items() if not key.startswith(("ANTHROPIC_", "OPENAI_"))}
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")],
        env={**keyless, "PYTHONWARNINGS": "error", "PYTHONUTF8": "1", "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout.decode().replace("\r\n", "\n"), ended.stderr.decode()


def test_stream_shows_the_whole_answer_over_two_breaks() -> None:
    shown, told = run_example("stream")
    assert shown == RIVERS.text
    assert "[connection reset; ContinueText]" in told
    assert "[premature end; ContinueText]" in told
    assert "[attempt 3 by prefill, seam clean]" in told
    assert "[end_turn, 3 attempts]" in told


def test_tools_runs_each_call_once_and_forgets_the_broken_one() -> None:
    shown, _ = run_example("tools")
    assert shown.startswith(WEATHER.text)
    assert shown.removeprefix(WEATHER.text).splitlines() == [
        "[forget read_gauge: connection reset]",
        "[ran read_gauge: 3,20 m]",
        "[ran forecast_wind: 2 Bft]",
        "The ferry runs: 3,20 m, and a light breeze. ⛴️",
    ]


def test_own_model_goes_on_after_its_crash() -> None:
    shown, _ = run_example("own_model")
    assert shown.splitlines() == [
        "a parrot that is interrupted goes on in the middle of the word, and thinks nothing of it",
        "['provider 500 mid-stream', 'None']",
    ]


def test_resume_shows_the_whole_answer_over_a_kill() -> None:
    shown, told = run_example("resume")
    before, _, after = shown.partition("[killed here]\n")
    assert before
    assert before + after == RIVERS.text
    assert told == "[attempts ended by: ['resumed from checkpoint', 'None']]\n"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: str(path.stem))
def test_an_example_is_short_and_has_a_test(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < LINES_MAX
    assert f'run_example("{path.stem}")' in Path(__file__).read_text(encoding="utf-8")
