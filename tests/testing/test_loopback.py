"""The loopback provider as its clients see it: raw sockets for what HTTP libraries hide, httpx for the rest."""

from __future__ import annotations

import json
import ssl
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import trio
import trio.lowlevel
from hypothesis import given
from hypothesis import strategies as st

from riverrun import ContinueText, InferenceRequest, InterruptSnapshot, Limits, Message, ReasoningBlock, from_name
from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.continuation import NextRequest, next_request
from riverrun.engine.core.failures import FailureKind
from riverrun.engine.core.provider import Provider
from riverrun.engine.core.stream_events import KeepAlive, StreamFailed
from riverrun.engine.testing.network.script import chunk
from riverrun.engine.testing.wire.formats import Reply, events_of, ping, wire_of_path
from riverrun.testing import (
    RIVERS,
    WEATHER,
    Answer,
    Continuation,
    Fault,
    FaultKind,
    Loopback,
    Manner,
    Unit,
    Wire,
    WireCut,
    open_loopback,
    read_continuation,
    retelling,
)

pytestmark = pytest.mark.sockets

WIRES = pytest.mark.parametrize("wire", list(Wire))
ASKED = {"role": "user", "content": "Tell me of rivers."}
QUESTION = InferenceRequest([Message.user("Tell me of rivers.")])
TERMINAL = {
    Wire.ANTHROPIC: b"message_stop",
    Wire.OPENAI: b"[DONE]",
    Wire.RESPONSES: b"response.completed",
    Wire.GEMINI: b'"finishReason":"STOP"',
    Wire.INTERACTIONS: b"interaction.completed",
    Wire.OLLAMA: b'"done":true',
}
MODELS = {
    Wire.ANTHROPIC: "claude-sonnet-4-5",
    Wire.OPENAI: "gpt-4o",
    Wire.RESPONSES: "gpt-4o",
    Wire.GEMINI: "gemini-2.5-flash",
    Wire.INTERACTIONS: "gemini-2.5-flash",
    Wire.OLLAMA: "llama3.2",
}
BY_PREFILL = (Wire.ANTHROPIC, Wire.GEMINI, Wire.OLLAMA)
LIMIT_S = 5.0
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # an empty one: reading the CA bundle takes longer than the tests


def asking(*more: dict[str, Any]) -> dict[str, Any]:
    return {"model": "m", "stream": True, "messages": [ASKED, *more]}


def said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def raw_request(wire: Wire, body: dict[str, Any]) -> bytes:
    data = json.dumps(body).encode()
    return f"POST {wire.path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data


async def read_rest(stream: trio.SocketStream) -> tuple[bytes, str]:
    """What comes until the end, and what the end was."""
    got = bytearray()
    try:
        with trio.fail_after(LIMIT_S):
            while data := await stream.receive_some():
                got += data
    except trio.BrokenResourceError:
        return bytes(got), "reset"
    return bytes(got), "closed"


def dechunked(got: bytes) -> tuple[bytes, str]:
    """The body of a chunked answer so far, and how it ended: at its end, between chunks, or inside one."""
    rest, body = got.partition(b"\r\n\r\n")[2], bytearray()
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        if not int(size, 16):
            return bytes(body), "whole"
        body += rest[: int(size, 16)]
        if len(rest) < int(size, 16):
            return bytes(body), "inside"
        rest = rest[int(size, 16) + 2 :]
    return bytes(body), "between"


def text_in(body: str) -> str:
    """What a naive client reads out of a body of any format."""
    rows = [line.strip().removeprefix("data: ") for line in body.split("\n")]
    return "".join(text_in_event(json.loads(row)) for row in rows if row.startswith("{"))


def text_in_event(event: dict[str, Any]) -> str:
    if event.get("type") == "response.output_text.delta":
        return str(event["delta"])
    choices = [choice["delta"] for choice in event.get("choices", ())]
    parts = [part for one in event.get("candidates", ()) for part in one["content"]["parts"] if not part.get("thought")]
    said = [event.get("delta"), event.get("message"), *choices, *parts]
    texts = [each.get("text") or each.get("content") for each in said if isinstance(each, dict)]
    return "".join(text for text in texts if isinstance(text, str))


def provider_of(wire: Wire) -> Provider:
    return from_name(f"{wire}/{MODELS[wire]}", base_url="http://127.0.0.1:9")


