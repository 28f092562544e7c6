"""Ours is exact in every cell that can be won: on sockets, on a scripted network in virtual time, and on events."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import pytest
import trio

import riverrun as rr
from riverrun.engine.bench.faults.answers import answer_of
from riverrun.engine.bench.faults.catalog import FAULTS, WELL_BEHAVED, WIRES, drawn_by
from riverrun.engine.bench.faults.fault import BenchFault
from riverrun.engine.bench.profile import PROFILES
from riverrun.engine.bench.result import Verdict
from riverrun.engine.bench.server.stage import Stage
from riverrun.testing import Fault, GoesAway, Reset, ScriptedNetwork, ScriptedSource, SentRequest, Wire, retelling
from tests.bench.ours import Got, ask, http_client, policy_of, provider_at, right_end, verdict_of
from tests.bench.process import fault_server

QUICK, FULL = PROFILES["quick"], PROFILES["full"]
AT_ONCE = 12
"""How many trials on sockets run at once: most of each is waiting."""
ALL = (WELL_BEHAVED, *FAULTS)


def sampled(fault: BenchFault) -> Wire:
    return fault.wires[crc32(fault.name.encode()) % len(fault.wires)]


# -- on sockets ------------------------------------------------------------------------------------------------------

Cell = tuple[BenchFault, Wire, int]


async def verdicts_on_sockets(port: int, cells: list[Cell]) -> dict[tuple[str, Wire, int], Verdict]:
    found: dict[tuple[str, Wire, int], Verdict] = {}
    limit = trio.CapacityLimiter(AT_ONCE)
    async with http_client() as client:

        async def judge(fault: BenchFault, wire: Wire, seed: int) -> None:
            url = f"http://127.0.0.1:{port}/t/{fault.name}-{wire}-{seed}"
            async with limit:
                got = None
                with trio.move_on_after(QUICK.trial_s):
                    got = await ask(provider_at(wire, f"{fault.name}@{seed}", url, client), fault, policy_of(QUICK))
                truth: dict[str, Any] = (await client.get(f"{url}/log")).json()
            found[fault.name, wire, seed] = Verdict.HANG if got is None else verdict_of(got, truth)

        async with trio.open_nursery() as nursery:
            for cell in cells:
                nursery.start_soon(judge, *cell)
    return found


def wrong(found: dict[tuple[str, Wire, int], Verdict]) -> dict[tuple[str, Wire, int], Verdict]:
    return {cell: verdict for cell, verdict in found.items() if verdict is not right_end(drawn_by(cell[0]).fault)}


@pytest.mark.sockets
async def test_ours_is_exact_on_sockets_in_one_format_of_every_fault() -> None:
    with fault_server() as port:
        assert wrong(await verdicts_on_sockets(port, [(fault, sampled(fault), 1) for fault in ALL])) == {}


@pytest.mark.deep
@pytest.mark.sockets
@pytest.mark.parametrize("wire", WIRES)
async def test_ours_is_exact_on_sockets_in_every_format(wire: Wire) -> None:
    cells = [(fault, wire, seed) for fault in ALL if wire in fault.wires for seed in (1, 2)]
    with fault_server() as port:
        assert wrong(await verdicts_on_sockets(port, cells)) == {}


# -- on a scripted network -------------------------------------------------------------------------------------------


async def verdict_on_paper(fault: BenchFault, wire: Wire, seed: int) -> Verdict:
    """In full timing: the same steps, and no time passes."""
    stage = Stage(FULL)

    def script(request: SentRequest) -> Any:
        return stage.answer(request.method, request.target.partition("?")[0], request.body).steps

    async with ScriptedNetwork(script).client() as client:
        source = provider_at(wire, f"{fault.name}@{seed}", "http://127.0.0.1:1/t/trial", client)
        got = await ask(source, fault, policy_of(FULL))
    trial = stage.trial("trial")
    assert trial is not None
    return verdict_of(got, dict(trial.told()))


@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.name)
async def test_the_same_steps_on_paper_give_the_same_verdict_in_full_timing(
    fault: BenchFault, autojump_clock: trio.abc.Clock
) -> None:
    assert await verdict_on_paper(fault, sampled(fault), 1) is right_end(fault)


@pytest.mark.deep
@pytest.mark.parametrize("fault", ALL, ids=lambda fault: fault.name)
async def test_the_same_steps_on_paper_give_the_same_verdict_in_every_format(
    fault: BenchFault, autojump_clock: trio.abc.Clock
) -> None:
    for wire in fault.wires:
        for seed in range(3):
            assert await verdict_on_paper(fault, wire, seed) is right_end(fault), (wire, seed)


# -- on events -------------------------------------------------------------------------------------------------------

ON_EVENTS = [fault for fault in FAULTS if fault.faults]


async def verdict_on_events(fault: BenchFault, seed: int) -> Verdict:
    answer = answer_of(seed, fault.shape)
    source = ScriptedSource(answer, fault.faults, seed=seed)
    got: Got = await ask(source, fault, policy_of(FULL)) if fault.shape != "calls" else await once(source, fault)
    told = [retelling(answer.text)] if fault.name == "restart" else [answer.text]
    calls = [{"name": call.name, "arguments": dict(call.arguments)} for call in answer.calls]
    return verdict_of(got, {"text": told[0], "closing": "", "reasoning": answer.reasoning, "calls": calls})


async def once(source: ScriptedSource, fault: BenchFault) -> Got:
    """A source says one answer: it has no turn for results."""
    result = await rr.Engine(source, policy=policy_of(FULL)).complete(rr.InferenceRequest(rr.Message.user("?")))
    calls = [(call.name, dict(call.arguments)) for call in result.tool_calls]
    return Got([result.text], "", calls)


@pytest.mark.parametrize("fault", ON_EVENTS, ids=lambda fault: fault.name)
async def test_the_same_fault_on_events_gives_the_same_verdict(
    fault: BenchFault, autojump_clock: trio.abc.Clock
) -> None:
    for seed in range(3):
        assert await verdict_on_events(fault, seed) is right_end(fault), seed


# -- no socket of HTTP/1.1 can play it -------------------------------------------------------------------------------


async def test_goaway_is_got_over_on_paper_and_on_events(autojump_clock: trio.abc.Clock) -> None:
    stage, reset = Stage(FULL), drawn_by("reset").fault

    def script(request: SentRequest) -> Any:
        steps = stage.answer(request.method, request.target, request.body).steps
        return [GoesAway() if step == Reset() else step for step in steps]

    async with ScriptedNetwork(script).client() as client:
        source = provider_at(Wire.OPENAI, "reset@1", "http://127.0.0.1:1/t/trial", client)
        on_paper = await ask(source, reset, policy_of(FULL))
    on_events = await ask(ScriptedSource(answer_of(1), [Fault("goaway", 30)]), reset, policy_of(FULL))
    assert on_paper.texts == on_events.texts == [answer_of(1).text]
