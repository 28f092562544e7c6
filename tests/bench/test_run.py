"""Runs of the fault benchmark on real sockets: planted clients are told by name, and ours gives the same twice."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from attrs import evolve

from riverrun.engine.bench.faults.catalog import FAULTS
from riverrun.engine.bench.profile import PROFILES
from riverrun.engine.bench.result import BenchResult, Finding, Side, Trial, Verdict
from riverrun.engine.bench.running.environments import folder_of, needs_making, prepare
from riverrun.engine.bench.running.peers import CLIENTS, OURS, PEERS, Peer, peers_named
from riverrun.engine.bench.running.run import Asked, Watcher, run_faults
from riverrun.engine.testing.wire.formats import Wire

pytestmark = pytest.mark.sockets

QUICK = evolve(PROFILES["quick"], trial_s=12.0)
LIES = 'def complete(ask, say):\n    say("text", "Request")\n    return {"stop": "stop"}\n'
HANGS_AFTER_ONE = """
import time

asked = []

def complete(ask, say):
    asked.append(ask)
    time.sleep(1000 if len(asked) > 1 else 0)
    return {"stop": "stop"}
"""


def asked_for(*names: str, faults: str, wires: tuple[Wire, ...] = (Wire.OPENAI,), seed: int = 3) -> Asked:
    chosen = tuple(fault for fault in FAULTS if fault.name in faults.split())
    assert len(chosen) == len(faults.split())
    return Asked(QUICK, peers_named(names), chosen, wires, (seed,), 4, Path("nowhere"))


def planted(folder: Path, name: str, source: str) -> str:
    path = folder / f"{name}.py"
    path.write_text(source, encoding="utf-8")
    return str(path)


def given_text(trial: Trial) -> str:
    return "".join(moment.words for moment in trial.moments if moment.side is Side.CALLER and moment.kind == "text")


async def test_ours_is_exact_and_gives_the_same_twice_where_a_plain_client_is_not() -> None:
    asked = asked_for(OURS, "httpx", faults="reset cut-in-character cut-between-calls", wires=(Wire.ANTHROPIC,))
    first, second = [await run_faults(asked, Watcher()) for _ in range(2)]
    assert [(t.verdict, given_text(t)) for t in ours(first)] == [(t.verdict, given_text(t)) for t in ours(second)]
    assert {trial.verdict for trial in ours(first)} == {Verdict.EXACT}
    assert Verdict.EXACT not in {trial.verdict for trial in first.trials if trial.peer == "httpx"}


def ours(result: BenchResult) -> list[Trial]:
    return [trial for trial in result.trials if trial.peer == OURS]


async def test_planted_clients_that_lie_and_hang_are_told_by_name(tmp_path: Path) -> None:
    liar, hanger = planted(tmp_path, "liar", LIES), planted(tmp_path, "hanger", HANGS_AFTER_ONE)
    asked = evolve(asked_for(liar, hanger, faults="reset"), profile=evolve(QUICK, trial_s=1.0))
    lied, hung = (await run_faults(asked, Watcher())).trials
    assert (lied.verdict, lied.findings[:2]) == (Verdict.FALSE_SUCCESS, (Finding.LIED, Finding.LOST))
    assert (hung.verdict, hung.findings) == (Verdict.HANG, (Finding.HUNG,))


async def test_both_logs_are_one_timeline(tmp_path: Path) -> None:
    (trial,) = (await run_faults(asked_for("httpx", faults="stall"), Watcher())).trials
    kinds = [(moment.side, moment.kind) for moment in trial.moments]
    assert (
        kinds.index((Side.SERVER, "request"))
        < kinds.index((Side.SERVER, "fault"))
        < kinds.index((Side.CALLER, "error"))
    )
    assert trial.detection_s == pytest.approx(QUICK.patience_s, abs=1.0)


async def test_a_client_that_can_not_be_run_is_reported_and_the_others_are_judged(tmp_path: Path) -> None:
    broken = planted(tmp_path, "broken", "import not_there\n")
    result = await run_faults(asked_for(broken, "httpx", faults="five-byte-chunks"), Watcher())
    assert [peer.missing.partition(":")[0] for peer in result.peers] == ["can not be run", ""]
    assert [trial.verdict for trial in result.trials] == [Verdict.EXACT]


async def test_an_endpoint_is_judged_by_the_requests_that_reach_the_server_behind_it() -> None:
    port = 19_000 + hash(sys.executable) % 500
    asked = evolve(asked_for("httpx", faults="reset five-byte-chunks"), port=port, endpoint=f"http://127.0.0.1:{port}")
    result = await run_faults(asked, Watcher())
    assert [(trial.fault, trial.verdict, trial.requests) for trial in result.trials] == [
        ("reset", Verdict.PARTIAL, 1),
        ("five-byte-chunks", Verdict.EXACT, 1),
    ]


# -- environments -----------------------------------------------------------------------------------------------------


async def test_an_environment_that_can_not_be_made_is_told_and_not_raised(tmp_path: Path) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text("--no-index\nno-such-client==1\n", encoding="utf-8")
    peer = Peer("planted", "", (Wire.OPENAI,), "adapter.py", pins)
    prepared = await prepare(peer, tmp_path)
    assert "no-such-client" in prepared.missing
    assert needs_making([peer], tmp_path) == [peer]


def test_other_pins_are_another_environment(tmp_path: Path) -> None:
    pins = tmp_path / "pins.txt"
    peer = Peer("planted", "", (Wire.OPENAI,), "adapter.py", pins)
    pins.write_text("openai==1\n", encoding="utf-8")
    first = folder_of(peer, tmp_path)
    pins.write_text("openai==2\n", encoding="utf-8")
    assert folder_of(peer, tmp_path) != first


@pytest.mark.parametrize("peer", [peer for peer in PEERS if peer.pins is not None], ids=lambda peer: peer.name)
def test_every_environment_is_pinned_to_the_last_package(peer: Peer) -> None:
    assert peer.pins is not None
    lines = peer.pins.read_text("utf-8").splitlines()
    assert all(line.count("==") == 1 for line in lines)
    assert Path(peer.adapter).parent == CLIENTS
