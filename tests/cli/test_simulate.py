"""`riverrun simulate`: a sweep, one scenario as a story, a failure made small, and what can not be run."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from riverrun.engine.cli import main
from riverrun.engine.testing.script.faults import Fault, FaultKind, Item
from riverrun.engine.testing.simulator.scenario import Scenario

CARELESS = Scenario(planner="careless", answer=(Item("calls"),), faults=(Fault(FaultKind.RESET, 6),), has_store=False)


def simulate(*words: str) -> int:
    return main(["simulate", "--jobs", "1", *words])


@pytest.fixture
def careless(tmp_path: Path) -> str:
    path = tmp_path / "careless.json"
    path.write_text(CARELESS.to_json(), "utf-8")
    return str(path)


def test_a_sweep_says_that_every_law_held(capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate("--runs", "150") == 0
    printed = capsys.readouterr()
    assert printed.out.endswith("every law held\n")
    assert "150 runs (seeds 0 to 149)" in printed.out
    assert printed.err == ""


def test_a_sweep_as_json_counts_every_rare_state(capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate("--runs", "60", "--seed", "9", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["runs"], report["seed"], report["failed"]) == (60, 9, 0)
    assert report["reached"]["read by receive_many"] > 0


def test_the_bytes_are_simulated_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate("--runs", "40", "--level", "bytes") == 0
    assert "every law held" in capsys.readouterr().out


def test_a_failure_is_written_told_and_can_be_played_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate("--runs", "300", "--planner", "careless", "--save", str(tmp_path)) == 1
    printed = capsys.readouterr().out
    files = sorted(tmp_path.glob("riverrun-seed-*.json"))
    assert files
    assert all(f"riverrun simulate --scenario {path}" in printed for path in files)
    assert main(["simulate", "--scenario", str(files[0])]) == 1
    assert "BROKEN" in capsys.readouterr().out


SLOW_THEN_SILENT = """
import time
from riverrun import InterruptSnapshot, WholeRestart
seen = []

def plan(snapshot, capabilities):
    if not seen:  # the first chunk of a process ends late
        seen.append(1)
        time.sleep(0.5)
    return 42
"""


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_sweep_that_stops_early_counts_the_lowest_seeds_and_says_so(
    jobs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plans_slow.py").write_text(SLOW_THEN_SILENT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    words = ("simulate", "--runs", "1600", "--jobs", jobs, "--planner", "plans_slow:plan")
    assert main([*words, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["runs"], report["asked"]) == (500, 1600)
    assert all(one["seed"] < 500 for one in report["failures"])
    assert main(list(words)) == 1
    said = capsys.readouterr().out
    assert "500 runs (seeds 0 to 499)" in said
    assert f"stopped after {report['failed']} failures, 500 of 1600 seeds" in said


IMPURE = """
from riverrun import plan_recovery
times = []

def once(snapshot, capabilities):  # lies when it is asked for the first time, and never again
    times.append(1)
    return 42 if len(times) == 1 else plan_recovery(snapshot, capabilities)

def in_turn(snapshot, capabilities):
    times.append(1)
    return 42 if len(times) % 2 else plan_recovery(snapshot, capabilities)
