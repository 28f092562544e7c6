"""The fault server as a client of bare sockets sees it: each fault does what its title says, and the log tells it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from riverrun.engine.bench.faults.answers import CLOSING, Shape, answer_of
from riverrun.engine.bench.faults.catalog import FAULTS, drawn_by
from riverrun.engine.bench.faults.fault import BenchFault
from riverrun.testing import Wire, retelling
from tests.bench.claims import CLAIMS, SEED, Look
from tests.bench.process import fault_server
from tests.bench.raw_client import QUESTION, SILENT_S, End, Seen, asking, seen_from, text_in

pytestmark = pytest.mark.sockets


BUSY_S, TRIES = 3.0, 3
"""On a busy machine words are late: where silence is not the point it may last so long, else it is looked at again."""


def sampled(fault: BenchFault) -> Wire:
    """The format in which the quick suite plays a fault."""
    return fault.wires[crc32(fault.name.encode()) % len(fault.wires)]


CELLS = [
    pytest.param(fault, wire, id=f"{fault.name}-{wire}", marks=[] if wire is sampled(fault) else [pytest.mark.deep])
    for fault in FAULTS
    for wire in fault.wires
]


def strikes_once(cell: Any) -> bool:
    fault: BenchFault = cell.values[0]
    return not fault.repeats and len(fault.plays) == 1


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with fault_server() as number:
        yield number


async def ask(
    port: int,
    trial: str,
    model: str,
    wire: Wire,
    turns: list[tuple[str, str]] | None = None,
    *,
    silent_s: float = SILENT_S,
) -> Seen:
    path, body = asking(wire, model, turns=turns)
    return await seen_from(port, f"/t/{trial}{path}", body, silent_s=silent_s)


def about(port: int, method: str, path: str) -> bytes:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path)
        return connection.getresponse().read()
    finally:
        connection.close()


def log_of(port: int, trial: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(about(port, "GET", f"/t/{trial}/log"))
    return told


def test_every_fault_has_a_claim() -> None:
    assert CLAIMS.keys() == {fault.name for fault in FAULTS}


@pytest.mark.parametrize(("fault", "wire"), CELLS)
async def test_a_first_request_sees_what_the_title_says(port: int, fault: BenchFault, wire: Wire) -> None:
    claim, seen = CLAIMS[fault.name], Seen()
    for attempt in range(TRIES if claim.end is End.SILENT else 1):
        trial, patience_s = f"claims-{fault.name}-{wire}-{attempt}", SILENT_S if claim.end is End.SILENT else BUSY_S
        seen = await ask(port, trial, f"{fault.name}@{SEED}", wire, silent_s=patience_s)
        if claim.is_true_of(Look(fault, wire, seen)):
            return
    pytest.fail(f"{fault.title} {seen}")


@pytest.mark.parametrize(("fault", "wire"), [cell for cell in CELLS if strikes_once(cell)])
async def test_later_requests_go_well_unless_the_fault_repeats_or_lies_at_the_seam(
    port: int, fault: BenchFault, wire: Wire
) -> None:
    trial, model = f"later-{fault.name}-{wire}", f"{fault.name}@{SEED}"
    await ask(port, trial, model, wire)
    look = Look(fault, wire, await ask(port, trial, model, wire, silent_s=BUSY_S))
    assert (look.seen.end, look.seen.status, look.text) == (End.WHOLE, 200, look.whole)


# -- going on --------------------------------------------------------------------------------------------------------


def quoting(said: str) -> list[tuple[str, str]]:
    return [("user", QUESTION), ("assistant", said), ("user", f"Go on after <tail>{said[-200:]}</tail>.")]


async def after_a_cut(port: int, name: str, *, by_prefix: bool = False) -> tuple[str, Seen]:
    """Ask twice: what was said before the cut, and what comes to a request that goes on from there."""
    wire = Wire.ANTHROPIC
    trial = f"seam-{name}-{by_prefix}"
    patience_s = SILENT_S if name == "s09-stream-stall" else BUSY_S
    said = text_in(wire, (await ask(port, trial, f"{name}@5", wire, silent_s=patience_s)).body).rstrip()
    turns = [("user", QUESTION), ("assistant", said)] if by_prefix else quoting(said)
    silent_s = SILENT_S if SECOND.get(name, (End.WHOLE, 0))[0] is End.SILENT else BUSY_S
    return said, await ask(port, trial, f"{name}@5", wire, turns, silent_s=silent_s)


WHOLE = answer_of(5).text


@pytest.mark.parametrize("by_prefix", [False, True], ids=["quote", "prefix"])
async def test_it_goes_on_exactly_after_what_it_is_given(port: int, by_prefix: bool) -> None:
    said, seen = await after_a_cut(port, "reset", by_prefix=by_prefix)
    assert said + text_in(Wire.ANTHROPIC, seen.body) == WHOLE


async def test_an_echo_an_overlap_and_another_beginning_answer_a_quote(port: int) -> None:
    said, seen = await after_a_cut(port, "echo")
    assert text_in(Wire.ANTHROPIC, seen.body) == WHOLE
    said, seen = await after_a_cut(port, "overlap")
    assert text_in(Wire.ANTHROPIC, seen.body) == WHOLE[len(said) - 40 :]
    _, seen = await after_a_cut(port, "restart")
    assert text_in(Wire.ANTHROPIC, seen.body) == log_of(port, "seam-restart-False")["text"] == retelling(WHOLE)


@pytest.mark.parametrize("name", ["echo", "overlap", "restart"])
async def test_after_a_prefix_nobody_is_deceived(port: int, name: str) -> None:
    said, seen = await after_a_cut(port, name, by_prefix=True)
    assert said + text_in(Wire.ANTHROPIC, seen.body) == WHOLE


@pytest.mark.parametrize("name", ["s14-prefill-refused", "prefill-refused"])
async def test_a_model_without_prefill_refuses_a_prefix_and_takes_a_quote(port: int, name: str) -> None:
    _, seen = await after_a_cut(port, name, by_prefix=True)
    assert (seen.status, b"does not support assistant message prefill" in seen.body) == (400, True)
    said, seen = await after_a_cut(port, name)
    assert said + text_in(Wire.ANTHROPIC, seen.body) == WHOLE


SECOND = {
    "second-cut-at-seam": (End.RESET, 200),
    "second-cut-in-character": (End.CUT, 200),
    "cut-twice": (End.RESET, 200),
    "503-at-seam": (End.WHOLE, 503),
    "stall-at-seam": (End.SILENT, 200),
    "s08-stream-cut": (End.WHOLE, 200),
    "s09-stream-stall": (End.SILENT, 200),
}


@pytest.mark.parametrize("name", SECOND)
async def test_the_second_cut_lies_in_the_continuation(port: int, name: str) -> None:
    _, seen = await after_a_cut(port, name)
    assert (seen.end, seen.status) == SECOND[name]


async def test_words_that_were_never_said_are_refused(port: int) -> None:
    seen = await ask(port, "never", "reset@5", Wire.ANTHROPIC, quoting("Something else entirely"))
    assert (seen.status, b"never said" in seen.body) == (400, True)


async def test_calls_are_asked_for_until_all_have_results_and_then_it_closes(port: int) -> None:
    call = {"id": "a", "type": "function", "function": {"name": "read_gauge", "arguments": "{}"}}
    turns: list[dict[str, Any]] = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "done"},
    ]
    body = {"model": "cut-between-calls@5", "stream": False, "messages": turns}
    seen = await seen_from(port, "/t/tools/v1/chat/completions", json.dumps(body).encode())
    called = json.loads(seen.body)["choices"][0]["message"]["tool_calls"]
    assert [one["function"]["name"] for one in called] == ["forecast_wind"]
    turns[1]["tool_calls"].append({**call, "id": "b", "function": {"name": "forecast_wind", "arguments": "{}"}})
    seen = await seen_from(port, "/t/tools/v1/chat/completions", json.dumps(body).encode())
    assert json.loads(seen.body)["choices"][0]["message"]["content"] == CLOSING


@pytest.mark.parametrize("wire", drawn_by("well").fault.wires)
async def test_an_answer_that_is_not_streamed_is_whole(port: int, wire: Wire) -> None:
    path, body = asking(wire, "reset@5", streams=False)
    seen = await seen_from(port, f"/t/whole-{wire}{path}", body)
    assert (seen.end, seen.status) == (End.WHOLE, 200)
    assert json.dumps(WHOLE, ensure_ascii=False) in seen.body.decode()


# -- the log ---------------------------------------------------------------------------------------------------------


async def test_the_log_tells_the_truth_what_was_asked_what_was_played_and_who_left(port: int) -> None:
    await ask(port, "log", "stall@5", Wire.OPENAI)
    told = log_of(port, "log")
    (request,) = told["requests"]
    assert (told["text"], told["fault"], told["seed"]) == (WHOLE, "stall", 5)
    assert (request["way"], request["wire"], request["is_left"]) == ("anew", "openai", True)
    assert request["fault"].startswith("stall after events ")
    assert 0 < request["output_tokens"] < 60
    kinds = [moment["kind"] for moment in request["moments"]]
    assert [kinds[0], kinds[1], kinds[-2], kinds[-1]] == ["request", "headers", "fault", "end"]


async def test_moments_stand_on_the_clock_that_all_processes_of_the_machine_share(port: int) -> None:
    before = time.monotonic(), time.time()
    await ask(port, "clock", "well@5", Wire.OLLAMA)
    moments = log_of(port, "clock")["requests"][0]["moments"]
    assert before[0] <= moments[0]["monotonic_s"] <= moments[-1]["monotonic_s"] <= time.monotonic()
    assert before[1] - 1 <= moments[0]["wall_s"] <= time.time() + 1


async def test_a_trial_without_a_name_is_named_by_its_model_and_can_be_forgotten(port: int) -> None:
    path, body = asking(Wire.OPENAI, "s03-500-once@77")
    assert [(await seen_from(port, path, body)).status for _ in range(2)] == [500, 200]
    assert json.loads(about(port, "GET", "/log"))["seed"] == 77
    about(port, "DELETE", "/log")
    assert (await seen_from(port, path, body)).status == 500


async def test_the_same_seed_plays_the_same_and_another_does_not(port: int) -> None:
    async def played(trial: str, seed: int) -> list[bytes]:
        asked = [(f"{trial}-{name}", f"{name}@{seed}") for name in SAME]
        return [(await ask(port, *one, Wire.GEMINI, silent_s=BUSY_S)).raw for one in asked]

    assert await played("one", 5) == await played("two", 5)
    assert await played("three", 6) != await played("four", 5)


SAME = ("reset", "cut-in-character", "cut-in-arguments", "cut-in-escape", "garbage", "well")


async def test_a_model_of_no_name_is_not_found_and_no_path_of_ours_neither(port: int) -> None:
    assert (await ask(port, "none", "gpt-4o", Wire.OPENAI)).status == 404
    assert (await seen_from(port, "/nowhere", b"{}")).status == 404


def test_the_server_ends_when_its_standard_input_closes() -> None:
    with fault_server():
        pass


def test_the_server_outlives_no_parent() -> None:
    script = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-m', 'riverrun.engine.bench.server'], "
    script += "stdin=subprocess.PIPE, stdout=subprocess.PIPE); p.stdout.readline(); print(p.pid)"
    pid = int(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout)
    until = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert not Path(f"/proc/{pid}").exists()


def test_the_answers_hold_what_breaks_naive_clients() -> None:
    texts = "".join(answer_of(seed).text for seed in range(20))
    assert {len(char.encode()) for char in texts} == {1, 2, 3, 4}
    assert all(part in texts for part in ("\r\n", '"', "\\", "\t", "\u200d", "</script>"))
    separated = "".join(answer_of(seed, Shape.SEPARATORS).text for seed in range(20))
    assert all(part in separated for part in "\u2028\u2029\x85")
    assert answer_of(3, Shape.THOUGHTS).reasoning
    assert len(answer_of(3, Shape.CALLS).calls) == 2
