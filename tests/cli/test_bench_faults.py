"""`riverrun bench faults`: what it refuses, what it prints and writes, and what fails it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from riverrun.engine.bench.faults.catalog import WIRES
from riverrun.engine.bench.profile import PROFILES as KIT_PROFILES
from riverrun.engine.bench.result import Verdict, read_result
from riverrun.engine.bench.running.peers import PEERS
from riverrun.engine.cli.bench.defaults import FAULT_WIRES, PROFILES
from riverrun.engine.cli.bench.defaults import PEERS as NAMED
from riverrun.engine.cli.exit_codes import ExitCode
from riverrun.engine.cli.main import main


def test_what_the_help_names_is_what_the_benchmark_has(capsys: pytest.CaptureFixture[str]) -> None:
    assert tuple(peer.name for peer in PEERS) == NAMED
    assert tuple(WIRES) == FAULT_WIRES
    assert tuple(KIT_PROFILES) == PROFILES
    with pytest.raises(SystemExit):
        main(["bench", "faults", "--help"])
    told = capsys.readouterr().out
    assert "--fail-on" in told
    assert "riverrun bench faults --profile full --html faults.html" in told


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--peers", "nobody"], "no client is named 'nobody'; expected riverrun, httpx"),
        (["--peers", "not-there.py"], "not-there.py, which is no file"),
        (["--faults", "nothing"], "no fault is named 'nothing'; expected s01"),
        (["--wires", "smoke"], "no format is named 'smoke'; expected anthropic"),
        (["--seeds", "0"], "--seeds is 0; expected at least 1"),
        (["--jobs", "0"], "--jobs is 0; expected at least 1"),
        (["--fail-on", "sadness"], "'sadness'; expected one of inexact"),
        (["--fail-on", "openai:hang"], "openai, which is not judged"),
        (["--endpoint", "http://user:key@127.0.0.1"], "without a key in it"),
        (["--endpoint", "gopher://127.0.0.1"], "expected http://HOST:PORT"),
        (["--endpoint", "http://127.0.0.1:1", "--peers", "httpx"], "--peers beside --endpoint"),
        (["--endpoint", "http://127.0.0.1:1", "--key-env", "RIVERRUN_NOT_SET"], "RIVERRUN_NOT_SET, which is empty"),
    ],
)
def test_what_can_not_be_is_refused_before_anything_is_started(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "faults", *words]) == ExitCode.USAGE
    assert says in capsys.readouterr().err


@pytest.mark.sockets
def test_a_run_prints_the_grid_writes_the_files_and_fails_on_what_it_is_told_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told, table, page = (str(tmp_path / name) for name in ("faults.json", "faults.md", "faults.html"))
    llmd = tmp_path / "llmd"
    chosen = ["--peers", "riverrun,httpx", "--faults", "five-byte-chunks,clean-early-end", "--wires", "openai"]
    files = ["--json", told, "--markdown", table, "--html", page, "--llmd", str(llmd)]
    code = main(["bench", "faults", *chosen, *files, "--fail-on", "inexact", "--fail-on", "httpx:lied"])
    out = capsys.readouterr().out
    assert code == ExitCode.NO_ANSWER
    assert "failed by httpx:lied: httpx clean-early-end@0 openai: false success" in out
    assert "riverrun:inexact" not in out
    result = read_result(Path(told).read_text("utf-8"))
    assert [trial.verdict for trial in result.trials if trial.peer == "riverrun"] == [Verdict.EXACT] * 2
    assert "clean-early-end" in Path(table).read_text("utf-8")
    assert "clean-early-end" in Path(page).read_text("utf-8")
    assert [path.name for path in sorted(llmd.iterdir())] == ["01-riverrun.json", "02-httpx.json"]
    assert "sk-riverrun-bench" not in json.dumps(json.loads(Path(told).read_text("utf-8")))