async def post(server: Loopback, wire: Wire, body: dict[str, Any]) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, verify=NO_TLS) as client:
        return await client.post(server.anthropic_url + wire.path, json=body)


async def seen_raw(wire: Wire, fault: Fault) -> tuple[bytes, str]:
    """What a raw socket gets of a faulty answer."""

    async with open_loopback(RIVERS, [fault]) as server, await trio.open_tcp_stream("127.0.0.1", server.port) as s:
        await s.send_all(raw_request(wire, asking()))
        return await read_rest(s)


async def seen(answer: Answer, wire: Wire, body: dict[str, Any], *faults: Fault, **options: Any) -> httpx.Response:
    """What httpx gets of the first answer of a server of its own."""

    async with open_loopback(answer, faults, **options) as server:
        return await post(server, wire, body)


# -- without faults -----------------------------------------------------------------------------------------------


@WIRES
async def test_the_whole_answer_comes_with_its_terminal_event(wire: Wire) -> None:
    response = await seen(RIVERS, wire, asking())
    assert response.headers["content-type"] == wire.content_type
    assert text_in(response.text) == RIVERS.text
    assert TERMINAL[wire] in response.content


@WIRES
async def test_the_same_seed_gives_the_same_bytes(wire: Wire) -> None:
    first, again, other = [(await seen(RIVERS, wire, asking(), seed=seed)).content for seed in (1, 1, 2)]
    assert first == again != other


@WIRES
async def test_our_decoders_read_thoughts_calls_and_usage(wire: Wire) -> None:
    body = (await seen(WEATHER, wire, asking() | {"stream_options": {"include_usage": True}})).content
    decoder, fold = provider_of(wire).decoder(Limits()), Accumulator(Limits())
    for event in (*decoder.feed(body), *decoder.close()):
        fold.fold(event)
    assert decoder.is_complete
    assert (fold.text, fold.completed_calls, decoder.defect) == (WEATHER.text, WEATHER.calls, None)
    thoughts = [block.text for block in fold.blocks() if isinstance(block, ReasoningBlock)]
    assert "".join(thoughts) == WEATHER.reasoning
    assert fold.end_attempt()[0].output > len(WEATHER.text) / 7


@WIRES
async def test_requests_are_kept_in_order_and_the_nth_meets_the_nth_fault(wire: Wire) -> None:
    faults = [Fault(FaultKind.HTTP_ERROR, status=500), Fault(FaultKind.HTTP_ERROR, status=429)]
    async with open_loopback(RIVERS, faults) as server:
        statuses = [(await post(server, wire, asking() | {"n": n})).status_code for n in range(4)]
    assert server.faults_happened == faults
    assert (statuses, [body["n"] for body in server.requests]) == ([500, 429, 200, 200], [0, 1, 2, 3])


async def sent_raw(*writes: bytes) -> tuple[list[Any], bytes]:
    """What the server takes of raw writes, and what it answers until it is left or closes."""

    async with open_loopback(RIVERS) as server, await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
        for data in writes:
            await stream.send_all(data)
        await stream.send_eof()
        got, _ = await read_rest(stream)
        return server.requests, got


async def test_two_requests_in_one_write_are_two() -> None:
    both = [asking() | {"n": n} for n in (1, 2)]
    requests, got = await sent_raw(b"".join(raw_request(Wire.ANTHROPIC, body) for body in both))
    assert requests == both
    assert got.count(b"HTTP/1.1 200") == 2


async def test_a_request_comes_in_any_pieces_and_in_chunks() -> None:
    data = json.dumps(asking()).encode()
    head = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    whole = head + chunk(data[:9]) + chunk(data[9:]) + b"0\r\n\r\n"
    requests, _ = await sent_raw(*(whole[at : at + 1] for at in range(len(whole))))
    assert requests == [asking()]


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{}",
        b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 70_000,
    ],
    ids=["no HTTP", "cut off", "an endless head"],
)
async def test_what_is_no_request_closes_the_connection(data: bytes) -> None:
    assert await sent_raw(data) == ([], b"")


