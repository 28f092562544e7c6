"""Closing: what it raises ends no run, and nothing is closed under a run that is under way."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import trio
from trio.testing import MockClock

import riverrun as rr
from riverrun.testing import RIVERS, open_loopback
from tests.sockets.peers import QUESTION, until

HELLO = b'data: {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "hello"}}]}\n\n'
DONE = (
    b'data: {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'
    b"data: [DONE]\n\n"
)


class Body(httpx.AsyncByteStream):
    """Gives its parts, raises what it breaks with, and raises when it is closed."""

    def __init__(self, parts: list[bytes], breaks: Exception | None, closing: Exception) -> None:
        self._parts, self._breaks, self._closing = parts, breaks, closing

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            await trio.lowlevel.checkpoint()
            yield part
        if self._breaks is not None:
            raise self._breaks

    async def aclose(self) -> None:
        raise self._closing


class Server(httpx.AsyncBaseTransport):
    """Gives one body after the other."""

    def __init__(self, *bodies: Body) -> None:
        self._bodies = list(bodies)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = {"content-type": "text/event-stream"}
        return httpx.Response(200, headers=headers, stream=self._bodies.pop(0))


async def answer_of(*bodies: Body) -> rr.StreamResult:
    async with httpx.AsyncClient(transport=Server(*bodies)) as client:
        provider = rr.OpenAIChat("m", api_key="k", base_url="http://127.0.0.1:9/v1", client=client)
        return await rr.Engine(provider).complete(QUESTION)


CLOSING = pytest.mark.parametrize("closing", [httpx.ReadError("tail"), OSError("tail")], ids=repr)


@CLOSING
async def test_what_closing_raises_takes_no_whole_answer_away(closing: Exception, autojump_clock: MockClock) -> None:
    result = await answer_of(Body([HELLO, DONE], None, closing))
    assert (result.text, len(result.attempts)) == ("hello", 1)


@CLOSING
@pytest.mark.parametrize("breaks", [httpx.ReadError("reset"), None], ids=repr)
async def test_what_closing_raises_takes_no_retry_away(
    closing: Exception, breaks: Exception | None, autojump_clock: MockClock
) -> None:
    result = await answer_of(Body([HELLO], breaks, closing), Body([HELLO, DONE], None, closing))
    cause = rr.causes.PrematureEnd() if breaks is None else rr.causes.ConnectionReset()
    assert [attempt.cause for attempt in result.attempts] == [cause, None]


@pytest.mark.sockets
async def test_an_engine_closed_under_its_runs_closes_its_connections_with_the_last_of_them() -> None:
    texts: list[str] = []
    async with open_loopback(RIVERS) as server, trio.open_nursery() as nursery:
        url = f"http://127.0.0.1:{server.port}"
        engine = rr.Engine(rr.Anthropic("claude-sonnet-4-5", api_key="k", base_url=url))

        async def run_once() -> None:
            texts.append((await engine.complete(QUESTION)).text)

        for _ in range(3):
            nursery.start_soon(run_once)
        await until(lambda: len(server.requests) > 0)
        await engine.aclose()
        await until(lambda: len(texts) == 3)
        await until(lambda: server.connections_open == 0)
    assert texts == [RIVERS.text] * 3
