"""The transport's own duties: it names what a client raises, and leaves nothing behind where sending breaks off."""

from __future__ import annotations

import gc
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Any

import h2.exceptions
import httpcore
import httpx
import httpx2
import pytest
import trio

import riverrun as rr
from riverrun.engine.core.causes import (
    ConnectionReset,
    GoAway,
    IdleStall,
    InterruptCause,
    MalformedStream,
    PrematureEnd,
)
from riverrun.engine.core.provider import WireRequest
from riverrun.engine.http.transport import HTTPTransport, TransportError, cause_of

CLIENTS = pytest.mark.parametrize("client", [httpx.AsyncClient, httpx2.AsyncClient])
LARGE = b"x" * 8_000_000
"""More than the buffers of a loopback connection hold: sending it waits for the server."""

RAISED: list[tuple[Exception, InterruptCause | None]] = [
    (h2.exceptions.ProtocolError("Invalid input ConnectionInputs.RECV_DATA in state ConnectionState.CLOSED"), GoAway()),
    (h2.exceptions.StreamClosedError(1), GoAway()),
    (httpcore.RemoteProtocolError("<ConnectionTerminated error_code:0, last_stream_id:1>"), GoAway()),
    (httpcore.RemoteProtocolError("<StreamReset stream_id:1, error_code:2, remote_reset:True>"), ConnectionReset()),
    (httpx.RemoteProtocolError("peer closed connection without sending complete message body"), PrematureEnd()),
    (httpx.RemoteProtocolError("illegal chunk header"), MalformedStream("illegal chunk header")),
    (httpx2.ReadError(""), ConnectionReset()),
    (httpx.PoolTimeout(""), IdleStall("pool")),
    (httpx2.ConnectTimeout(""), IdleStall("connect")),
    (ValueError("a defect of somebody's"), None),
]


@pytest.mark.parametrize(("error", "cause"), RAISED, ids=repr)
def test_what_a_client_raises_has_one_name(error: Exception, cause: InterruptCause | None) -> None:
    assert cause_of(error) == cause


async def reset(stream: trio.SocketStream) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await stream.aclose()


async def reset_at_once(stream: trio.SocketStream) -> None:
    await stream.receive_some(1000)
    await reset(stream)


async def read_nothing(stream: trio.SocketStream) -> None:
    await trio.sleep_forever()


async def send_large(
    client: Callable[[], object], serve: Callable[[trio.SocketStream], object], give_up_s: float
) -> None:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, serve, 0)
        port = listeners[0].socket.getsockname()[1]
        transport = HTTPTransport(client())
        with trio.move_on_after(give_up_s), pytest.raises(TransportError):
            await transport.open(WireRequest(f"http://127.0.0.1:{port}", {}, LARGE), connect_s=5.0)
        nursery.cancel_scope.cancel()
    gc.collect()  # a generator left suspended is warned of here, and warnings are errors


@pytest.mark.sockets
@CLIENTS
async def test_a_reset_while_a_request_is_sent_leaves_no_generator_behind(client: Callable[[], object]) -> None:
    await send_large(client, reset_at_once, 5.0)


@pytest.mark.sockets
@CLIENTS
async def test_a_cancel_while_a_request_is_sent_leaves_no_generator_behind(client: Callable[[], object]) -> None:
    await send_large(client, read_nothing, 0.05)


# -- why no connection was made ---------------------------------------------------------------------------------------


class Unreachable(httpx.AsyncBaseTransport):
    """A server whose certificate is its own."""

    asked = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        try:
            try:
                raise ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate")
            except ssl.SSLError as error:
                raise trio.BrokenResourceError from error
        except trio.BrokenResourceError:
            raise httpx.ConnectError("") from None


async def test_a_certificate_that_is_not_accepted_is_told_and_not_asked_again() -> None:
    server = Unreachable()

    with pytest.raises(
        rr.errors.InvalidRequest, match=r"certificate of example.org .*self-signed.* SSL_CERT_FILE"
    ) as caught:
        async with httpx.AsyncClient(transport=server) as client:
            provider = rr.OpenAIChat("m", api_key="k", base_url="https://example.org/v1", client=client)
            await rr.Engine(provider).complete(rr.InferenceRequest(rr.Message.user("?")))
    assert (server.asked, caught.value.is_retryable) == (1, False)


