"""What was not understood is seen in the story of the attempt: counted by kind, also where it broke."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.ignored import KIND_CHARS_MAX, KINDS_MAX, Ignored, told_counts
from riverrun.engine.core.secret import Secret
from riverrun.engine.testing.network.http import ScriptedNetwork
from riverrun.engine.testing.network.script import Reset, SentRequest, Step, response
from tests.engine.own_source import ASK

FIRST = b'data: {"choices":[{"index":0,"delta":{"content":"Whole."},"finish_reason":null},{"index":1,"delta":{}}]}\n\n'
ODD = FIRST + b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


async def test_an_attempt_tells_what_it_ignored(autojump_clock: MockClock) -> None:
    bodies = iter([[FIRST, Reset()], [ODD]])

    def script(_: SentRequest) -> Iterator[Step]:
        return iter(response(next(bodies), headers={"content-type": "text/event-stream"}))

    async with ScriptedNetwork(script).client() as client:
        provider = rr.VLLM("m", base_url="http://127.0.0.1:9/v1", client=client)
        result = await rr.Engine(provider).complete(ASK)
    assert [attempt.ignored for attempt in result.attempts] == [{Ignored.OTHER_CHOICE: 1}] * 2


@pytest.mark.parametrize("kinds", [1, KINDS_MAX, KINDS_MAX + 1])
def test_the_words_of_somebody_elses_decoder_are_bounded_and_printable(kinds: int) -> None:
    told = told_counts({f"{number}\x1b[2J{'x' * 999}": 1 for number in range(kinds)})
    assert len(told) == min(kinds, KINDS_MAX)
    assert all(kind.isprintable() and len(kind) <= KIND_CHARS_MAX + len("…") for kind in told)


def test_no_secret_is_told_and_nothing_that_was_not_counted() -> None:
    told = told_counts({"echoes sk-canary-0123456789": 2, "never": 0}, [Secret("sk-canary-0123456789")])
    assert list(told.values()) == [2]
    assert "canary" not in str(told)
