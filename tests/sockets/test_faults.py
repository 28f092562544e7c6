"""Every fault of the loopback provider, through real sockets and each HTTP client: the answer arrives whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio
from attrs import evolve

import riverrun as rr
from riverrun.engine.testing.script.faults import SERVER_WORDS
from riverrun.testing import (
    CODE,
    RIVERS,
    TABLE,
    TEXT_ANSWERS,
    WEATHER,
    Answer,
    Fault,
    FaultKind,
    Manner,
    Unit,
    WireCut,
    fault_schedule,
    open_loopback,
    retelling,
)
from tests.sockets.peers import (
    ONCE,
    PEERS,
    SILENCES,
    SLOW,
    Peer,
    SeenHere,
    check_whole,
    consume,
    every_peer,
    impatient,
    some_peers,
    told,
    until,
)

pytestmark = pytest.mark.sockets

every_repeater = pytest.mark.parametrize("peer", [evolve(peer, repeats=True) for peer in PEERS], ids=str)
RESET_IN_CHARACTER = Fault(FaultKind.RESET, 3000, cut=WireCut(Unit.CHARACTER))
RESET_IN_CHUNK = Fault(FaultKind.RESET, 4000, cut=WireCut(Unit.BYTES, in_chunk=True))
QUIET = (FaultKind.STALL, FaultKind.PINGS_ONLY)
RECOVERED: dict[str, tuple[Fault, ...]] = {
    "reset inside a character": (RESET_IN_CHARACTER,),
    "reset inside a chunk": (RESET_IN_CHUNK,),
    "reset after the head": (Fault(FaultKind.RESET, 0),),
    "reset before the terminal event": (Fault(FaultKind.RESET, 60, cut=WireCut(Unit.EVENTS)),),
    "half-close between chunks": (Fault(FaultKind.HALF_CLOSE, 20),),
    "half-close inside a chunk": (Fault(FaultKind.HALF_CLOSE, 5003, cut=WireCut(Unit.CHARACTER, in_chunk=True)),),
    "silence": (Fault(FaultKind.STALL, 25),),
    "silence after the head": (Fault(FaultKind.STALL, 0),),
    "pings only": (Fault(FaultKind.PINGS_ONLY, 25, seconds=0.05),),
    "pings from the start": (Fault(FaultKind.PINGS_ONLY, 0, seconds=0.05),),
    "a drip": (Fault(FaultKind.DRIP, 5, seconds=0.001, count=8),),
    "a body that ends early": (Fault(FaultKind.PREMATURE_END, 33),),
    "garbage": (Fault(FaultKind.GARBAGE, 21),),
    "an overload in the body": (Fault(FaultKind.IN_BAND_ERROR, 30, status=529),),
    "a web page": (Fault(FaultKind.HTML),),
    "429 with a hint": (Fault(FaultKind.HTTP_ERROR, status=429, retry_after_s=0.02),),
    "429, 500, 503, 529": tuple(Fault(FaultKind.HTTP_ERROR, status=status) for status in (429, 500, 503, 529)),
    "prefill refused": (Fault(FaultKind.PREFILL_REFUSED), Fault(FaultKind.RESET, 20), RESET_IN_CHARACTER),
    "one after the other": (
        RESET_IN_CHARACTER,
        RESET_IN_CHUNK,
        Fault(FaultKind.IN_BAND_ERROR, 9, status=529),
        Fault(FaultKind.HTML),
    ),
}


async def answered(
    peer: Peer, answer: Answer, faults: Sequence[Fault], policy: rr.Policy = SLOW, **options: Any
) -> tuple[SeenHere, list[str]]:
    """Run once against the loopback provider; what was seen, and what each request said was said."""

    async with open_loopback(answer, faults, **options) as server:
        tasks = trio.lowlevel.current_statistics().tasks_living
        async with peer.engine(server.port, policy) as engine:
            seen = await consume(engine)
        await until(lambda: server.connections_open == 0)
        await until(lambda: trio.lowlevel.current_statistics().tasks_living <= tasks)
        return seen, told(server, peer.wire)


def policy_for(faults: Sequence[Fault]) -> rr.Policy:
    return impatient(*SILENCES) if any(fault.kind in QUIET for fault in faults) else SLOW


@every_peer
@pytest.mark.parametrize("name", RECOVERED)
async def test_the_answer_arrives_whole(peer: Peer, name: str) -> None:
    answer = TEXT_ANSWERS[(len(name) + PEERS.index(peer)) % 3]
    seen, _ = await answered(peer, answer, RECOVERED[name], policy_for(RECOVERED[name]), seed=len(name))
    check_whole(seen, answer.text)


@every_peer
@pytest.mark.parametrize("name", ["reset inside a character", "half-close inside a chunk", "an overload in the body"])
async def test_the_next_request_tells_exactly_what_was_shown(peer: Peer, name: str) -> None:
    seen, said = await answered(peer, TABLE, RECOVERED[name])
    assert [text.rstrip() for text in said] == ["", *[text.rstrip() for text in seen.shown_at_retry]]
    assert all(said[1:])


@some_peers
@pytest.mark.parametrize("seed", range(8))
async def test_a_schedule_of_faults_from_dice_changes_nothing(peer: Peer, seed: int) -> None:
    kinds = [kind for kind in SERVER_WORDS if kind not in QUIET]
    dice = fault_schedule(seed, [kinds[(seed * 5 + turn * 3) % len(kinds)] for turn in range(4)])
    faults = [f if f.retry_after_s is None else Fault(f.kind, status=f.status, retry_after_s=0.01) for f in dice]
    answer = TEXT_ANSWERS[seed % 3]
    seen, _ = await answered(peer, answer, faults, seed=seed)
    check_whole(seen, answer.text)


@every_repeater
@pytest.mark.parametrize("manner", [Manner.ECHO, Manner.OVERLAP])
async def test_what_the_model_says_again_is_not_shown_again(peer: Peer, manner: Manner) -> None:
    seen, _ = await answered(peer, CODE, [RESET_IN_CHARACTER, RESET_IN_CHUNK], manner=manner)
    check_whole(seen, CODE.text)
    assert not any(isinstance(event, rr.StreamReset) for event in seen.events)


@every_repeater
async def test_a_model_that_starts_over_is_an_explicit_reset(peer: Peer) -> None:
    seen, _ = await answered(peer, RIVERS, [RESET_IN_CHARACTER], manner=Manner.RESTART)
    check_whole(seen, retelling(RIVERS.text))
    assert sum(isinstance(event, rr.StreamReset) for event in seen.events) == 1


@some_peers
@pytest.mark.parametrize("at", [5, 40, 90, 110, 125, 140, 160])
async def test_calls_are_released_whole_and_once_wherever_the_reset_is(peer: Peer, at: int) -> None:
    seen, _ = await answered(peer, WEATHER, [Fault(FaultKind.RESET, at)], seed=at)
    check_whole(seen, WEATHER.text)
    assert seen.result is not None
    assert seen.ready == list(WEATHER.calls[: len(seen.ready)])
    assert seen.result.tool_calls == tuple(seen.ready)
    assert seen.result.stop_reason is rr.StopReason.TOOL_USE
    assert sorted([call.id for call in seen.ready] + seen.cancelled) == sorted(seen.started)


ENDS: dict[str, tuple[Fault, type[rr.InferenceError], type | None]] = {
    "reset with text": (Fault(FaultKind.RESET, 20), rr.StreamInterrupted, rr.causes.ConnectionReset),
    "reset without": (Fault(FaultKind.RESET, 0), rr.errors.ProviderError, None),
    "early end with text": (Fault(FaultKind.PREMATURE_END, 20), rr.StreamInterrupted, rr.causes.PrematureEnd),
    "half-closed": (
        Fault(FaultKind.HALF_CLOSE, 20, cut=WireCut(in_chunk=True)),
        rr.StreamInterrupted,
        rr.causes.PrematureEnd,
    ),
    "silence with text": (Fault(FaultKind.STALL, 20), rr.StreamInterrupted, rr.causes.IdleStall),
    "silence without": (Fault(FaultKind.STALL, 0), rr.errors.InferenceTimeout, None),
    "pings with text": (Fault(FaultKind.PINGS_ONLY, 20, seconds=0.05), rr.StreamInterrupted, rr.causes.IdleStall),
    "garbage": (Fault(FaultKind.GARBAGE, 20), rr.StreamInterrupted, rr.causes.MalformedStream),
    "overloaded": (Fault(FaultKind.IN_BAND_ERROR, 20, status=529), rr.StreamInterrupted, rr.causes.Overloaded),
    "overloaded at once": (Fault(FaultKind.IN_BAND_ERROR, 1, status=529), rr.errors.Overloaded, None),
    "429": (Fault(FaultKind.HTTP_ERROR, status=429, retry_after_s=7), rr.errors.RateLimited, None),
    "500": (Fault(FaultKind.HTTP_ERROR, status=500), rr.errors.ProviderError, None),
    "503": (Fault(FaultKind.HTTP_ERROR, status=503), rr.errors.Overloaded, None),
    "529": (Fault(FaultKind.HTTP_ERROR, status=529), rr.errors.Overloaded, None),
    "401": (Fault(FaultKind.HTTP_ERROR, status=401), rr.errors.Unauthorized, None),
    "400": (Fault(FaultKind.HTTP_ERROR, status=400), rr.errors.InvalidRequest, None),
    "404": (Fault(FaultKind.HTTP_ERROR, status=404), rr.errors.ModelNotFound, None),
    "a web page": (Fault(FaultKind.HTML), rr.errors.ProviderError, None),
}


@some_peers
@pytest.mark.parametrize("name", ENDS)
async def test_a_run_without_attempts_left_ends_in_one_concrete_error(peer: Peer, name: str) -> None:
    fault, kind, cause = ENDS[name]
    policy = impatient(*SILENCES, attempts_max=1) if fault.kind in QUIET else ONCE
    seen, said = await answered(peer, RIVERS, [fault], policy)
    assert type(seen.error) is kind
    assert len(said) == 1
    assert type(getattr(seen.error, "cause", None)) is (cause or type(None))
    snapshot = getattr(seen.error, "snapshot", None)
    assert ("" if snapshot is None else snapshot.text) == seen.text
    assert RIVERS.text.startswith(seen.text)


@some_peers
async def test_the_hint_of_a_rate_limit_is_in_its_error(peer: Peer) -> None:
    seen, _ = await answered(peer, RIVERS, [Fault(FaultKind.HTTP_ERROR, status=429, retry_after_s=7)], ONCE)
    assert isinstance(seen.error, rr.errors.RateLimited)
    assert seen.error.retry_after_s == 7.0
    assert seen.error.status == 429


@some_peers
async def test_a_hint_beyond_the_cap_ends_the_run_instead_of_sleeping(peer: Peer) -> None:
    seen, said = await answered(peer, RIVERS, [Fault(FaultKind.HTTP_ERROR, status=503, retry_after_s=86_400)])
    assert type(seen.error) is rr.errors.Overloaded
    assert seen.error.retry_after_s == 86_400
    assert len(said) == 1