async def test_a_connection_serves_many_requests() -> None:
    async with open_loopback(RIVERS) as server, httpx.AsyncClient(trust_env=False, verify=NO_TLS) as client:
        for _ in range(3):
            await client.post(server.openai_url + "/chat/completions", json=asking())
            assert server.connections_open == 1


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [("/v1/models", b"{}", 404), ("/v1/messages", b"nope", 400), ("/v1/messages", b'{"stream": false}', 400)],
)
async def test_what_is_no_streaming_request_gets_a_json_error(path: str, content: bytes, status: int) -> None:
    async with open_loopback(RIVERS) as server, httpx.AsyncClient(trust_env=False, verify=NO_TLS) as client:
        response = await client.post(server.anthropic_url + path, content=content)
    assert response.status_code == status
    assert response.json()["error"]["message"]


# -- faults in the body -------------------------------------------------------------------------------------------


@WIRES
@pytest.mark.parametrize("in_chunk", [False, True])
async def test_a_reset_is_a_reset_and_may_fall_inside_a_character(wire: Wire, in_chunk: bool) -> None:
    got, end = await seen_raw(wire, Fault(FaultKind.RESET, 5000, cut=WireCut(Unit.CHARACTER, in_chunk=in_chunk)))
    body, _ = dechunked(got)
    assert end == "reset"
    with pytest.raises(UnicodeDecodeError, match="unexpected end of data"):
        body.decode()


@WIRES
@pytest.mark.parametrize(("in_chunk", "where"), [(False, "between"), (True, "inside")])
async def test_a_half_close_ends_between_chunks_or_inside_one(wire: Wire, in_chunk: bool, where: str) -> None:
    got, end = await seen_raw(wire, Fault(FaultKind.HALF_CLOSE, 1999, cut=WireCut(Unit.BYTES, in_chunk=in_chunk)))
    body, ended = dechunked(got)
    assert (end, ended, len(body)) == ("closed", where, 1999)


@WIRES
async def test_a_premature_end_is_a_proper_end_without_the_terminal_event(wire: Wire) -> None:
    response = await seen(RIVERS, wire, asking(), Fault(FaultKind.PREMATURE_END, 30))
    assert RIVERS.text.startswith(text_in(response.text))
    assert TERMINAL[wire] not in response.content


@WIRES
async def test_a_place_beyond_the_end_is_after_the_terminal_event(wire: Wire) -> None:
    got, end = await seen_raw(wire, Fault(FaultKind.RESET, 10**9, cut=WireCut(Unit.BYTES)))
    body, ended = dechunked(got)
    assert (end, ended) == ("reset", "between")
    assert TERMINAL[wire] in body


@WIRES
async def test_an_overload_is_an_error_event_under_status_200(wire: Wire) -> None:
    response = await seen(RIVERS, wire, asking(), Fault(FaultKind.IN_BAND_ERROR, 20, status=529))
    *_, last = provider_of(wire).decoder(Limits()).feed(response.content)
    assert response.status_code == 200
    assert isinstance(last, StreamFailed)
    assert last.failure.kind is FailureKind.OVERLOADED


@WIRES
async def test_an_error_inside_a_stream_is_the_one_of_the_faults_status(wire: Wire) -> None:
    response = await seen(RIVERS, wire, asking(), Fault(FaultKind.IN_BAND_ERROR, 20, status=429))
    *_, last = provider_of(wire).decoder(Limits()).feed(response.content)
    assert isinstance(last, StreamFailed)
    assert last.failure.kind is FailureKind.RATE_LIMITED


@WIRES
def test_a_ping_says_nothing_and_is_no_defect(wire: Wire) -> None:
    decoder = provider_of(wire).decoder(Limits())
    first, *_ = events_of(wire, Reply(1, "m", ["A river"]))
    decoder.feed(first)
    assert [event for event in decoder.feed(ping(wire)) if not isinstance(event, KeepAlive)] == []
    assert decoder.defect is None


@WIRES
def test_a_path_has_one_format(wire: Wire) -> None:
    assert wire_of_path(wire.path) is wire
    assert wire_of_path(wire.path + "/more") is None
    assert wire_of_path(urlsplit(provider_of(wire).encode(QUESTION).url).path) is wire


@WIRES
async def test_garbage_is_no_json_and_no_utf_8(wire: Wire) -> None:
    response = await seen(RIVERS, wire, asking(), Fault(FaultKind.GARBAGE, 20))
    last = response.content.rstrip().rpartition(b"data: ")[2]
    with pytest.raises(ValueError, match=r"utf-8|Expecting"):
        json.loads(last)
    decoder = provider_of(wire).decoder(Limits())
    decoder.feed(response.content)
    assert decoder.defect is not None


