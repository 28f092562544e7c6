"""`riverrun demo`: it holds for every fault and many seeds, and its verdict can fail."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import subprocess
import sys
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from riverrun import ContinueText, Engine, InterruptSnapshot
from riverrun.engine.cli import main
from riverrun.engine.cli.demo import command as demo
from riverrun.engine.cli.demo import options as demo_options
from riverrun.engine.cli.demo import show as demo_show
from riverrun.engine.cli.demo.live import LiveView
from riverrun.engine.cli.demo.story import PlainOutcome, RiverrunOutcome, WireOutcome
from riverrun.engine.core.seam import Aligner
from riverrun.engine.testing.script.faults import SERVER_WORDS
from riverrun.testing import FaultKind, Manner, Wire, open_loopback
from tests.cli.loopback import without_torn_imports

pytestmark = pytest.mark.sockets


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    demo_options.add_demo_parser(parser.add_subparsers())
    return parser.parse_args(["demo", *words])


def run(*words: str) -> int:
    args = parse(*words)
    return int(args.run(args))


def run_json(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = run("--json", "--speed", "max", *words)
    out, err = capsys.readouterr()
    assert err == ""
    return code, json.loads(out)


def assert_holds(code: int, report: dict[str, Any]) -> None:
    assert (code, report["holds"]) == (0, True)
    for wire in report["wires"]:
        ours = wire["riverrun"]
        assert (ours["shown_is_whole"], ours["result_is_whole"], ours["error"]) == (True, True, None)
        assert ours["chars"] == wire["chars_whole"]


# -- it holds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_it_holds_for_schedules_drawn_from_seeds(capsys: pytest.CaptureFixture[str], seed: int) -> None:
    assert_holds(*run_json(capsys, "--seed", str(seed)))


@pytest.mark.parametrize("word", list(SERVER_WORDS.values()))
def test_it_holds_for_every_kind_of_fault(capsys: pytest.CaptureFixture[str], word: str) -> None:
    code, report = run_json(capsys, "--fault", word)
    assert_holds(code, report)
    played = {fault["kind"] for wire in report["wires"] for fault in wire["faults"]}
    assert word in played


def test_the_show_covers_what_it_promises_and_is_recovered_from(capsys: pytest.CaptureFixture[str]) -> None:
    code, report = run_json(capsys)
    assert_holds(code, report)
    for wire in report["wires"]:
        causes = set(wire["riverrun"]["recovered_from"])
        assert {"connection reset", "idle stall", "premature end", "overloaded"} <= causes
        assert any(fault["cut"]["unit"] == "character" for fault in wire["faults"])
        assert not wire["plain"]["is_whole"]


def test_a_plain_client_takes_a_premature_end_for_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    _, report = run_json(capsys, "--fault", "premature-end")
    assert [wire["plain"]["noticed"] for wire in report["wires"]] == [False, False]


def test_a_plain_client_survives_a_slow_stream(capsys: pytest.CaptureFixture[str]) -> None:
    _, report = run_json(capsys, "--fault", "drip")
    assert [wire["plain"]["is_whole"] for wire in report["wires"]] == [True, True]


def test_a_plain_client_still_waits_in_a_stall(capsys: pytest.CaptureFixture[str]) -> None:
    _, report = run_json(capsys, "--fault", "stall", "--wire", "openai")
    assert "still waiting" in report["wires"][0]["plain"]["ended"]


def test_both_sides_meet_the_same_first_fault(capsys: pytest.CaptureFixture[str]) -> None:
    _, report = run_json(capsys, "--fault", "overloaded", "--wire", "anthropic")
    (wire,) = report["wires"]
    assert wire["story"][0]["chars"] == wire["plain"]["chars"]


# -- it can fail --------------------------------------------------------------------------------------------------


def test_a_provider_that_lies_is_found_out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lying = partial(open_loopback, manner=Manner.SKIP, chars=1)
    monkeypatch.setattr(demo_show, "open_loopback", lying)
    code, report = run_json(capsys, "--fault", "premature-end")
    assert (code, report["holds"]) == (1, False)
    assert not any(wire["riverrun"]["shown_is_whole"] for wire in report["wires"])


def test_a_planner_that_forgets_is_found_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forget(snapshot: InterruptSnapshot, capabilities: object) -> ContinueText:
        return ContinueText(snapshot.text[:-5])

    monkeypatch.setattr(demo_show, "Engine", partial(Engine, planner=forget))
    code, report = run_json(capsys, "--fault", "premature-end")
    assert (code, report["holds"]) == (1, False)


def test_a_seam_that_loses_a_letter_is_found_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    feed = Aligner.feed
    monkeypatch.setattr(Aligner, "feed", lambda self, text: feed(self, text)[1:])
    code, report = run_json(capsys, "--fault", "reset")
    assert (code, report["holds"]) == (1, False)


def test_a_run_that_fails_is_told_with_its_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lying = partial(open_loopback, manner=Manner.SKIP, chars=3)
    monkeypatch.setattr(demo_show, "open_loopback", lying)
    assert run("--plain", "--speed", "max", "--fault", "reset", "--fault", "reset", "--wire", "anthropic") == 1
    out = capsys.readouterr().out
    assert "InvalidRequest" in out
    assert out.endswith("IT DOES NOT HOLD.\n")


@given(st.booleans(), st.booleans(), st.sampled_from([None, "boom"]))
@settings(max_examples=8)
def test_the_verdict_needs_the_stream_and_the_result_and_no_error(shown: bool, result: bool, error: str | None) -> None:
    ours = RiverrunOutcome(5, shown, result, error=error)
    outcome = WireOutcome("anthropic", "m", "a", 5, 0.1, (), PlainOutcome(1, False, True, "x"), ours, ())
    assert outcome.holds is (shown and result and error is None)


# -- how it is shown ----------------------------------------------------------------------------------------------


def test_lines_tell_the_story_and_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--plain", "--speed", "max", "--fault", "stall", "--wire", "openai") == 0
    out = capsys.readouterr().out
    assert all(words in out for words in ("idle stall after", "attempt 2 goes on by quote", "letter for letter"))
    assert out.endswith("it holds.\n")
    assert "\x1b" not in out


def test_what_is_no_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not demo.can_go_live()  # under pytest
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    assert not demo.can_go_live()
    monkeypatch.setenv("TERM", "xterm")
    assert demo.can_go_live()


async def shown_live(width: int, height: int) -> str:
    """What the panels write to a terminal of this size."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, height=height)
    (scene,) = demo.choose_scenes(1, [FaultKind.PREMATURE_END], "anthropic", 20.0)
    assert (await demo_show.play(scene, LiveView(console))).holds
    return out.getvalue()