"""


@pytest.fixture
def impure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "plans_impure.py").write_text(IMPURE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "plans_impure"
    sys.modules.pop("plans_impure", None)


def test_a_failure_that_does_not_repeat_is_told_in_its_own_words(
    impure: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate("--runs", "20", "--planner", f"{impure}:once") == 1
    said = capsys.readouterr().out
    assert "the plan is a int; expected a RecoveryPlan" in said
    assert "Not seen when it was run again alone: is the planner pure? It is in riverrun-seed-" in said
    assert "BROKEN" not in said


def test_a_failure_that_repeats_is_told_with_its_message_and_its_own_seed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--runs", "40", "--seed", "500", "--planner", "careless", "--save", str(tmp_path))
    assert simulate(*words, "--json") == 1
    told = json.loads(capsys.readouterr().out)["scenarios"][0]
    assert told["repeats"]
    assert told["story"].startswith(f"seed {told['seed']}, with the dice of seed 0: a provider")
    assert simulate(*words) == 1
    said = capsys.readouterr().out
    assert (
        f"seed {told['seed']} breaks a law: {told['law']}: {told['message']}\nMade small, it is in {tmp_path}" in said
    )
    assert main(["simulate", "--scenario", told["file"]]) == 1
    assert capsys.readouterr().out.startswith(f"found by seed {told['seed']}: {told['law']}\n")


def test_a_scenario_is_played_twice_and_has_to_be_the_same_run(
    impure: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "impure.json"
    path.write_text(Scenario(planner=f"{impure}:in_turn", faults=(Fault(FaultKind.RESET, 6),)).to_json(), "utf-8")
    assert main(["simulate", "--scenario", str(path), "--planner", f"{impure}:in_turn"]) == 1
    assert "BROKEN  determinism: the same scenario, run again alone, was another run" in capsys.readouterr().out


def test_a_scenario_is_told_as_a_story(careless: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate("--scenario", careless) == 1
    story = capsys.readouterr().out
    assert "asked     request 1, from the start" in story
    assert story.endswith("a law was broken\n")


def test_a_scenario_as_json_holds_its_log(careless: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate("--scenario", careless, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["log"][0][1] == "opened"
    assert told["broken"][0]["law"] == "whole calls"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--runs", "0"], "--runs is 0; expected at least 1"),
        (["--seed", "-1"], "--seed is -1; expected at least 0"),
        (["--planner", "nobody"], "planner 'nobody' can not be found"),
        (["--save", "/nowhere/at/all"], "is no folder that can be written"),
        (["--scenario", "/nowhere/at/all.json"], "can not be read"),
        (["--scenario", __file__], "is no scenario"),
        (["--scenario", "x", "--runs", "9", "--level", "bytes"], "--runs, --level beside --scenario; expected"),
        (["--scenario", "x", "--seed", "0"], "--seed beside --scenario; expected --scenario FILE without"),
        (["--scenario", "x", "--save", "."], "--save beside --scenario"),
    ],
)
def test_what_can_not_be_run_is_said_with_the_remedy(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate(*words) == 2
    printed = capsys.readouterr().err
    assert says in printed
    assert "what to do" in printed


def test_the_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["simulate", "--help"])
    assert "riverrun simulate --scenario" in capsys.readouterr().out


def test_a_planner_in_the_current_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plans_here.py").write_text("def plan(snapshot, capabilities): return 42\nnumber = 7\n")
    (tmp_path / "plans_torn.py").write_text("plan = (\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [path for path in sys.path if path])
    assert simulate("--runs", "10", "--jobs", "1", "--planner", "plans_here:plan") == 1
    assert "the plan is a int; expected a RecoveryPlan" in capsys.readouterr().out
    assert simulate("--runs", "10", "--planner", "plans_here:number") == 2
    assert simulate("--runs", "10", "--planner", "plans_torn:plan") == 2
    said = capsys.readouterr().err
    assert "is of type int; expected a function" in said
    assert "can not be imported: SyntaxError" in said


def test_a_planner_that_is_said_replaces_the_one_of_the_scenario(
    careless: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate("--scenario", careless, "--planner", "default") == 0
    assert capsys.readouterr().out.endswith("every law held\n")
    assert simulate("--scenario", careless, "--planner", "nobody:plan") == 2
    assert "there is no module nobody" in capsys.readouterr().err


def test_the_command_that_plays_it_again_names_the_planner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plans_again.py").write_text("def plan(snapshot, capabilities): return 42\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [path for path in sys.path if path])
    assert simulate("--runs", "10", "--planner", "plans_again:plan") == 1
    said = capsys.readouterr().out
    name, *words = shlex.split(said.partition("play it again:  ")[2].partition("\n")[0])
    assert (name, words[-2:], main(words)) == ("riverrun", ["--planner", "plans_again:plan"], 1)
    assert "the plan is a int; expected a RecoveryPlan" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="a process group is sent a signal")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupt_ends_it_and_its_processes(jobs: str) -> None:
    command = [sys.executable, "-m", "riverrun", "simulate", "--runs", "1000000", "--jobs", jobs, "--json"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as started:
        time.sleep(3.0)
        os.killpg(started.pid, signal.SIGINT)  # as a terminal does: to all of its processes
        try:
            _, said = started.communicate(timeout=60)
        finally:
            started.kill()
    assert (started.returncode, said.decode()) == (130, "riverrun: interrupted\n")
