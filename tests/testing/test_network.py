"""The scripted network under real HTTP clients: what it does, it does as a socket would, and time is virtual."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable
from copy import copy
from typing import Any, cast

import httpx
import httpx2
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from riverrun import Anthropic, Policy, RetryPolicy, StreamInterrupted
from riverrun.engine.core.causes import ConnectionReset
from riverrun.engine.core.messages import Message
from riverrun.engine.core.request import InferenceRequest
from riverrun.engine.core.usage_error import UsageError
from riverrun.engine.engine import Engine
from riverrun.engine.testing.network.http import ScriptedNetwork
from riverrun.engine.testing.network.script import (
    Close,
    Connecting,
    Fails,
    Framing,
    GoesAway,
    Reset,
    SentRequest,
    Silence,
    Stale,
    Step,
    recut,
    response,
)
from riverrun.engine.testing.network.transport import Script, ScriptedTransport
from riverrun.engine.testing.script.answers import RIVERS
from riverrun.engine.testing.wire.answers import answer_events
from riverrun.engine.testing.wire.format import dump

LIBRARIES = pytest.mark.parametrize("library", [httpx, httpx2], ids=lambda library: str(library.__name__))
URL = "http://provider.test/v1"
ONCE = Policy(retry=RetryPolicy(attempts_max=1))


async def play(steps: Iterable[Step], library: types.ModuleType = httpx, **options: Any) -> bytes:
    """Ask once; the body, or what the client raises."""
    network = ScriptedNetwork(lambda _: steps, **options)
    async with network.client(library) as client:
        answer = await client.post(URL, content=b"?", timeout=None)
        return bytes(answer.content)


@LIBRARIES
@pytest.mark.parametrize("framing", Framing)
async def test_a_body_arrives_whole_in_every_framing(
    framing: Framing, library: types.ModuleType, autojump_clock: MockClock
) -> None:
    assert await play(response([b"one ", b"two"], framing=framing), library) == b"one two"


@given(st.lists(st.binary(max_size=40), max_size=8), st.lists(st.integers(1, 9), min_size=1), st.sampled_from(Framing))
async def test_a_body_arrives_whole_however_its_bytes_are_cut(
    parts: list[bytes], sizes: list[int], framing: Framing
) -> None:
    endless = (size for _ in iter(int, 1) for size in sizes)
    assert await play(recut(response(parts, framing=framing), endless)) == b"".join(parts)


@LIBRARIES
@pytest.mark.parametrize(
    ("end", "raised"),
    [(Reset(), "ReadError"), (Close(), "RemoteProtocolError"), (GoesAway(), "RemoteProtocolError")],
)
@pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.LENGTH])
async def test_a_body_that_breaks_raises_as_a_socket_does(
    end: Step, raised: str, framing: Framing, library: types.ModuleType, autojump_clock: MockClock
) -> None:
    with pytest.raises(getattr(library, raised)):
        await play(response([b"half", end], framing=framing), library)


@pytest.mark.parametrize("end", [Reset(), Stale(), Close(), GoesAway()], ids=repr)
async def test_a_step_means_the_same_below_http_and_in_its_place(end: Step, autojump_clock: MockClock) -> None:
    steps: list[Step] = [*answer_events("anthropic", RIVERS)[:9], end]
    network = ScriptedNetwork(lambda _: response(steps))

    async def cause(**options: Any) -> str:
        engine = Engine(Anthropic("m", base_url="http://127.0.0.1:9", client=network.client()), policy=ONCE, **options)
        with pytest.raises(StreamInterrupted) as caught:
            await engine.complete(InferenceRequest([Message.user("?")]))
        return str(caught.value.cause)

    in_its_place = await cause(transport=ScriptedTransport(lambda _: Script(steps)))
    assert await cause() == in_its_place


async def test_what_a_script_fails_with_is_raised_as_it_is(autojump_clock: MockClock) -> None:
    with pytest.raises(ZeroDivisionError):
        await play(response([b"half", Fails(ZeroDivisionError())]))


@LIBRARIES
async def test_a_refused_connection_and_one_that_takes_for_ever_are_the_clients_own_errors(
    library: types.ModuleType, autojump_clock: MockClock
) -> None:
    async def ask(how: Connecting) -> None:
        network = ScriptedNetwork(lambda _: response([]), connect=lambda _: how)
        async with network.client(library) as client:
            await client.get(URL, timeout=library.Timeout(None, connect=3.0))

    with pytest.raises(library.ConnectError):
        await ask(Connecting(is_refused=True))
    with pytest.raises(library.ConnectTimeout):
        await ask(Connecting(after_s=None))


async def test_silences_are_virtual_seconds_and_a_script_runs_on_while_nobody_reads(autojump_clock: MockClock) -> None:
    network = ScriptedNetwork(lambda _: response([b"a", Silence(10), b"b", Silence(10), b"c"]))

    seen = []
    async with network.client() as client, client.stream("GET", URL, timeout=None) as answer:
        async for part in answer.aiter_raw():
            seen.append((round(trio.current_time()), part))
            await trio.sleep(15)
    assert seen == [(0, b"a"), (15, b"b"), (30, b"c")]


async def test_a_read_timeout_is_the_clients_own_error(autojump_clock: MockClock) -> None:
    network = ScriptedNetwork(lambda _: response([b"a", Silence()]))

    with pytest.raises(httpx.ReadTimeout):
        async with network.client() as client:
            await client.get(URL, timeout=httpx.Timeout(None, read=5.0))


async def test_a_connection_is_used_again_unless_it_was_closed_and_a_stale_one_fails_once(
    autojump_clock: MockClock,
) -> None:
    bodies = iter([response([b"1"]), [*response([b"2"]), Close()], [*response([b"3"]), Stale()], response([b"4"])])
    network = ScriptedNetwork(lambda _: next(bodies))

    async with network.client() as client:
        got = [(await client.get(URL)).content for _ in range(3)]
        with pytest.raises(httpx.ReadError):  # as with a socket: httpcore looks for an answer that came before
            await client.get(URL)
        assert [*got, (await client.get(URL)).content] == [b"1", b"2", b"3", b"4"]
    assert (network.connections_made, network.connections_open) == (3, 0)


async def test_a_request_is_seen_whole_with_its_target_headers_and_body(autojump_clock: MockClock) -> None:
    seen: list[SentRequest] = []

    def answer(sent: SentRequest) -> list[Step]:
        seen.append(sent)
        return response([])

    network = ScriptedNetwork(answer)

    async with network.client() as client:
        await client.post(f"{URL}/messages?a=1", content=b"x" * 100_000, headers={"X-Say": "hello"})
    (sent,) = seen
    assert (sent.method, sent.target, sent.body) == ("POST", "/v1/messages?a=1", b"x" * 100_000)
    assert (sent.headers["x-say"], sent.connection, sent.number) == ("hello", 0, 0)


async def test_a_body_that_is_left_early_is_busy_no_more(autojump_clock: MockClock) -> None:
    network = ScriptedNetwork(lambda _: response([b"a", Silence()]))

    async with network.client() as client:
        async with client.stream("GET", URL) as answer:
            assert answer.status_code == 200
            assert network.connections_busy == 1
        assert network.connections_busy == 0


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (b"data: x", "the body of response() is b'data: x' (bytes); expected a list of steps"),
        ("data: x", "the body of response() is 'data: x' (str)"),
        (None, "the body of response() is None"),
        (["data: x"], "a step of a script is 'data: x' (str); expected bytes, Silence(seconds), Reset()"),
        ([b"a", Silence], "the class Silence itself"),
        ([b"a", 97], "a step of a script is 97 (int)"),
        ([b"a", ConnectionReset()], "a step of a script is ConnectionReset("),
        ([b"a", Fails("broken")], "a step of a script is Fails(error='broken')"),
    ],
)
def test_a_body_that_is_no_list_of_steps_is_refused_where_it_is_framed(body: Any, seen: str) -> None:
    with pytest.raises(UsageError, match=re.escape(seen)):
        response(body)


HEAD = response([b"half", Silence()])


@LIBRARIES
@pytest.mark.parametrize(
    "script",
    [b"HTTP/1.1 200 OK", "abc", None, [*HEAD, "abc"], [Silence], (b"a", 97), iter([*HEAD[:1], "abc"])],
    ids=["bytes", "a text", "nothing", "a text in it", "a class in it", "a number in it", "one by one"],
)
async def test_a_script_that_is_no_list_of_steps_is_the_tests_mistake_and_no_reset(
    script: Any, library: types.ModuleType, autojump_clock: MockClock
) -> None:
    with pytest.raises(UsageError, match=r"expected .*bytes, Silence"):
        await play(copy(script), library)


@LIBRARIES
async def test_a_mistake_that_is_seen_while_a_request_is_written_is_raised_by_reading(
    library: types.ModuleType, autojump_clock: MockClock
) -> None:
    network = ScriptedNetwork(lambda _: response(cast("Any", b"data: x")))

    with pytest.raises(UsageError, match=r"the body of response\(\)"):
        async with network.client(library) as client:
            await client.post(URL, content=b"?")


async def test_an_engine_does_not_take_a_mistake_in_a_script_for_a_reset(autojump_clock: MockClock) -> None:
    network = ScriptedNetwork(lambda _: [*response([message("The ", whole=False), Silence(1.0)]), cast("Any", "river")])
    with pytest.raises(UsageError, match=r"a step of a script is 'river' \(str\)"):
        await tell(network)
    assert network.requests_taken == 1


# -- under the engine ---------------------------------------------------------------------------------------------


def message(*texts: str, whole: bool = True) -> bytes:
    """A message of the Messages API, in one block."""
    start = {"type": "message_start", "message": {"id": "m", "model": "m", "usage": {"input_tokens": 3}}}
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    delta = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}} for text in texts
    ]
    ends = [
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]
    said: list[Any] = [start, block, *delta, *(ends if whole else [])]
    return b"".join(b"event: %b\ndata: %b\n\n" % (one["type"].encode(), dump(one)) for one in said)


async def tell(network: ScriptedNetwork, library: types.ModuleType = httpx) -> str:
    """Ask by a real engine; the text."""
    async with network.client(library) as client:
        engine = Engine(Anthropic("claude-3-5-haiku", api_key="sk-test", client=client))
        return (await engine.complete(InferenceRequest(Message.user("?"), max_tokens=99))).text


@LIBRARIES
async def test_an_engine_goes_on_over_a_stall_and_a_reset_in_no_time(
    library: types.ModuleType, autojump_clock: MockClock
) -> None:
    bodies = iter(
        [
            [message("The river ", whole=False), Silence()],
            [message("runs ", whole=False), Reset()],
            [message("on.")],
        ]
    )
    network = ScriptedNetwork(lambda _: response(next(bodies)))
    assert await tell(network, library) == "The river runs on."
    assert (network.requests_taken, network.connections_open) == (3, 0)