@WIRES
async def test_a_drip_loses_nothing(wire: Wire) -> None:
    dripped = await seen(RIVERS, wire, asking(), Fault(FaultKind.DRIP, 5, seconds=0.0, count=9))
    assert dripped.content == (await seen(RIVERS, wire, asking())).content


async def until_silent(stream: trio.SocketStream, count: int) -> bytes:
    got = b""
    while len(dechunked(got)[0]) < count:
        got += await stream.receive_some()
    return dechunked(got)[0]


async def stalled(check: Callable[[Loopback, trio.SocketStream], Awaitable[None]], fault: Fault) -> None:
    """Run a check with a client that reads up to a fault that lasts for ever."""

    with trio.fail_after(LIMIT_S):
        async with open_loopback(RIVERS, [fault]) as server:
            stream = await trio.open_tcp_stream("127.0.0.1", server.port)
            async with stream:
                await stream.send_all(raw_request(Wire.ANTHROPIC, asking()))
                await until_silent(stream, 500)
                await check(server, stream)


STALL = Fault(FaultKind.STALL, 5)
PINGS = Fault(FaultKind.PINGS_ONLY, 5, seconds=0.001)


async def test_a_stall_is_silent() -> None:
    async def check(server: Loopback, stream: trio.SocketStream) -> None:
        with trio.move_on_after(0.05) as scope:
            await stream.receive_some()
        assert scope.cancelled_caught

    await stalled(check, STALL)


async def test_pings_are_all_that_comes() -> None:
    async def check(server: Loopback, stream: trio.SocketStream) -> None:
        got = b"\r\n\r\n"
        while got.count(b"event: ping") < 20:
            got += await stream.receive_some()
        assert got.count(b"event: ") == got.count(b"event: ping")

    await stalled(check, PINGS)


@pytest.mark.parametrize("fault", [STALL, PINGS], ids=str)
async def test_what_lasts_for_ever_ends_when_the_client_leaves(fault: Fault) -> None:
    async def check(server: Loopback, stream: trio.SocketStream) -> None:
        assert server.connections_open == 1
        await stream.aclose()
        while server.connections_open:
            await trio.lowlevel.checkpoint()

    await stalled(check, fault)


@pytest.mark.parametrize("fault", [STALL, PINGS], ids=str)
async def test_what_lasts_for_ever_ends_with_the_servers_block(fault: Fault) -> None:
    async with open_loopback(RIVERS, [fault]) as server:
        stream = await trio.open_tcp_stream("127.0.0.1", server.port)
        await stream.send_all(raw_request(Wire.ANTHROPIC, asking()))
        await until_silent(stream, 500)
    async with stream:
        _, end = await read_rest(stream)
    assert end in ("closed", "reset")


async def test_the_bodys_own_exception_leaves_as_it_is() -> None:
    with pytest.raises(LookupError, match="mine"):
        async with open_loopback(RIVERS):
            raise LookupError("mine")


async def test_the_port_is_free_after_the_block() -> None:
    async with open_loopback(RIVERS) as server:
        port = server.port
    with pytest.raises(OSError, match=r"refused|failed"):
        await trio.open_tcp_stream("127.0.0.1", port)


# -- faults instead of the stream ---------------------------------------------------------------------------------


@WIRES
@pytest.mark.parametrize("status", [429, 500, 503, 529])
@pytest.mark.parametrize(("hint_s", "header"), [(None, None), (2.0, "2")])
async def test_a_status_comes_with_or_without_its_hint(
    wire: Wire, status: int, hint_s: float | None, header: str | None
) -> None:
    response = await seen(RIVERS, wire, asking(), Fault(FaultKind.HTTP_ERROR, status=status, retry_after_s=hint_s))
    assert (response.status_code, response.headers.get("retry-after")) == (status, header)
    assert "on schedule" in json.dumps(response.json()["error"])


@WIRES
async def test_a_web_page_comes_under_status_200(wire: Wire) -> None:
    response = await seen(RIVERS, wire, asking(), Fault(FaultKind.HTML))
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")


