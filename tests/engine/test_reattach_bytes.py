"""The real providers that read a generation on, over the real HTTP client, cut at any byte and in any framing."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import cycle
from typing import TypeAlias

import pytest
import trio
from attrs import define, field
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.http.transport import HTTPTransport
from riverrun.engine.testing.network.http import ScriptedNetwork
from riverrun.engine.testing.network.script import (
    Close,
    Framing,
    GoesAway,
    Reset,
    SentRequest,
    Silence,
    Step,
    recut,
    response,
)
from tests.engine.live_generations import FORMATS, Format, said_by

Cut: TypeAlias = tuple[int, Step, Framing]
BYTES_MAX = 1500
"""More than either generation has: a cut beyond the end is behind the terminal event."""

cuts = st.tuples(
    st.integers(0, BYTES_MAX), st.sampled_from([Reset(), Close(), GoesAway(), Silence()]), st.sampled_from(Framing)
)


@define
class ByteServer:
    """Keeps one generation; the n-th answer breaks off as the n-th cut says, and later ones do not."""

    spoken: Format
    cuts: list[Cut]
    sizes: list[int]
    begun: int = 0
    places: list[int] = field(factory=list)

    def script_for(self, sent: SentRequest) -> Iterable[Step]:
        """Answer one request."""
        place = self.spoken.place.search(sent.target)
        self.begun += place is None
        at = 0 if place is None else int(place[1]) + 1
        self.places.append(at)
        body = b"".join(self.spoken.frames[at:])
        if not self.cuts:
            return recut(response([body]), cycle(self.sizes))
        size, end, framing = self.cuts.pop(0)
        return recut(response([body[:size], end], framing=framing), cycle(self.sizes))


async def run_on(server: ByteServer) -> list[rr.Event]:
    network = ScriptedNetwork(server.script_for)
    engine = rr.Engine(
        server.spoken.provider(),
        transport=HTTPTransport(network.client()),
        policy=rr.Policy(retry=rr.RetryPolicy(attempts_max=50)),
        chance=lambda: 0.5,
    )
    async with engine.open_stream(server.spoken.request) as run:
        return [event async for event in run]


def played(server: ByteServer) -> list[rr.Event]:
    return trio.run(run_on, server, clock=MockClock(autojump_threshold=0))


@cache
def unbroken(spoken: str) -> list[rr.Event]:
    return played(ByteServer(FORMATS[spoken](), [], [400]))


@pytest.mark.parametrize("spoken", FORMATS)
@settings(max_examples=60, deadline=None)
@given(cuts=st.lists(cuts, max_size=4), sizes=st.lists(st.integers(1, 400), min_size=1, max_size=4))
@example(cuts=[(700, Reset(), Framing.CHUNKED), (90, Close(), Framing.LENGTH)], sizes=[1])
def test_wherever_its_bytes_are_cut_a_generation_is_given_once_and_never_begun_behind_a_cursor(
    spoken: str, cuts: list[Cut], sizes: list[int]
) -> None:
    server = ByteServer(FORMATS[spoken](), list(cuts), sizes)
    events = played(server)
    assert said_by(events) == said_by(unbroken(spoken))
    assert server.begun == server.places.count(0)
    assert server.places == sorted(server.places)


@pytest.mark.parametrize("spoken", FORMATS)
def test_a_generation_that_breaks_three_times_behind_a_cursor_is_begun_once(spoken: str) -> None:
    server = ByteServer(FORMATS[spoken](), [(size, Reset(), Framing.CHUNKED) for size in (700, 300, 200)], [64])
    assert said_by(played(server)) == said_by(unbroken(spoken))
    assert (server.begun, len(server.places)) == (1, 4)
