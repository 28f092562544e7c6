"""The first words of a line that was no frame are in the error of a stream that fails after it, and in no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.ignored import Ignored
from riverrun.engine.testing.network.http import ScriptedNetwork
from riverrun.engine.testing.network.script import Reset, SentRequest, Step, response
from riverrun.engine.testing.network.transport import Silence
from riverrun.providers.wire.frames import WORDS_CHARS_MAX
from tests.engine.own_source import ASK

FIRST = b'data: {"choices":[{"index":0,"delta":{"content":"Half"},"finish_reason":null}]}\n\n'
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
KEY = "test-key-0123"


async def ask(*steps: Step) -> rr.StreamResult:
    def script(_: SentRequest) -> Iterator[Step]:
        return iter(response(list(steps), headers={"content-type": "text/event-stream"}))

    async with ScriptedNetwork(script).client() as client:
        provider = rr.OpenAIChat("m", base_url="http://127.0.0.1:9/v1", api_key=KEY, client=client)
        policy = rr.Policy(retry=rr.RetryPolicy(attempts_max=1))
        return await rr.Engine(provider, policy=policy).complete(ASK)


BREAKS: dict[str, Sequence[Step]] = {
    "a reset": [Reset()],
    "a stall": [Silence(10_000)],
    "a frame that can not be read": [b"data: {\n\n"],
}


@pytest.mark.parametrize("name", BREAKS)
async def test_the_words_of_a_line_that_was_no_frame_are_told_with_what_broke_the_stream(
    name: str, autojump_clock: MockClock
) -> None:
    words = b"data: upstream connect error, key " + KEY.encode() + b"\x1b[2J " + b"x" * 500 + b"\n\n"
    with pytest.raises(rr.StreamInterrupted) as caught:
        await ask(FIRST + words, *BREAKS[name])
    told = str(caught.value)
    assert "the server said 'upstream connect error" in told
    assert KEY not in told
    assert told.isprintable()
    assert len(told) < WORDS_CHARS_MAX + 350


async def test_a_whole_answer_counts_them_and_says_nothing(autojump_clock: MockClock) -> None:
    result = await ask(FIRST + b"data: upstream connect error\n\n" + b"data:\n\n" + END)
    assert result.text == "Half"
    assert result.attempts[0].ignored == {Ignored.NO_FRAME: 1, Ignored.EMPTY_LINE: 1}
