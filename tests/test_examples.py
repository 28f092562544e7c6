"""Every example runs as a user would run it: in a process of its own, without a key, with warnings as errors."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import riverrun as rr
from riverrun.testing import RIVERS, WEATHER, Answer, check_provider

pytestmark = pytest.mark.sockets

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
LINES_MAX = {"own_provider": 190, "own_store": 165}
"""A whole wire format with its server, and else a page."""
PAGE_LINES_MAX = 60


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


def load_example(name: str) -> Any:
    """Load one as a module, without running it."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


def test_own_provider_goes_on_over_a_reset() -> None:
    shown, _ = run_example("own_provider")
    text, attempts = shown.splitlines()
    assert text.replace("[connection reset; ContinueText]", "") == load_example("own_provider").TEXT
    assert attempts == "['None', 'native']"


@pytest.mark.parametrize("end", ['{"end": "dry", "spent": 17}', '{"trouble": "ice"}', "ice", '["ice"]', ""])
def test_own_provider_reads_an_answer_the_same_however_it_is_cut(end: str) -> None:
    brook = load_example("own_provider").Brook("brook-1", base_url="http://127.0.0.1:9")
    stream = f'{{"say": "Wör"}}\n\n{{"say": "\\ud83c"}}\n{{"say": "\\udf0a!"}}\n{{}}\n{end}'.encode()
    whole, pieces = brook.decoder(rr.Limits()), brook.decoder(rr.Limits())
    events = [*whole.feed(stream), *whole.close()]
    assert [event for byte in stream for event in pieces.feed(bytes([byte]))] + list(pieces.close()) == events
    assert (pieces.is_complete, pieces.defect) == (whole.is_complete, whole.defect)
    assert whole.is_complete == ("dry" in end)
    assert "".join(event.text for event in events if isinstance(event, rr.TextDelta)) == "Wör🌊!"


def test_own_provider_keeps_the_laws_of_a_provider() -> None:
    def write(answer: Answer) -> bytes:
        lines = [*({"say": letter} for letter in answer.text), {"end": "dry", "spent": 17}]
        return "".join(f"{json.dumps(line)}\n" for line in lines).encode()

    key = "brook-made-up-key"
    brook = load_example("own_provider").Brook("brook-1", base_url="http://127.0.0.1:9", api_key=key)
    assert "one stream" in check_provider(brook, write=write, key=key, runs=20).laws


def test_resume_shows_the_whole_answer_over_a_kill() -> None:
    shown, told = run_example("resume")
    before, _, after = shown.partition("[killed here]\n")
    assert before
    assert before + after == RIVERS.text
    assert told == "[attempts ended by: ['resumed from checkpoint', 'None']]\n"


def test_replay_recording_makes_a_stall_a_unit_test() -> None:
    shown, told = run_example("replay_recording")
    assert shown.splitlines() == ["attempt 1: idle stall, seam: -", "attempt 2: whole, seam: clean"]
    assert told == ""


def test_own_store_keeps_the_laws_of_a_store() -> None:
    shown, _ = run_example("own_store")
    assert shown.startswith("FolderStore: 6 laws held over 5 runs and ")


def test_custom_plan_proves_the_safe_planner_and_tells_how_the_unsafe_one_loses_text() -> None:
    shown, _ = run_example("custom_plan")
    assert shown.startswith("restart_if_short: 10 laws held over 120 runs")
    assert "continue_at_a_word breaks the law of 'one stream':\n" in shown
    assert shown.splitlines()[-1].startswith("BROKEN  one stream: ContinueText goes on after ")


def test_a_user_s_suite_under_pytest_trio_passes_with_the_fixtures_of_the_kit() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLES / "suite")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, "25 passed" in ended.stdout) == (0, True), ended.stdout + ended.stderr


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: str(path.stem))
def test_an_example_is_short_and_has_a_test(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < LINES_MAX.get(path.stem, PAGE_LINES_MAX)
    assert f'run_example("{path.stem}")' in Path(__file__).read_text(encoding="utf-8")