async def why_not_connected(scheme: str, client: object) -> TransportError:
    """What is said of a server that does not speak TLS, or, for http, of one that is no more."""
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, say_some_and_break, 0)
        port = listeners[0].socket.getsockname()[1]
        if scheme == "http":
            nursery.cancel_scope.cancel()
        else:
            with pytest.raises(TransportError) as caught:
                await HTTPTransport(client).open(WireRequest(f"https://127.0.0.1:{port}", {}, b""), connect_s=5.0)
            nursery.cancel_scope.cancel()
            return caught.value
    with pytest.raises(TransportError) as caught:
        await HTTPTransport(client).open(WireRequest(f"http://127.0.0.1:{port}", {}, b""), connect_s=5.0)
    return caught.value


@pytest.mark.sockets
@CLIENTS
@pytest.mark.parametrize(("scheme", "why"), [("https", "SSL"), ("http", "refused")])
async def test_a_connection_that_can_not_be_made_says_why(client: Callable[[], object], scheme: str, why: str) -> None:
    error = await why_not_connected(scheme, client())
    assert error.cause == ConnectionReset()
    assert str(error).startswith("could not connect: ")
    assert why in str(error)


# -- the pool ---------------------------------------------------------------------------------------------------------


async def begin_an_answer(stream: trio.SocketStream) -> None:
    await stream.receive_some(1000)
    await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nsome")
    await trio.sleep_forever()


async def open_many(count: int, client: object | None, connect_s: float) -> TransportError | None:
    """Have that many answers under way at once; what there was against it."""
    error: TransportError | None = None
    transport = HTTPTransport(client)
    async with trio.open_nursery() as server:
        listeners = await server.start(trio.serve_tcp, begin_an_answer, 0)
        wire = WireRequest(f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}", {}, b"")
        async with trio.open_nursery() as answers:
            try:
                for _ in range(count):
                    answers.start_soon((await transport.open(wire, connect_s=connect_s)).pump)
            except TransportError as seen:
                error = seen
            answers.cancel_scope.cancel()
        server.cancel_scope.cancel()
    await transport.aclose()
    return error


@pytest.mark.sockets
async def test_more_answers_than_httpx_pools_by_default_are_under_way_at_once() -> None:
    assert await open_many(101, None, 5.0) is None


@pytest.mark.sockets
@CLIENTS
async def test_a_full_pool_of_the_callers_is_told_as_that_and_not_as_the_providers_stall(client: Any) -> None:
    limits = (httpx if client is httpx.AsyncClient else httpx2).Limits(max_connections=1)
    error = await open_many(2, client(limits=limits), 0.05)
    assert error is not None
    assert error.cause == IdleStall("pool")
    assert "limits=" in str(error)


# -- reading ----------------------------------------------------------------------------------------------------------


async def say_some_and_break(stream: trio.SocketStream) -> None:
    await stream.receive_some(1000)
    await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nsome")
    await trio.sleep(0.05)  # a reset may overtake what was sent
    await reset(stream)


async def read_a_broken_body(client: object) -> tuple[Any, list[object]]:
    """The client's response, and what reading its body three times gave."""
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, say_some_and_break, 0)
        port = listeners[0].socket.getsockname()[1]
        opened = await HTTPTransport(client).open(WireRequest(f"http://127.0.0.1:{port}", {}, b""), connect_s=5.0)
        nursery.start_soon(opened.pump)
        read: list[object] = []
        for _ in range(3):
            try:
                read.append(await opened.receive())
            except TransportError as error:
                read.append(error.cause)
        response: Any = opened._response  # what a hook of the caller's client was given
        await response.aclose()
        nursery.cancel_scope.cancel()
    return response, read


@pytest.mark.sockets
@CLIENTS
async def test_a_body_that_broke_gives_what_came_and_then_says_so_as_often_as_it_is_asked(
    client: Callable[[], object],
) -> None:
    _, read = await read_a_broken_body(client())
    assert read == [b"some", ConnectionReset(), ConnectionReset()]


@pytest.mark.sockets
@CLIENTS
async def test_a_response_that_was_read_can_be_closed_again_and_still_says_how_long_it_took(
    client: Callable[[], object],
) -> None:
    response, _ = await read_a_broken_body(client())
    assert response.is_closed
    assert response.elapsed.total_seconds() > 0