async def test_panels_mark_each_seam_and_colour_what_was_recovered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    screen = await shown_live(100, 50)
    assert "\x1b[1;7m" in screen
    assert "\x1b[32m" in screen


@pytest.mark.parametrize(("width", "height"), [(40, 10), (12, 3), (300, 100)])
async def test_panels_fit_any_terminal(width: int, height: int) -> None:
    assert "riverrun" in await shown_live(width, height) or width < 40


async def test_no_color_leaves_colours_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in await shown_live(100, 50)


def test_a_terminal_without_utf_8_gets_escapes_not_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert main(["demo", "--plain", "--speed", "max", "--fault", "reset", "--wire", "openai"]) == 0
    sys.stdout.flush()
    assert b"it holds." in raw.getvalue()


# -- arguments ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [("--speed", "-1"), ("--speed", "nan"), ("--speed", "1e-300"), ("--fault", "gremlins"), ("--wire", "fax")]
)
def test_a_wrong_argument_is_a_usage_error_that_says_what_is_expected(
    capsys: pytest.CaptureFixture[str], words: tuple[str, str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(*words)
    assert caught.value.code == 2
    assert words[1] in capsys.readouterr().err


def test_faults_are_spelled_either_way_and_kept_in_order() -> None:
    args = parse("--fault", "refuse_prefill", "--fault", "half-close")
    kinds = [FaultKind(word) for word in args.fault]
    assert kinds == [FaultKind.PREFILL_REFUSED, FaultKind.HALF_CLOSE]
    scenes = demo.choose_scenes(1, kinds, None, 1.0)
    assert [[fault.kind for fault in scene.faults] for scene in scenes] == [kinds, kinds]


@pytest.mark.parametrize("word", ["0", "max", "inf"])
def test_no_delays_are_asked_for_by_0_and_by_max(word: str) -> None:
    assert parse("--speed", word).speed == float("inf")


def test_the_second_wire_begins_with_another_fault() -> None:
    first, second = demo.choose_scenes(demo.SHOW_SEED, (), None, 1.0)
    assert (first.wire, second.wire) == (Wire.ANTHROPIC, Wire.OPENAI)
    assert first.faults[0].kind is not second.faults[0].kind
    assert sorted(map(str, first.faults)) == sorted(map(str, second.faults))


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("--help")
    assert "riverrun demo --fault stall" in capsys.readouterr().out


# -- signals ------------------------------------------------------------------------------------------------------


def start_demo(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-m", "riverrun", "demo", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ})


@pytest.mark.crash
def test_ctrl_c_ends_cleanly_with_130() -> None:
    with start_demo("--plain", "--speed", "0.1") as process:
        assert process.stdout is not None
        process.stdout.readline()  # it plays
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, without_torn_imports(err)) == (130, "riverrun: interrupted\n")


@pytest.mark.crash
def test_a_reader_that_goes_away_is_no_traceback() -> None:
    with start_demo("--plain", "--speed", "max") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (141, "")
