"""riverrun against llama-cpp-python's server: real decoding, cut by SIGKILL and stalled by SIGSTOP.

Decoding is greedy and the model's tokens are single characters, so the uninterrupted answer is known: a continuation by
prefix and an answer asked for again must be it, letter for letter. What a random model says to a turn that quotes
its words nobody knows; there, law 1 is what can be asserted.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import evolve

import riverrun as rr
from tests.servers.formats import RESTARTS_ONLY, Format
from tests.servers.llama import WANTED, Llama, open_llama
from tests.sockets.peers import SeenHere, check_whole

pytestmark = pytest.mark.servers

GREEDY = {"seed": 1, "repeat_penalty": 1.0}  # a penalty counts what this request generated, so a prefix would escape it
REQUEST = rr.InferenceRequest(
    [rr.Message.user(str(WANTED["question"]))], max_tokens=2000, temperature=0.0, extra=GREEDY
)
PATIENT = rr.Policy(
    retry=rr.RetryPolicy(
        attempts_max=400, base_delay_s=0.02, delay_s_max=0.1, stall_delay_s=0.02, jitter=rr.Jitter.NONE
    ),
    stall=rr.StallPolicy(connect_s=5.0, headers_s=1.0, first_event_s=1.0, first_event_s_max=1.5, idle_s=1.0),
)
CHAT = Format("chat", "openai_chat", "OpenAIChat", "tiny", "", "")
PREFIXES = rr.Capabilities(forms=(rr.ContinuationForm.PREFILL,))
QUOTES = rr.Capabilities(forms=(rr.ContinuationForm.QUOTE,))
PLACES = (1, 40, 150, 270)


@pytest.fixture(scope="session")
def llama(logs: Path) -> Iterator[Llama]:
    with open_llama(logs) as server:
        yield server


@pytest.fixture(scope="session")
def answer(llama: Llama) -> str:
    """The uninterrupted answer."""
    seen = trio.run(decoded, llama, RESTARTS_ONLY, {})  # a fixture of the session's can not await
    assert seen.result is not None
    assert seen.result.stop_reason is rr.StopReason.END_TURN
    assert len(seen.text) >= int(str(WANTED["chars_min"]))
    return seen.text


async def decoded(
    llama: Llama, declared: rr.Capabilities, at: dict[int, Callable[[], None]], **request: Any
) -> SeenHere:
    """One run, in which something happens to the server each time so many characters have been shown."""
    happenings, seen = dict(at), SeenHere()
    async with CHAT.new_client() as client:
        provider = rr.OpenAIChat(CHAT.model, base_url=llama.base_url, client=client, capabilities=declared)
        async with rr.Engine(provider, policy=PATIENT).open_stream(evolve(REQUEST, **request)) as run:
            async for event in run:
                seen.take(event)
                for place in [place for place in happenings if len(seen.text) >= place]:
                    happenings.pop(place)()
                if isinstance(event, rr.RetryScheduled):
                    llama.process.signal(signal.SIGCONT)
        seen.result = run.result
    return seen


def stop(llama: Llama) -> Callable[[], None]:
    return lambda: llama.process.signal(signal.SIGSTOP)


def causes_of(seen: SeenHere) -> list[object]:
    return [event.cause for event in seen.events if isinstance(event, rr.RetryScheduled)]


async def test_decoding_is_greedy_and_repeats_itself(llama: Llama, answer: str) -> None:
    check_whole(await decoded(llama, RESTARTS_ONLY, {}), answer)


@pytest.mark.parametrize("place", PLACES)
async def test_a_killed_server_is_continued_by_prefix_to_the_uninterrupted_answer(
    llama: Llama, answer: str, place: int
) -> None:
    seen = await decoded(llama, PREFIXES, {place: llama.restart})
    check_whole(seen, answer)
    assert causes_of(seen)
    assert not any(isinstance(event, rr.StreamReset) for event in seen.events)


async def test_a_server_killed_twice_is_continued_twice(llama: Llama, answer: str) -> None:
    seen = await decoded(llama, PREFIXES, {60: llama.restart, 200: llama.restart})
    check_whole(seen, answer)


@pytest.mark.parametrize("place", PLACES)
async def test_a_stopped_server_is_a_stall_and_continued_by_prefix(llama: Llama, answer: str, place: int) -> None:
    seen = await decoded(llama, PREFIXES, {place: stop(llama)})
    check_whole(seen, answer)
    assert rr.causes.IdleStall in {type(cause) for cause in causes_of(seen)}


async def test_a_killed_server_is_asked_again_and_says_the_same(llama: Llama, answer: str) -> None:
    seen = await decoded(llama, RESTARTS_ONLY, {150: llama.restart})
    check_whole(seen, answer)
    assert any(isinstance(event, rr.StreamReset) for event in seen.events)


async def test_a_killed_and_then_stopped_server_is_continued(llama: Llama, answer: str) -> None:
    check_whole(await decoded(llama, PREFIXES, {50: llama.restart, 180: stop(llama)}), answer)


@pytest.mark.parametrize("cut", ["killed", "stopped"])
async def test_what_is_continued_by_quote_is_what_was_shown(llama: Llama, answer: str, cut: str) -> None:
    happens = llama.restart if cut == "killed" else stop(llama)
    seen = await decoded(llama, QUOTES, {100: happens}, max_tokens=400)
    assert seen.result is not None
    assert seen.text == seen.result.text
    assert seen.text.startswith(answer[:100]) or any(isinstance(event, rr.StreamReset) for event in seen.events)