async def test_prefill_is_refused_each_time_and_takes_no_turn_of_the_schedule() -> None:
    faults = [Fault(FaultKind.PREFILL_REFUSED), Fault(FaultKind.HTTP_ERROR, status=503)]
    bodies = (asking(said("A river")), asking(said("A river")), asking(), asking())
    async with open_loopback(RIVERS, faults) as server:
        statuses = [(await post(server, Wire.ANTHROPIC, body)).status_code for body in bodies]
    assert statuses == [400, 400, 503, 200]


# -- going on -----------------------------------------------------------------------------------------------------


def continuation(wire: Wire, text: str) -> dict[str, Any]:
    """What riverrun itself asks when `text` was said."""
    provider = provider_of(wire)
    step = next_request(QUESTION, InterruptSnapshot(text), ContinueText(text), provider.capabilities(QUESTION))
    assert isinstance(step, NextRequest)
    body = json.loads(provider.encode(step.request, step.form).body)
    return dict(body)


@given(st.text(st.characters(codec="utf-8"), max_size=300).map(lambda text: f"«{text}»"))
def test_what_riverrun_says_was_said_is_read_back_exactly(text: str) -> None:
    for wire in Wire:
        read = read_continuation(wire, continuation(wire, text))
        assert read.text == text
        assert read.is_prefix is (wire in BY_PREFILL)
        assert read.is_quote is (wire not in BY_PREFILL)


@WIRES
async def test_an_honest_provider_goes_on_exactly_wherever_it_was_cut(wire: Wire) -> None:
    async with open_loopback(RIVERS) as server:
        for cut in range(1, len(RIVERS.text), 97):
            body = continuation(wire, RIVERS.text[:cut])
            said = read_continuation(wire, body).text
            assert said + text_in((await post(server, wire, body)).text) == RIVERS.text


async def test_a_trailing_turn_of_chat_is_gone_on_from_where_the_request_or_the_server_says_so() -> None:
    turn = said("A river")
    plain, flag = asking(turn), asking(turn) | {"continue_final_message": True}
    marked = asking(turn | {"prefix": True})
    assert [read_continuation(Wire.OPENAI, body).text for body in (plain, flag, marked)] == ["", "A river", "A river"]
    assert read_continuation(Wire.OPENAI, plain, continues=True).text == "A river"
    assert text_in((await seen(RIVERS, Wire.OPENAI, plain)).text) == RIVERS.text
    assert text_in((await seen(RIVERS, Wire.OPENAI, plain, continues=True)).text) == RIVERS.text[len("A river") :]


def test_thoughts_and_calls_of_earlier_turns_are_not_what_was_said() -> None:
    thought = {"text": "Hm.", "thought": True, "thoughtSignature": "c2ln"}
    turn: Any = {"role": "model", "parts": [thought, {"text": "A "}, {"text": "river"}]}
    assert read_continuation(Wire.GEMINI, {"contents": [turn]}) == Continuation("A river", is_prefix=True)
    items: Any = [{"type": "function_call"}, {"type": "function_call_output"}, {"role": "user", "content": "Go on."}]
    assert read_continuation(Wire.RESPONSES, {"input": items}) == Continuation()


@WIRES
async def test_words_that_were_never_said_are_refused(wire: Wire) -> None:
    response = await seen(RIVERS, wire, continuation(wire, "A lake does not stop at a stone"))
    assert response.status_code == 400
    assert "never said" in json.dumps(response.json()["error"])


async def test_a_prefill_that_ends_with_white_space_is_refused_as_anthropic_does() -> None:
    response = await seen(RIVERS, Wire.ANTHROPIC, asking(said("A river ")))
    assert "trailing whitespace" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("manner", "expected"),
    [
        (Manner.ECHO, RIVERS.text),
        (Manner.OVERLAP, RIVERS.text[60:]),
        (Manner.SKIP, RIVERS.text[140:]),
        (Manner.RESTART, retelling(RIVERS.text)),
    ],
)
async def test_other_manners_do_what_they_say(manner: Manner, expected: str) -> None:
    body = asking(said(RIVERS.text[:100].rstrip()))
    assert len(RIVERS.text[:100].rstrip()) == 100
    assert text_in((await seen(RIVERS, Wire.ANTHROPIC, body, manner=manner)).text) == expected
