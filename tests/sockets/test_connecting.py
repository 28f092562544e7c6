"""Making a connection: what a cancel, a resolver that hangs, or a thousand at once leave behind."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
import trio

from riverrun.engine.core.provider import WireRequest
from riverrun.engine.testing import Wire
from riverrun.engine.transport import HTTPTransport
from tests.sockets.conftest import sockets_open
from tests.sockets.peers import CLIENTS, Peer, check_whole, consume, run_here, until
from tests.sockets.raw import RawServer, stream_body, whole

pytestmark = pytest.mark.sockets


# -- a cancel inside a TLS handshake ----------------------------------------------------------------------------------


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


class Silent:
    """Accepts, reads what comes, and never answers a handshake."""

    def __init__(self) -> None:
        self.greeted = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        await stream.receive_some()
        self.greeted += 1
        while await stream.receive_some():
            pass


async def cancel_in_handshakes(client: str, times: int) -> int:
    """How many sockets are left."""
    server, transport = Silent(), HTTPTransport(CLIENTS[client]())
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, server.serve, 0)
        wire = WireRequest(f"https://127.0.0.1:{listeners[0].socket.getsockname()[1]}", {}, b"")
        before = sockets_open()
        for number in range(times):
            async with trio.open_nursery() as opening:
                opening.start_soon(lambda: transport.open(wire, connect_s=5.0))
                await until(lambda number=number: server.greeted > number)  # type: ignore[misc]
                opening.cancel_scope.cancel()
        with trio.move_on_after(2.0):  # the server's side closes when it has seen ours close
            await until(lambda: sockets_open() == before)
        left = sockets_open() - before
        nursery.cancel_scope.cancel()
    await transport.aclose()
    return left


@pytest.mark.parametrize("client", CLIENTS)
def test_a_cancel_inside_a_tls_handshake_leaves_no_socket(client: str, no_collector: None) -> None:
    assert run_here(lambda: cancel_in_handshakes(client, 300)) == 0


# -- cookies ----------------------------------------------------------------------------------------------------------


def test_the_engines_own_client_keeps_no_cookie() -> None:
    peer = Peer(Wire.OPENAI, "own")
    baked = whole("200 OK", stream_body(peer.wire, "ok"), "set-cookie: backend=7; Path=/", kind="text/event-stream")
    refused = whole("503 No", b"{}", "set-cookie: backend=8")

    async def say(stream: trio.SocketStream, number: int) -> bool:
        await stream.send_all(refused if number == 1 else baked)
        return True

    async def main() -> list[bytes]:
        async with RawServer(say) as server, peer.engine(server.port) as engine, engine:
            for _ in range(2):
                check_whole(await consume(engine), "ok")
            return server.requests

    requests = run_here(main)
    assert len(requests) == 3
    assert not [request for request in requests if b"cookie" in request.lower()]
