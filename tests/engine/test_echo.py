"""A server that gives its prefix back by contract (Mistral's `prefix: true`), cut behind every character."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.result import SeamVerdict
from riverrun.engine.testing.network.http import ScriptedNetwork
from riverrun.engine.testing.network.script import Reset, SentRequest, Step, response
from riverrun.engine.testing.wire.format import Reply
from riverrun.engine.testing.wire.formats import Wire, events_of
from tests.engine.own_source import ASK

WHOLE = "Hello! How can the river help you today?\n\n1. It runs.\n2. It runs on."
CLEAN, ECHO, RESTART = SeamVerdict.CLEAN, SeamVerdict.ECHO, SeamVerdict.RESTART


def saying(text: str, *, broken: bool = False) -> list[Step]:
    """A text of Chat Completions, a character an event."""
    events: Sequence[Step] = events_of(Wire.OPENAI, Reply(1, "m", list(text)))
    return response([*events[: len(text) + 1], Reset()] if broken else events)


async def recovered(provider: type[rr.Mistral | rr.VLLM], *scripts: list[Step], extra: bool = False) -> rr.StreamResult:
    """What a run makes of these answers, in their order."""
    given = iter(scripts)

    def script(_: SentRequest) -> Iterator[Step]:
        return iter(next(given))

    async with ScriptedNetwork(script).client() as client:
        model = provider("m", api_key="k", base_url="http://127.0.0.1:9/v1", client=client)
        asked = rr.InferenceRequest(ASK.messages, extra={"echo": True} if extra else {})
        return await rr.Engine(model).complete(asked)


@pytest.mark.parametrize("cut", range(1, len(WHOLE)))
async def test_an_echo_is_dropped_wherever_the_answer_was_cut(cut: int, autojump_clock: MockClock) -> None:
    result = await recovered(rr.Mistral, saying(WHOLE[:cut], broken=True), saying(WHOLE))
    assert (result.text, result.attempts[-1].seam) == (WHOLE, ECHO)


@pytest.mark.parametrize("cut", range(1, len(WHOLE)))
async def test_an_echo_that_breaks_off_itself_adds_nothing_and_the_next_goes_on(
    cut: int, autojump_clock: MockClock
) -> None:
    scripts = (saying(WHOLE[:cut], broken=True), saying(WHOLE[: cut // 2 + 1], broken=True), saying(WHOLE))
    result = await recovered(rr.Mistral, *scripts)
    assert (result.text, result.attempts[-1].seam) == (WHOLE, ECHO)


@pytest.mark.parametrize("cut", [1, 5, 16, 40])
async def test_a_reply_that_gives_no_echo_after_all_is_kept_whole(cut: int, autojump_clock: MockClock) -> None:
    result = await recovered(rr.Mistral, saying(WHOLE[:cut], broken=True), saying(WHOLE[cut:]))
    assert (result.text, result.attempts[-1].seam) == (WHOLE, CLEAN)


async def test_an_answer_begun_anew_where_an_echo_was_due_is_never_glued(autojump_clock: MockClock) -> None:
    anew = f"{WHOLE[:36]}this time?"
    result = await recovered(rr.Mistral, saying(WHOLE[:60], broken=True), saying(anew))
    assert (result.text, result.attempts[-1].seam) == (anew, RESTART)


@pytest.mark.parametrize("cut", [1, 5, 16, 40])
async def test_where_the_request_asks_vllm_for_an_echo_it_is_expected(cut: int, autojump_clock: MockClock) -> None:
    result = await recovered(rr.VLLM, saying(WHOLE[:cut], broken=True), saying(WHOLE), extra=True)
    assert (result.text, result.attempts[-1].seam) == (WHOLE, ECHO)
