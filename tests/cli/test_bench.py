"""`riverrun bench stalls`: tables, files, comparisons, and what is told of a policy that is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from riverrun.engine.cli.bench import defaults
from riverrun.engine.cli.bench.policy_file import policy_named
from riverrun.engine.cli.bench.stalls import USUAL
from riverrun.engine.core.policy import Policy, StallPolicy, Throughput
from riverrun.engine.core.usage_error import UsageError
from riverrun.engine.testing.stalls.gaps import TRACES
from riverrun.engine.testing.stalls.mishaps import Mishaps
from riverrun.engine.testing.stalls.speaker import CONTINUES
from tests.cli.loopback import riverrun

QUICK = ["bench", "stalls", "--answers", "10", "--words", "40", "--trace", "log-normal", "--jobs", "1"]


def test_the_names_that_options_repeat_are_those_of_the_kit() -> None:
    assert tuple(TRACES) == defaults.TRACES
    assert tuple(CONTINUES) == defaults.CONTINUES
    assert set(defaults.ODDS) == {field for field in Mishaps.__annotations__ if not field.startswith("_")}


def test_the_default_policy_stands_beside_usual_clients(tmp_path: Path) -> None:
    ended = riverrun(*QUICK, "--json", str(tmp_path / "a.json"))
    assert ended.code == 0, ended.err
    head, columns, *rows = ended.out.splitlines()
    assert head == "log-normal: 10 answers a column, continued by quote, seed 0"
    assert columns.split("  ")[-1].strip() == "default"
    assert any(row.startswith("healthy given up /1000") for row in rows)
    assert max(len(row) for row in ended.out.splitlines()) <= 80
    told = json.loads((tmp_path / "a.json").read_text())
    assert [each["client"] for each in told["stalls"]] == list(USUAL)
    again = riverrun(*QUICK, "--json", str(tmp_path / "b.json"))
    assert (again.code, again.out) == (0, ended.out)
    assert (tmp_path / "b.json").read_bytes() == (tmp_path / "a.json").read_bytes()


def test_a_report_with_pictures_and_reports_of_llm_d_are_written(tmp_path: Path) -> None:
    html, llmd = tmp_path / "a.html", tmp_path / "llmd"
    ended = riverrun(*QUICK, "--dies", "0.5", "--html", str(html), "--llmd", str(llmd))
    assert ended.code == 0, ended.err
    assert html.read_text(encoding="utf-8").count("<figure>") == 3
    assert len(list(llmd.iterdir())) == len(USUAL)


def test_a_report_that_can_not_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for option in ("--html", "--llmd"):
        ended = riverrun(*QUICK, option, str(tmp_path / "file" / "there"))
        assert (ended.code, "there: " in ended.err) == (5, True)


def test_a_ratchet_fails_on_a_policy_that_became_worse(tmp_path: Path) -> None:
    policy, held = tmp_path / "mine.toml", tmp_path / "held.json"
    quick = [*QUICK, "--only", str(policy), "--dies", "0.5", "--goes-silent", "0"]
    policy.write_text("[stall]\nidle_s = 5\n")
    assert riverrun(*quick, "--json", str(held)).code == 0
    same = riverrun(*quick, "--ratchet", str(held))
    assert (same.code, same.out.splitlines()[-1]) == (0, "nothing got worse beyond the spread")
    policy.write_text("[stall]\nidle_s = 50\n")
    worse = riverrun(*quick, "--ratchet", str(held), "--json", str(tmp_path / "now.json"))
    assert worse.code == 1
    assert "worse: mine.toml on log-normal, quote: detection p50 was 5" in worse.out
    compared = riverrun("bench", "stalls", "--compare", str(held), str(tmp_path / "now.json"))
    assert (compared.code, "detection p50 was 5" in compared.out) == (1, True)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("p.toml", "[stall]\nidle = 5\n", r"says idle in \[stall\]; expected one of: connect_s"),
        ("p.toml", "[stal]\n", "says stal; expected one of: retry, stall"),
        ("p.toml", "[stall]\nidle_s = 'x'\n", "is no policy"),
        ("p.toml", "idle_s 5", "is no policy: .*; expected TOML, or JSON"),
        ("p.json", "[1]", "it holds no table"),
        ("p.json", '{"stall":{"throughput":{"bytes":1}}}', r"says bytes in \[throughput\]"),
    ],
)
def test_a_file_that_is_no_policy_says_why(name: str, text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=says):
        policy_named(str(tmp_path / name))


def test_a_policy_is_a_file_in_toml_or_json_or_an_attribute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Policy(stall=StallPolicy(idle_s=7, throughput=Throughput(bytes_min=5, window_s=2.0)))
    (tmp_path / "a.toml").write_text("[stall]\nidle_s = 7\nthroughput = {bytes_min = 5, window_s = 2.0}\n")
    (tmp_path / "a.json").write_text('{"stall":{"idle_s":7,"throughput":{"bytes_min":5,"window_s":2.0}}}')
    (tmp_path / "plans_of_mine.py").write_text("import riverrun\neager = riverrun.Policy()\nother = 5\n")
    monkeypatch.chdir(tmp_path)
    assert policy_named("a.toml") == policy_named("a.json") == mine
    assert policy_named("plans_of_mine:eager") == Policy()
    with pytest.raises(UsageError, match=r"other is of type int; expected a riverrun\.Policy"):
        policy_named("plans_of_mine:other")
    with pytest.raises(UsageError, match="can not be found: ModuleNotFoundError"):
        policy_named("no_such_module_here:x")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nope.toml"], "nope.toml can not be read"),
        (["--recordings", "nope"], "nope is no folder"),
        (["--answers", "0"], "answers is 0"),
        (["--dies", "2"], "dies is 2"),
        (["--jobs", "0"], "--jobs is 0"),
        (["--compare", "a", "b"], "a can not be read"),
        (["--ratchet", "nope.json"], "nope.json can not be read"),
    ],
)
def test_what_can_not_be_measured_is_exit_2(arguments: list[str], says: str) -> None:
    ended = riverrun("bench", "stalls", "--jobs", "1", "--trace", "log-normal", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err


def test_help_says_what_there_is() -> None:
    assert "riverrun bench stalls" in riverrun("bench", "--help").out
    told = riverrun("bench", "stalls", "--help").out
    assert "--ratchet" in told
    assert "exit codes:" in told
